"""The hands of reap_instances: end what has ended, in steps of which each is safe alone.

(a) end the request, (b) give its room back, (c) fence the machine, (d) terminate it, (e) confirm it gone on a later
run. EC2 is listed before the records are read, so that a launch in between is never taken for an orphan. A listing
that fails stops the run: nothing is concluded from a part.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from railyard.errors import Conflict, RailyardError
from railyard.model.instances import Instance, Sighting
from railyard.model.launches import Launch
from railyard.model.ledger import Commit, RequestChange
from railyard.model.pools import Pool
from railyard.model.reasons import Code, Reason
from railyard.model.requests import Request, RequestState
from railyard.model.room import ending, machines_of, unclaimed
from reap_instances.plan import KEEP_GONE, End, Facts, Plan, plan
from reap_instances.settings import Settings

GONE_IN_ONE = 40
LOOK_IN_ONE = 50


class Pools(Protocol):
    """Every pool."""

    @property
    def pools(self) -> Mapping[str, Pool]: ...


class Ledger(Protocol):
    """The records."""

    def alive(self) -> Sequence[Instance]: ...
    def open_launches(self) -> Sequence[Launch]: ...
    def pools(self) -> Pools: ...
    def lapsed(self, pool: str, before: datetime) -> Sequence[Request]: ...
    def waiting(self, pool: str, limit: int = ...) -> Sequence[Request]: ...
    def requests(self, ids: Iterable[str]) -> Mapping[str, Request]: ...
    def instances(self, ids: Iterable[str]) -> Mapping[str, Instance]: ...
    def commit(self, change: Commit) -> None: ...


class Machines(Protocol):
    """EC2."""

    def owned(self) -> Sequence[Sighting]: ...
    def terminate(self, ids_by_zone: Mapping[str, Sequence[str]]) -> Mapping[str, RailyardError]: ...


class Pointing(Protocol):
    """A queue for pointers."""

    def send(self, pointers: Iterable[Mapping[str, Any]]) -> None: ...


@dataclass(slots=True)
class Outcome:
    """What a run did."""

    expired: int = 0
    fenced: list[End] = field(default_factory=list)
    terminated: int = 0
    refused: dict[str, RailyardError] = field(default_factory=dict)
    gone: int = 0
    held: int = 0
    closed: int = 0
    freed: int = 0
    deferred: int = 0
    pointers: int = 0
    conflicts: int = 0


def run(
    ledger: Ledger, machines: Machines, wake: Pointing, signals: Pointing, settings: Settings, now: datetime
) -> Outcome:
    """Reap once, at *now*."""
    outcome = Outcome()
    listed = machines.owned()
    records, launches, pools = ledger.alive(), ledger.open_launches(), ledger.pools().pools
    for pool in sorted(pools):
        for request in ledger.lapsed(pool, now - settings.clock_tolerance):
            outcome.expired += _end_request(request, ledger, now, outcome)
    facts = Facts(
        now=now,
        listed={each.instance_id: each for each in listed},
        records={each.instance_id: each for each in records},
        launches={each.launch_id: each for each in launches},
        pools=pools,
    )
    due = plan(facts, settings)
    _free_unclaimed(facts, ledger, outcome)
    _end(due, facts, ledger, machines, outcome)
    _confirm(due, ledger, now, outcome)
    _close(due, ledger, now, outcome)
    _point(due, pools, ledger, wake, signals, outcome)
    outcome.deferred = due.deferred
    return outcome


def _end_request(request: Request, ledger: Ledger, now: datetime, outcome: Outcome) -> int:
    """(a) and (b): no renewal can win after this write, because it is conditioned on the lease that was read."""
    after = request.expired(now)
    held = ledger.instances(machines_of(request, after)).values()
    return sum(_try(change, ledger, outcome) for change in ending(request, after, held, now)[:1])


def _free_unclaimed(facts: Facts, ledger: Ledger, outcome: Outcome) -> None:
    """Give back room whose request has ended: what a crash between two writes leaves."""
    tenants = {t.request_id for record in facts.records.values() for t in record.tenants}
    if not tenants:
        return
    requests = dict(ledger.requests(tenants))
    for record in facts.records.values():
        less = unclaimed(record, requests, facts.now)
        if less is not record:
            outcome.freed += _try(Commit(instances=((record, less),)), ledger, outcome)


def _end(due: Plan, facts: Facts, ledger: Ledger, machines: Machines, outcome: Outcome) -> None:
    """(c) and (d)."""
    fenced = list(due.terminate)
    for end in due.ends:
        if _try(_fence(end, ledger, facts.now), ledger, outcome):
            outcome.fenced.append(end)
            fenced.append(end.instance)
    by_zone: dict[str, list[str]] = {}
    for instance in fenced:
        by_zone.setdefault(instance.availability_zone, []).append(instance.instance_id)
    if by_zone:
        outcome.refused = dict(machines.terminate(by_zone))
        outcome.terminated = len(fenced) - len(outcome.refused)


def _fence(end: End, ledger: Ledger, now: datetime) -> Commit:
    """End the requests on the machine in the write that fences it: afterwards it has no shares, and takes none."""
    fenced = end.instance.vacated(now).terminating(end.why.value)
    changes = _evicted(end.instance, ledger, now, end.why.value)
    return Commit(requests=changes, instances=((end.instance, fenced),))


def _evicted(instance: Instance, ledger: Ledger, now: datetime, why: str) -> tuple[RequestChange, ...]:
    """What the end of *instance* means for those on it: a holder loses it, who still waits, waits for another."""
    if not instance.tenants:
        return ()
    changes: list[RequestChange] = []
    for request in ledger.requests({t.request_id for t in instance.tenants}).values():
        mine = frozenset(s.index for s in request.shares if s.instance_id == instance.instance_id)
        if mine and request.state is RequestState.FULFILLED:
            changes.append((request, request.lost(now, instance.instance_id, why)))
        elif mine and request.unanswered:
            changes.append((request, request.unplaced(mine)))
    return tuple(changes)


def _confirm(due: Plan, ledger: Ledger, now: datetime, outcome: Outcome) -> None:
    """(e), and the evidence for it. One that vanished with shares on it takes its requests along."""
    empty = [record for record in due.gone if not record.tenants]
    batches = [empty[i : i + GONE_IN_ONE] for i in range(0, len(empty), GONE_IN_ONE)]
    for batch in [*batches, *([record] for record in due.gone if record.tenants)]:
        evicted = tuple(change for each in batch for change in _evicted(each, ledger, now, "vanished"))
        buried = tuple((each, each.vacated(now).gone(now, KEEP_GONE)) for each in batch)
        if _try(Commit(requests=evicted, instances=buried), ledger, outcome):
            outcome.gone += len(batch)
    for record in due.missing:
        _try(Commit(instances=((record, record.missing(now)),)), ledger, outcome)
    for record in due.seen:
        _try(Commit(instances=((record, record.seen()),)), ledger, outcome)
    for record in due.held:
        outcome.held += _try(Commit(instances=((None, record),)), ledger, outcome)


def _close(due: Plan, ledger: Ledger, now: datetime, outcome: Outcome) -> None:
    """Close launches that nobody will hear of again; their shares wait for another one, or time out."""
    why = Reason(code=Code.INSUFFICIENT_CAPACITY, message="EC2 never answered the launch")
    for launch in due.close:
        requests = ledger.requests({slot.tenant.request_id for slot in launch.empty_slots})
        changes = []
        for request in requests.values():
            mine = frozenset(
                s.index for s in request.shares if s.launch_id == launch.launch_id and not s.instance_id
            )
            if request.unanswered and mine:
                changes.append((request, request.unplaced(mine, why)))
        change = Commit(launches=((launch, launch.settled(now, why.code)),), requests=tuple(changes))
        outcome.closed += _try(change, ledger, outcome)


def _point(
    due: Plan, pools: Mapping[str, Pool], ledger: Ledger, wake: Pointing, signals: Pointing, outcome: Outcome
) -> None:
    """Send the pointers that lost events owe."""
    waking: list[dict[str, str]] = [{"launch": launch_id} for launch_id in due.resume]
    waking += [{"pool": pool} for pool in sorted(pools) if ledger.waiting(pool, limit=1)]
    looking = [
        {"instances": list(due.look[i : i + LOOK_IN_ONE])} for i in range(0, len(due.look), LOOK_IN_ONE)
    ]
    if waking:
        wake.send(waking)
    if looking:
        signals.send(looking)
    outcome.pointers = len(waking) + len(looking)


def _try(change: Commit, ledger: Ledger, outcome: Outcome) -> bool:
    """Commit, or leave it to the next run: somebody changed the record first."""
    try:
        ledger.commit(change)
    except Conflict:
        outcome.conflicts += 1
        return False
    return True
