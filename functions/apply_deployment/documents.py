"""What a deployment brings: pools and requesters, read whole, every defect named at once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from railyard.errors import InvalidRequest
from railyard.model.pools import Requester
from railyard.wire.decoding import check, defects
from railyard.wire.pools import PoolDocument, RequesterDocument, pool_defects, read_requester
from railyard.wire.requests import Name


@dataclass(frozen=True, slots=True, kw_only=True)
class Documents:
    """The documents of a deployment, by name."""

    pools: Mapping[str, PoolDocument]
    requesters: tuple[Requester, ...]


def read(properties: Mapping[str, Any], *, image_ids_allowed: bool = False) -> Documents:
    """Return the documents in the custom resource's *properties*; raises InvalidRequest naming every defect."""
    pools, requesters = json.loads(properties["Pools"]), json.loads(properties["Requesters"])
    wrong = [
        defect
        for name, value in sorted(pools.items())
        for defect in pool_defects(name, value, image_ids_allowed=image_ids_allowed)
    ]
    wrong += defects(requesters, dict[Name, RequesterDocument], "requesters")
    if not pools:
        wrong.append("pools: there is none; a deployment needs at least one")
    if wrong:
        raise InvalidRequest("; ".join(wrong))
    return Documents(
        pools={name: check(PoolDocument, value) for name, value in sorted(pools.items())},
        requesters=tuple(read_requester(name, value) for name, value in sorted(requesters.items())),
    )
