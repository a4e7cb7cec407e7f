"""From documents to what the tables shall hold: zones found, only what is ours touched, nothing forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from apply_deployment.documents import Documents
from railyard.errors import InvalidRequest
from railyard.model.ledger import Known
from railyard.model.networks import Defaults, Network
from railyard.model.pools import DEPLOYED, Pool, Requester, deployment_defects, succeeding
from railyard.wire.pools import resolve_pool

_THEIRS = "made through the API: delete it there first"

PoolChange = tuple[Pool | None, Pool | None]
RequesterChange = tuple[Requester | None, Requester | None]
"""(as read, as it shall be); None where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that a deployment changes in the tables."""

    pools: tuple[PoolChange, ...]
    requesters: tuple[RequesterChange, ...]


def plan(
    documents: Documents, network: Network, known: Known, requesters: Sequence[Requester], defaults: Defaults
) -> Plan:
    """Return what to write; raises InvalidRequest naming everything that does not fit what is there."""
    pools, wrong = _pools(documents, network, known, defaults)
    there = {each.name: each for each in requesters}
    changes: list[RequesterChange] = []
    for requester in documents.requesters:
        seen = there.get(requester.name)
        if seen and seen.managed != DEPLOYED:
            wrong.append(f"requesters.{seen.name}: {_THEIRS}")
        elif shall := succeeding(requester, seen):
            changes.append((seen, shall))
    declared = {each.name for each in documents.requesters}
    changes += [(each, None) for each in requesters if each.managed == DEPLOYED and each.name not in declared]
    if wrong:
        raise InvalidRequest("; ".join(wrong))
    return Plan(pools=tuple(pools), requesters=tuple(changes))


def _pools(
    documents: Documents, network: Network, known: Known, defaults: Defaults
) -> tuple[list[PoolChange], list[str]]:
    changes: list[PoolChange] = []
    wrong: list[str] = []
    for name, document in documents.pools.items():
        seen = known.pools.get(name)
        pool, found = resolve_pool(name, document, network, defaults)
        wrong += [f"pools.{name}.{each}" for each in found]
        wrong += [f"pools.{name}.{each}" for each in deployment_defects(pool, known.deployments.get(name))]
        if seen and seen.managed != DEPLOYED:
            wrong.append(f"pools.{name}: {_THEIRS}")
        elif shall := succeeding(pool, seen):
            changes.append((seen, shall))
    for name, pool in sorted(known.pools.items()):
        if pool.managed != DEPLOYED or name in documents.pools:
            continue
        if name in known.deployments:
            wrong.append(
                f"pools.{name}: AMI set {known.deployments[name].ami_set} is deployed to it: withdraw that first"
            )
        changes.append((pool, None))
    return changes, wrong
