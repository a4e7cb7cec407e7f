"""Shares that end: what the end of a request, of a machine or of a launch means for the others.

The request's own end comes first, or in the same transaction; room that a crash leaves behind is found by the reaper,
because a tenant whose request does not hold that share any more has no claim.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from railyard.model.instances import Instance, Tenant
from railyard.model.launches import Launch
from railyard.model.ledger import Commit, InstanceChange, RequestChange
from railyard.model.reasons import Reason
from railyard.model.requests import Request, RequestState

IN_ONE = 40
"""Machines whose room returns in one transaction, together with the request."""


def machines_of(before: Request, after: Request) -> dict[str, frozenset[int]]:
    """Return the machines that *after* uses less of than *before*, with the indexes of the shares given up."""
    staying = {(share.index, share.instance_id) for share in after.shares}
    going: dict[str, set[int]] = {}
    for share in before.shares:
        if share.instance_id and (share.index, share.instance_id) not in staying:
            going.setdefault(share.instance_id, set()).add(share.index)
    return {instance_id: frozenset(indexes) for instance_id, indexes in sorted(going.items())}


def ending(
    before: Request | None, after: Request, machines: Iterable[Instance], now: datetime
) -> tuple[Commit, ...]:
    """Return the commits of a request's change with the room it gives back: the request in the first of them."""
    going = machines_of(before, after) if before else {}
    freed: list[InstanceChange] = []
    for machine in machines:
        less = machine.without(after.request_id, going.get(machine.instance_id, frozenset()), now)
        if less is not machine:
            freed.append((machine, less))
    first = Commit(requests=((before, after),), instances=tuple(freed[:IN_ONE]))
    rest = (Commit(instances=tuple(freed[i : i + IN_ONE])) for i in range(IN_ONE, len(freed), IN_ONE))
    return (first, *rest)


def evicted(
    machine: Instance, requests: Mapping[str, Request], why: str, now: datetime
) -> tuple[RequestChange, ...]:
    """Return what the end of *machine* means for *requests*: a holder loses it, who still waits, waits for another."""
    changes: list[RequestChange] = []
    for request in tenants_of(machine, requests):
        if request.state is RequestState.FULFILLED:
            changes.append((request, request.lost(now, machine.instance_id, why)))
        elif request.unanswered:
            changes.append((request, request.unplaced(request.shares_on(machine.instance_id))))
    return tuple(changes)


def tenants_of(machine: Instance, requests: Mapping[str, Request]) -> list[Request]:
    """Return those of *requests* that hold a share on *machine*, each once."""
    ids = dict.fromkeys(tenant.request_id for tenant in machine.tenants)
    return [requests[key] for key in ids if key in requests and requests[key].shares_on(machine.instance_id)]


def settle(launch: Launch, requests: Mapping[str, Request], obstacle: Reason, now: datetime) -> Commit:
    """Return the end of *launch*: empty slots are refused for certain, their shares wait again or are refused."""
    changes: list[RequestChange] = []
    for key in dict.fromkeys(slot.tenant.request_id for slot in launch.empty_slots):
        request = requests.get(key)
        tenants = [slot.tenant for slot in launch.empty_slots if slot.tenant.request_id == key]
        indexes = frozenset(tenant.index for tenant in tenants if awaits(request, tenant, launch))
        if request is not None and indexes:
            waiting = request.unplaced(indexes, obstacle)
            changes.append((request, waiting if obstacle.retryable else waiting.refused(obstacle, now)))
    return Commit(launches=((launch, launch.settled(now, obstacle.code)),), requests=tuple(changes))


def awaits(request: Request | None, tenant: Tenant, launch: Launch) -> bool:
    """Tell whether *request* still wants what the slot of *tenant* in *launch* brings."""
    if request is None or not request.unanswered:
        return False
    return any(s.index == tenant.index and s.launch_id == launch.launch_id for s in request.shares)


def unclaimed(machine: Instance, requests: Mapping[str, Request], now: datetime) -> Instance:
    """Return *machine* without tenants whose request does not hold that share (any more)."""
    holders = tenants_of(machine, requests)
    held = {(r.request_id, index) for r in holders for index in r.shares_on(machine.instance_id)}
    for tenant in machine.tenants:
        if (tenant.request_id, tenant.index) not in held:
            machine = machine.without(tenant.request_id, frozenset({tenant.index}), now)
    return machine
