"""Use what runs before anything is launched: shares on machines that are READY and have room.

The smallest machine that fits is taken, so that large rooms stay whole. A pool's rule of sharing decides who may
live together: ``exclusive`` alone, ``requester`` with itself, ``pool`` with everybody who agrees to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from fnmatch import fnmatchcase

from allocate_instances.plan.placing import Facts, Waiting
from railyard.model.allocations import allocation
from railyard.model.instances import MAX_SHARES, PLACEABLE, Instance, Tenant
from railyard.model.ledger import Commit
from railyard.model.requests import Request


def least_vcpus(waiting: Sequence[Waiting], facts: Facts) -> dict[tuple[str, str], int]:
    """Return the fewest vCPUs that would help, by (pool, architecture) in which any machine may run at all."""
    least: dict[tuple[str, str], int] = {}
    for _, request in waiting:
        pool, left = facts.pools.get(request.pool), facts.counters.get(request.pool)
        if pool is None or left is None or left.slots_free == pool.limits.instances:
            continue  # nothing runs there
        for architecture in pool.architectures:
            if request.need.architecture in (architecture, "any"):
                key = request.pool, architecture
                least[key] = min(least.get(key, request.need.vcpus), request.need.vcpus)
    return least


def reuse(waiting: Sequence[Waiting], machines: Iterable[Instance], facts: Facts) -> tuple[Commit, ...]:
    """Return one commit for each request of *waiting* that finds room on *machines*; the others are untouched."""
    room = {machine.instance_id: machine for machine in machines}
    stored = dict(room)
    commits = []
    for before, request in waiting:
        if request.parameters:
            continue  # they become tags at birth, and that is over
        used: dict[str, Instance] = {}
        now = request
        for share in request.shares:
            tenant = request.tenant(share.index)
            hosting = None if share.launch_id else _smallest(request, tenant, room, facts)
            if hosting is None:
                continue
            room[hosting.instance_id] = used[hosting.instance_id] = hosting
            now = now.seated(allocation(hosting, tenant), hosting.launch_id)
        if used:
            now = now.fulfilled(facts.now) if now.complete else now
            commits.append(
                Commit(requests=((before, now),), instances=tuple((stored[key], used[key]) for key in used))
            )
            stored |= used
    return tuple(commits)


def _smallest(
    request: Request, tenant: Tenant, room: Mapping[str, Instance], facts: Facts
) -> Instance | None:
    """Return the smallest machine that serves *tenant*, with it on board."""
    fits = [machine for machine in room.values() if _serves(machine, request, tenant, facts)]
    best = min(fits, key=lambda m: (m.free.vcpus, m.free.memory_mib, m.instance_id), default=None)
    return best.hosting(tenant) if best else None


def _serves(machine: Instance, request: Request, tenant: Tenant, facts: Facts) -> bool:
    """Whether *machine* serves *tenant* of *request*.

    After a release, a rollback or a bad image nobody is put on another image than the pool launches now: what has one
    runs out, is idle and is reaped. Where the image of now is unknown, any will do.
    """
    need = request.need
    return (
        machine.state in PLACEABLE
        and bool(machine.private_ip)
        and machine.pool == request.pool
        and machine.free.holds(tenant.room)
        and len(machine.tenants) < MAX_SHARES
        and machine.template == facts.templates.get(machine.pool)
        and machine.image_id == facts.images[machine.pool].get(machine.architecture, machine.image_id)
        and machine.ends_at > facts.now + timedelta(seconds=request.lease_seconds)
        and need.architecture in (machine.architecture, "any")
        and request.market in (machine.market, "spot-first")
        and (not need.zones or machine.availability_zone in need.zones)
        and (
            not need.instance_types or any(fnmatchcase(machine.instance_type, g) for g in need.instance_types)
        )
        and need.gpu_name is None
        and not need.local_disk_gib
        and _together(tenant, machine.tenants)
    )


def _together(newcomer: Tenant, tenants: Sequence[Tenant]) -> bool:
    """Whether *newcomer* may live with *tenants*: each side's rule must agree."""

    def agrees(one: Tenant, other: Tenant) -> bool:
        return one.sharing == "pool" or (one.sharing == "requester" and one.requester == other.requester)

    return all(agrees(newcomer, tenant) and agrees(tenant, newcomer) for tenant in tenants)
