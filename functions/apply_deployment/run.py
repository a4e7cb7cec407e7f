"""The hands of apply_deployment: write pools and requesters, then wake the first refreshes.

A wrong pool fails the deployment, which is where an operator looks. A feed or a price list that does not answer does
not: requests wait until an image is there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from apply_deployment.documents import read
from apply_deployment.plan import PoolWrite, Subnet, plan
from apply_deployment.settings import Settings
from railyard.model.pools import Pool, Requester


class Network(Protocol):
    """The subnets of this region."""

    def subnets(self) -> Sequence[Subnet]: ...


class Store(Protocol):
    """Pools and requesters."""

    def pools(self) -> Mapping[str, Pool]: ...
    def requesters(self) -> Sequence[Requester]: ...
    def write_pool(self, write: PoolWrite) -> None: ...
    def remove_pool(self, pool: Pool) -> None: ...
    def write_requester(self, requester: Requester) -> None: ...
    def remove_requester(self, name: str) -> None: ...


class Functions(Protocol):
    """Other functions of the stack, invoked without waiting."""

    def wake(self, name: str) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How much was written."""

    pools: int
    removed: int
    requesters: int
    woken: int


def run(
    properties: Mapping[str, Any], network: Network, store: Store, functions: Functions, settings: Settings
) -> Outcome:
    """Apply the documents in *properties*; raises InvalidRequest with every defect, before anything is written."""
    documents = read(properties)
    due = plan(
        documents,
        network.subnets(),
        store.pools(),
        store.requesters(),
        security_group=settings.default_security_group,
        instance_profile=settings.node_profile_arn,
    )
    for requester in due.requesters:
        store.write_requester(requester)
    for write in due.pools:
        store.write_pool(write)
    for pool in due.removed_pools:
        store.remove_pool(pool)
    for name in due.removed_requesters:
        store.remove_requester(name)
    for name in settings.refresh_functions:
        functions.wake(name)
    return Outcome(
        pools=len(due.pools),
        removed=len(due.removed_pools) + len(due.removed_requesters),
        requesters=len(due.requesters),
        woken=len(settings.refresh_functions),
    )
