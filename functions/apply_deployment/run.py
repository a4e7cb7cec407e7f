"""The hands of apply_deployment: write pools and requesters, then wake the first refreshes.

A wrong pool fails the deployment, which is where an operator looks. A feed or a price list that does not answer does
not: requests wait until an image is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from apply_deployment.documents import read
from apply_deployment.plan import plan
from apply_deployment.settings import Settings
from railyard.model.ledger import Known
from railyard.model.networks import Defaults, Network
from railyard.model.pools import Pool, Requester


class Pools(Protocol):
    """Definitions of pools, written over what was read (Conflict); None closes one."""

    def all(self) -> Known: ...
    def write(self, seen: Pool | None, shall: Pool | None) -> None: ...


class Requesters(Protocol):
    """Requesters, written over what was read (Conflict); None forgets one."""

    def all(self) -> Sequence[Requester]: ...
    def write(self, seen: Requester | None, shall: Requester | None) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """What a run holds in its hands. *look* shows the network, *wake* invokes a function and does not wait."""

    pools: Pools
    requesters: Requesters
    look: Callable[[Iterable[str]], Network]
    wake: Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How much was written."""

    pools: int
    removed: int
    requesters: int
    woken: int


def run(properties: Mapping[str, Any], ports: Ports, settings: Settings) -> Outcome:
    """Apply the documents in *properties*; raises InvalidRequest with every defect, before anything is written."""
    documents = read(properties, image_ids_allowed=settings.image_ids_allowed)
    groups = (settings.default_security_group,)
    named = {group for pool in documents.pools.values() for group in pool.security_groups}
    due = plan(
        documents,
        ports.look(named.union(groups)),
        ports.pools.all(),
        ports.requesters.all(),
        Defaults(security_groups=groups, instance_profile=settings.node_profile_arn),
    )
    for seen, shall in due.requesters:
        ports.requesters.write(seen, shall)
    for was, becomes in due.pools:
        ports.pools.write(was, becomes)
    for name in settings.refresh_functions:
        ports.wake(name)
    pools, requesters = (
        sum(shall is not None for _, shall in changes) for changes in (due.pools, due.requesters)
    )
    return Outcome(
        pools=pools,
        removed=len(due.pools) + len(due.requesters) - pools - requesters,
        requesters=requesters,
        woken=len(settings.refresh_functions),
    )
