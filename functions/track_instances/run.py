"""The hands of track_instances: look at the machines that signals point to, write what has changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from railyard.errors import Conflict
from railyard.model.instances import Instance, InstanceState, Sighting
from railyard.model.ledger import Commit
from railyard.model.pools import Pool
from railyard.model.requests import Request
from track_instances.plan import track
from track_instances.signals import Signal

_TRIES = 5


class Ledger(Protocol):
    """The records of machines and of the requests on them."""

    def instances(self, ids: Iterable[str]) -> Mapping[str, Instance]: ...
    def requests(self, ids: Iterable[str]) -> Mapping[str, Request]: ...
    def pool(self, name: str) -> Pool | None: ...
    def commit(self, change: Commit) -> None: ...


class Machines(Protocol):
    """EC2, as far as a look goes."""

    def look(self, ids: Sequence[str]) -> Sequence[Sighting]: ...


class Waking(Protocol):
    """The queue that wakes a pool's waiting requests."""

    def send(self, pointers: Iterable[Mapping[str, Any]]) -> None: ...


@dataclass(slots=True)
class Outcome:
    """What became of the machines looked at."""

    ready: int = 0
    warned: int = 0
    lost: int = 0
    unchanged: int = 0
    unknown: int = 0
    woken: set[str] = field(default_factory=set)


def run(
    signals: Sequence[Signal], ledger: Ledger, machines: Machines, waking: Waking, now: datetime
) -> Outcome:
    """Follow *signals*. One about a machine that is not in our records is none of our business."""
    outcome = Outcome()
    wanted = _strongest(signals)
    known = dict(ledger.instances(wanted))
    outcome.unknown = len(wanted) - len(known)
    if not known:
        return outcome
    seen = {sighting.instance_id: sighting for sighting in machines.look(sorted(known))}
    requests = dict(ledger.requests(t.request_id for i in known.values() for t in i.tenants))
    agents = {name: bool(pool and pool.agent) for name in _pools(known) for pool in (ledger.pool(name),)}
    for instance_id in sorted(known):
        _follow(wanted[instance_id], seen.get(instance_id), known, requests, agents, ledger, now, outcome)
    if outcome.woken:
        waking.send({"pool": pool} for pool in sorted(outcome.woken))
    return outcome


def _follow(
    signal: Signal,
    sighting: Sighting | None,
    known: dict[str, Instance],
    requests: dict[str, Request],
    agents: Mapping[str, bool],
    ledger: Ledger,
    now: datetime,
    outcome: Outcome,
) -> None:
    """Decide and commit for one machine; a lost race reads again and decides anew."""
    for _ in range(_TRIES):
        instance = known[signal.instance_id]
        change = track(instance, sighting, signal, requests, agent=agents[instance.pool], now=now)
        if change is None:
            outcome.unchanged += 1
            return
        try:
            ledger.commit(change)
        except Conflict:
            known.update(ledger.instances([signal.instance_id]))
            requests.update(ledger.requests(t.request_id for t in known[signal.instance_id].tenants))
            continue
        requests.update({after.request_id: after for _, after in change.requests})
        _count(change, outcome)
        return
    raise Conflict(f"instance {signal.instance_id} keeps changing")


def _count(change: Commit, outcome: Outcome) -> None:
    after = change.instances[0][1]
    if after.state is InstanceState.READY:
        outcome.ready += 1
    elif after.state is InstanceState.DRAINING:
        outcome.warned += 1
    else:
        outcome.lost += 1
    if any(request.unanswered for _, request in change.requests) or after.state is InstanceState.READY:
        outcome.woken.add(after.pool)


def _strongest(signals: Iterable[Signal]) -> dict[str, Signal]:
    """One signal a machine: a warning or a report says more than a mere pointer."""
    found: dict[str, Signal] = {}
    for signal in signals:
        held = found.get(signal.instance_id)
        if held is None or signal.warned_for or signal.reported:
            found[signal.instance_id] = signal
    return found


def _pools(known: Mapping[str, Instance]) -> set[str]:
    return {instance.pool for instance in known.values()}
