"""Giving room back when shares end: which machines lose which tenants.

The request's own end comes first, or in the same transaction; room that a crash leaves behind is found by the reaper,
because a tenant whose request does not hold that share any more has no claim.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from railyard.model.instances import Instance
from railyard.model.ledger import Commit, InstanceChange
from railyard.model.requests import Request

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


def unclaimed(machine: Instance, requests: dict[str, Request], now: datetime) -> Instance:
    """Return *machine* without tenants whose request does not hold that share (any more)."""
    held = {
        (r.request_id, s.index)
        for r in requests.values()
        for s in r.shares
        if s.instance_id == machine.instance_id
    }
    for tenant in machine.tenants:
        if (tenant.request_id, tenant.index) not in held:
            machine = machine.without(tenant.request_id, frozenset({tenant.index}), now)
    return machine
