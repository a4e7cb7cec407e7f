"""What a deployment brings: pools and requesters, read whole, every defect named at once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from railyard.errors import InvalidRequest
from railyard.model.pools import Requester
from railyard.wire.pools import PoolDocument, pool_defects, read_pool, read_requester


@dataclass(frozen=True, slots=True, kw_only=True)
class Documents:
    """The documents of a deployment, by name."""

    pools: Mapping[str, PoolDocument]
    requesters: tuple[Requester, ...]


def read(properties: Mapping[str, Any]) -> Documents:
    """Return the documents in the custom resource's *properties*; raises InvalidRequest naming every defect."""
    pools, requesters = json.loads(properties["Pools"]), json.loads(properties["Requesters"])
    defects = [defect for name, value in sorted(pools.items()) for defect in pool_defects(name, value)]
    read_requesters = []
    for name, value in sorted(requesters.items()):
        try:
            read_requesters.append(read_requester(name, value))
        except InvalidRequest as wrong:
            defects.append(f"requesters.{name}.{wrong.path}: {wrong}")
    if not pools:
        defects.append("pools: there is none; a deployment needs at least one")
    if defects:
        raise InvalidRequest("; ".join(defects))
    return Documents(
        pools={name: read_pool(name, value) for name, value in sorted(pools.items())},
        requesters=tuple(read_requesters),
    )
