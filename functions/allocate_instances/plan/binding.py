"""Who gets which of the machines that EC2 gave.

Slots are numbered; sorted instance ids take free slots in order; what comes beyond the plan is spare room. A machine
whose request has ended meanwhile is spare too: it stays, idle, until somebody else needs it or the reaper takes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from railyard.model.instances import Instance, InstanceState, Machine, Tenant
from railyard.model.launches import Launch, Offering
from railyard.model.ledger import Commit, InstanceChange
from railyard.model.requests import Request
from railyard.model.room import awaits

MAX_MACHINES = 30
"""Machines bound in one transaction. ``docs/protocol.md`` rule 8."""


def bind(
    launch: Launch, machines: Sequence[Machine], requests: Mapping[str, Request], now: datetime
) -> Commit:
    """Return the next step of binding *machines*: at most 30 of those that no slot and no record has yet."""
    taken = {slot.instance_id for slot in launch.slots}
    fresh = sorted((m for m in machines if m.instance_id not in taken), key=lambda m: m.instance_id)[
        :MAX_MACHINES
    ]
    empty = launch.empty_slots
    seated = dict(zip((slot.number for slot in empty), fresh, strict=False))
    slots = {slot.number: slot for slot in empty}
    instances: list[InstanceChange] = []
    by_request: dict[str, dict[int, str]] = {}
    for number, machine in seated.items():
        tenant = slots[number].tenant
        awaited = awaits(requests.get(tenant.request_id), tenant, launch)
        if awaited:
            by_request.setdefault(tenant.request_id, {})[tenant.index] = machine.instance_id
        instances.append((None, _record(launch, machine, tenant if awaited else None, now)))
    spare = fresh[len(seated) :]
    instances += [(None, _record(launch, machine, None, now)) for machine in spare]
    bound = launch.bound({number: machine.instance_id for number, machine in seated.items()})
    if not bound.empty_slots:
        bound = bound.settled(now)
    return Commit(
        launches=((launch, bound),),
        instances=tuple(instances),
        requests=tuple((requests[key], requests[key].bound(given)) for key, given in by_request.items()),
    )


def unbound(launch: Launch, machines: Sequence[Machine]) -> bool:
    """Tell whether some of *machines* have no slot of *launch* yet, while there are empty ones."""
    taken = {slot.instance_id for slot in launch.slots}
    return bool(launch.empty_slots) and any(m.instance_id not in taken for m in machines)


def _record(launch: Launch, machine: Machine, tenant: Tenant | None, now: datetime) -> Instance:
    offering = _offering(launch, machine)
    return Instance(
        instance_id=machine.instance_id,
        state=InstanceState.LAUNCHING,
        pool=launch.pool,
        launch_id=launch.launch_id,
        architecture=offering.architecture,
        instance_type=machine.instance_type,
        availability_zone=machine.availability_zone,
        market=machine.market,
        image_id=launch.plan.images[offering.architecture],
        template=launch.plan.template,
        agent=launch.plan.agent,
        usd_micros_per_hour=offering.usd_micros_per_hour,
        capacity=offering.capacity,
        free=offering.capacity.minus(tenant.room) if tenant else offering.capacity,
        tenants=(tenant,) if tenant else (),
        launched_at=now,
        ends_at=launch.plan.ends_at,
        idle_since=None if tenant else now,
    )


def _offering(launch: Launch, machine: Machine) -> Offering:
    """The offering that *machine* came from; any of its type will do for price and room."""
    same = [o for o in launch.plan.offerings if o.instance_type == machine.instance_type]
    exact = [o for o in same if o.availability_zone == machine.availability_zone]
    return (exact or same or list(launch.plan.offerings))[0]
