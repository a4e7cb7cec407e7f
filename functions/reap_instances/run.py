"""The hands of reap_instances: end what has ended, in steps of which each is safe alone.

(a) end the request, (b) give its room back, (c) fence the machine, (d) terminate it, (e) confirm it gone on a later
run. EC2 is listed before the records are read, so that a launch in between is never taken for an orphan. A listing
that fails stops the run: nothing is concluded from a part.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from railyard.errors import Conflict, RailyardError
from railyard.model.instances import Instance, Sighting
from railyard.model.launches import Launch
from railyard.model.ledger import Commit, Known, RequestChange
from railyard.model.reasons import Code, Reason
from railyard.model.requests import Request
from railyard.model.room import ending, evicted, machines_of, settle, unclaimed
from reap_instances.plan import KEEP_GONE, End, Facts, Plan, plan
from reap_instances.settings import Settings

GONE_IN_ONE = 40
LOOK_IN_ONE = 50


class Ledger(Protocol):
    """The records."""

    def alive(self) -> Sequence[Instance]: ...
    def open_launches(self) -> Sequence[Launch]: ...
    def pools(self) -> Known: ...
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Everything that a run touches: *wake* takes what may go on, *signals* what track_instances shall look at."""

    ledger: Ledger
    machines: Machines
    wake: Pointing
    signals: Pointing


def run(ports: Ports, settings: Settings, now: datetime) -> Outcome:
    """Reap once, at *now*."""
    listed = ports.machines.owned()
    ledger = ports.ledger
    records, launches, known = ledger.alive(), ledger.open_launches(), ledger.pools()
    pools = known.pools
    reaping = _Reaping(ports, now)
    for pool in sorted(pools):
        for request in ledger.lapsed(pool, now - settings.clock_tolerance):
            reaping.end_request(request)
    facts = Facts(
        now=now,
        listed={each.instance_id: each for each in listed},
        records={each.instance_id: each for each in records},
        launches={each.launch_id: each for each in launches},
        pools=pools,
        switches=known.switches,
    )
    due = plan(facts, settings)
    reaping.free_unclaimed(facts.records.values())
    reaping.end(due)
    reaping.confirm(due)
    reaping.close(due.close)
    reaping.point(due, pools)
    return reaping.outcome


class _Reaping:
    """One run: its ports and its moment, and what has been done."""

    def __init__(self, ports: Ports, now: datetime) -> None:
        self._ports, self._ledger = ports, ports.ledger
        self._now = now
        self.outcome = Outcome()

    def end_request(self, request: Request) -> None:
        """(a) and (b): no renewal can win after this write, because it is conditioned on the lease that was read."""
        after = request.expired(self._now)
        held = self._ledger.instances(machines_of(request, after)).values()
        self.outcome.expired += self._try(ending(request, after, held, self._now)[0])

    def free_unclaimed(self, records: Collection[Instance]) -> None:
        """Give back room whose request has ended: what a crash between two writes leaves."""
        tenants = {tenant.request_id for record in records for tenant in record.tenants}
        requests = self._ledger.requests(tenants) if tenants else {}
        for record in records:
            less = unclaimed(record, requests, self._now)
            if less is not record:
                self.outcome.freed += self._try(Commit(instances=((record, less),)))

    def end(self, due: Plan) -> None:
        """(c) and (d)."""
        fenced = list(due.terminate)
        for end in due.ends:
            if self._try(self._fence(end)):
                self.outcome.fenced.append(end)
                fenced.append(end.instance)
        by_zone: dict[str, list[str]] = {}
        for instance in fenced:
            by_zone.setdefault(instance.availability_zone, []).append(instance.instance_id)
        if by_zone:
            self.outcome.refused = dict(self._ports.machines.terminate(by_zone))
            self.outcome.terminated = len(fenced) - len(self.outcome.refused)
        self.outcome.deferred = due.deferred

    def confirm(self, due: Plan) -> None:
        """(e), and the evidence for it. One that vanished with shares on it takes its requests along."""
        empty = [record for record in due.gone if not record.tenants]
        batches = [empty[i : i + GONE_IN_ONE] for i in range(0, len(empty), GONE_IN_ONE)]
        for batch in [*batches, *([record] for record in due.gone if record.tenants)]:
            changes = tuple(change for each in batch for change in self._evicted(each, "vanished"))
            buried = tuple((each, each.vacated(self._now).gone(self._now, KEEP_GONE)) for each in batch)
            if self._try(Commit(requests=changes, instances=buried)):
                self.outcome.gone += len(batch)
        for record in due.missing:
            self._try(Commit(instances=((record, record.missing(self._now)),)))
        for record in due.seen:
            self._try(Commit(instances=((record, record.seen()),)))
        for record in due.held:
            self.outcome.held += self._try(Commit(instances=((None, record),)))

    def close(self, launches: Iterable[Launch]) -> None:
        """Close *launches* that nobody will hear of again; their shares wait for another one, or time out."""
        why = Reason(Code.INSUFFICIENT_CAPACITY, "EC2 never answered the launch")
        for launch in launches:
            requests = self._ledger.requests({slot.tenant.request_id for slot in launch.empty_slots})
            self.outcome.closed += self._try(settle(launch, requests, why, self._now))

    def point(self, due: Plan, pools: Iterable[str]) -> None:
        """Send the pointers that lost events owe."""
        waking: list[dict[str, str]] = [{"launch": launch_id} for launch_id in due.resume]
        waking += [{"pool": pool} for pool in sorted(pools) if self._ledger.waiting(pool, limit=1)]
        batches = (due.look[i : i + LOOK_IN_ONE] for i in range(0, len(due.look), LOOK_IN_ONE))
        looking = [{"instances": list(batch)} for batch in batches]
        if waking:
            self._ports.wake.send(waking)
        if looking:
            self._ports.signals.send(looking)
        self.outcome.pointers = len(waking) + len(looking)

    def _fence(self, end: End) -> Commit:
        """End the requests on the machine in the write that fences it: afterwards it has no shares, and takes none."""
        fenced = end.instance.vacated(self._now).terminating(end.why.value)
        changes = self._evicted(end.instance, end.why.value)
        return Commit(requests=changes, instances=((end.instance, fenced),))

    def _evicted(self, instance: Instance, why: str) -> tuple[RequestChange, ...]:
        tenants = {tenant.request_id for tenant in instance.tenants}
        return evicted(instance, self._ledger.requests(tenants), why, self._now) if tenants else ()

    def _try(self, change: Commit) -> bool:
        """Commit, or leave it to the next run: somebody changed the record first."""
        try:
            self._ledger.commit(change)
        except Conflict:
            self.outcome.conflicts += 1
            return False
        return True
