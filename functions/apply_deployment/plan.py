"""From documents to what the tables shall hold: zones found, limits compared, nothing forgotten."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from apply_deployment.documents import Documents
from railyard.errors import InvalidRequest
from railyard.model.ledger import Weight, weight_of_limits
from railyard.model.pools import Pool, Requester
from railyard.wire.pools import PoolDocument, resolve_pool


@dataclass(frozen=True, slots=True, kw_only=True)
class Subnet:
    """A subnet as EC2 shows it."""

    subnet_id: str
    zone: str
    vpc_id: str
    default: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolWrite:
    """A pool to be written over *seen*, with what is added to what is left of its limits."""

    pool: Pool
    seen: Pool | None
    added: Weight


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that a deployment changes in the tables."""

    pools: tuple[PoolWrite, ...]
    removed_pools: tuple[Pool, ...]
    requesters: tuple[Requester, ...]
    removed_requesters: tuple[str, ...]


def plan(
    documents: Documents,
    subnets: Sequence[Subnet],
    current: Mapping[str, Pool],
    requesters: Sequence[Requester],
    *,
    security_group: str,
    instance_profile: str,
) -> Plan:
    """Return what to write; raises InvalidRequest naming every pool whose network does not fit."""
    defects: list[str] = []
    writes: list[PoolWrite] = []
    for name, document in documents.pools.items():
        seen = current.get(name)
        zones, wrong = _zones(name, document, subnets)
        defects += wrong
        pool = resolve_pool(
            name,
            document,
            generation=seen.generation + 1 if seen else 1,
            subnets=zones,
            security_group=security_group,
            instance_profile=instance_profile,
        )
        if seen is None or replace(pool, generation=seen.generation) != seen:
            writes.append(_write(pool, seen))
    if defects:
        raise InvalidRequest("; ".join(defects))
    ours = {name: pool for name, pool in current.items() if pool.managed == "deployment"}
    wanted = {each.name for each in documents.requesters}
    return Plan(
        pools=tuple(writes),
        removed_pools=tuple(pool for name, pool in sorted(ours.items()) if name not in documents.pools),
        requesters=tuple(each for each in documents.requesters if each not in requesters),
        removed_requesters=tuple(sorted(each.name for each in requesters if each.name not in wanted)),
    )


def _write(pool: Pool, seen: Pool | None) -> PoolWrite:
    """Add the difference of the limits, so that what is in use stays accounted."""
    before = weight_of_limits(seen.limits if seen else None)
    return PoolWrite(pool=pool, seen=seen, added=weight_of_limits(pool.limits).plus(before, -1))


def _zones(name: str, document: PoolDocument, subnets: Sequence[Subnet]) -> tuple[dict[str, str], list[str]]:
    """Return zone -> subnet of a pool, the default VPC's if it names none; and what is wrong with it."""
    by_id = {subnet.subnet_id: subnet for subnet in subnets}
    where = f"pools.{name}.subnets"
    if not document.subnets:
        found = sorted((each for each in subnets if each.default), key=lambda each: each.subnet_id)
        if not found:
            return {}, [f"{where}: none given, and the account has no default VPC with default subnets here"]
        return {each.zone: each.subnet_id for each in found}, []
    defects = [f"{where}: {each} does not exist here" for each in document.subnets if each not in by_id]
    known = [by_id[each] for each in document.subnets if each in by_id]
    zones: dict[str, str] = {}
    for subnet in known:
        if subnet.zone in zones:
            defects.append(f"{where}: {subnet.subnet_id} and {zones[subnet.zone]} are both in {subnet.zone}")
        zones[subnet.zone] = subnet.subnet_id
    if len({subnet.vpc_id for subnet in known}) > 1:
        defects.append(f"{where}: they lie in more than one VPC")
    return zones, defects
