"""The hands of track_instances: look at the machines that signals point to, write what has changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

from railyard.errors import Conflict
from railyard.model.instances import Instance, InstanceState, Sighting
from railyard.model.ledger import Commit
from railyard.model.requests import Request
from track_instances.plan import track
from track_instances.settings import Settings
from track_instances.signals import SPOT_INTERRUPTION, Signal

_TRIES = 5
LOOK_AGAIN_SECONDS = 5
"""An event may be faster than the listing that it points to."""


class Ledger(Protocol):
    """The records of machines and of the requests on them."""

    def instances(self, ids: Iterable[str]) -> Mapping[str, Instance]: ...
    def requests(self, ids: Iterable[str]) -> Mapping[str, Request]: ...
    def commit(self, change: Commit) -> None: ...


class Machines(Protocol):
    """EC2, as far as a look goes."""

    def look(self, ids: Sequence[str]) -> Sequence[Sighting]: ...


class Pointing(Protocol):
    """A queue for pointers."""

    def send(self, pointers: Iterable[Mapping[str, Any]], *, delay_seconds: int = 0) -> None: ...


@dataclass(slots=True)
class Outcome:
    """What became of the machines looked at."""

    ready: int = 0
    warned: int = 0
    lost: int = 0
    unchanged: int = 0
    unknown: int = 0
    unseen: int = 0
    woken: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Everything that a run touches: *waking* takes pools that have waiting requests, *later* what to look at again."""

    ledger: Ledger
    machines: Machines
    waking: Pointing
    later: Pointing


def run(signals: Sequence[Signal], ports: Ports, settings: Settings, now: datetime) -> Outcome:
    """Follow *signals*. One about a machine that is not in our records is none of our business."""
    wanted = _together(signals)
    known = dict(ports.ledger.instances(wanted))
    if not known:
        return Outcome(unknown=len(wanted))
    seen = {sighting.instance_id: sighting for sighting in ports.machines.look(sorted(known))}
    tracking = _Tracking(ports.ledger, known, now)
    outcome = tracking.outcome
    outcome.unknown = len(wanted) - len(known)
    for instance_id in sorted(known):
        tracking.follow(wanted[instance_id], seen.get(instance_id))
    unseen = [i for i in known.values() if i.instance_id not in seen and _young(i, now, settings)]
    if unseen:
        outcome.unseen = len(unseen)
        ports.later.send([{"instances": [i.instance_id for i in unseen]}], delay_seconds=LOOK_AGAIN_SECONDS)
    if outcome.woken:
        ports.waking.send({"pool": pool} for pool in sorted(outcome.woken))
    return outcome


def _young(instance: Instance, now: datetime, settings: Settings) -> bool:
    """Whether EC2 may not show *instance* yet, although it has said something about it."""
    return instance.state is InstanceState.LAUNCHING and now - instance.launched_at < settings.visibility


class _Tracking:
    """One run: the records as last seen, and what became of them."""

    def __init__(self, ledger: Ledger, known: dict[str, Instance], now: datetime) -> None:
        self._ledger, self._known, self._now = ledger, known, now
        self._requests = dict(ledger.requests(t.request_id for i in known.values() for t in i.tenants))
        self.outcome = Outcome()

    def follow(self, signal: Signal, sighting: Sighting | None) -> None:
        """Decide and commit for one machine until there is nothing left to say; a lost race reads again."""
        key, changed = signal.instance_id, False
        for _ in range(_TRIES):
            change = track(self._known[key], sighting, signal, self._requests, self._now)
            if change is None:
                self.outcome.unchanged += not changed
                return
            try:
                self._ledger.commit(change)
            except Conflict:
                self._known.update(self._ledger.instances([key]))
                self._requests.update(self._ledger.requests(t.request_id for t in self._known[key].tenants))
                continue
            changed = True
            self._requests.update({after.request_id: after for _, after in change.requests})
            self._known[key] = change.instances[0][1]
            self._count(change)
        raise Conflict(f"instance {key} keeps changing")

    def _count(self, change: Commit) -> None:
        after = change.instances[0][1]
        if after.state is InstanceState.READY:
            self.outcome.ready += 1
        elif after.state is InstanceState.DRAINING:
            self.outcome.warned += 1
        else:
            self.outcome.lost += 1
        if any(request.unanswered for _, request in change.requests) or after.state is InstanceState.READY:
            self.outcome.woken.add(after.pool)


def _together(signals: Iterable[Signal]) -> dict[str, Signal]:
    """One signal a machine: whether it has reported, and the warning that leaves the least time to doubt."""
    found: dict[str, Signal] = {}
    for signal in signals:
        held = found.setdefault(signal.instance_id, signal)
        warning = signal if signal.why == SPOT_INTERRUPTION or not held.warned_for else held
        found[signal.instance_id] = replace(warning, reported=held.reported or signal.reported)
    return found
