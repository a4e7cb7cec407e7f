"""One launch, from its stored intent to bound machines: the part of the protocol that must survive a crash anywhere.

A call of CreateFleet is counted as open before it is made. Only an answer of EC2 closes it; while it is open nobody
may conclude that nothing happened. A repeat uses the same token, and looks first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from allocate_instances.plan.binding import bind, unbound
from allocate_instances.ports import Ports
from allocate_instances.settings import Settings
from railyard.errors import (
    Ambiguous,
    CapacityUnavailable,
    Conflict,
    Denied,
    Gone,
    ImageUnavailable,
    QuotaExceeded,
    RailyardError,
    Throttled,
)
from railyard.model.fleets import FleetAnswer, Refused
from railyard.model.instances import Machine
from railyard.model.launches import Launch, LaunchState
from railyard.model.ledger import Commit
from railyard.model.reasons import Code, Reason
from railyard.model.requests import Request
from railyard.model.room import settle
from railyard.model.switches import Stops, off

_TRIES = 5
_OBSTACLE: dict[type[RailyardError], Code] = {
    CapacityUnavailable: Code.INSUFFICIENT_CAPACITY,
    QuotaExceeded: Code.QUOTA,
    ImageUnavailable: Code.IMAGE_UNAVAILABLE,
    Gone: Code.INSUFFICIENT_CAPACITY,
    Denied: Code.LAUNCH_DENIED,
}
_LATER = (Throttled, Ambiguous)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unserved:
    """Requests that want another launch, and the offerings that EC2 refused them."""

    requests: Sequence[Request] = ()
    refused: frozenset[str] = frozenset()


NOBODY = Unserved()


class Launching:
    """Starts and resumes launches within one invocation."""

    def __init__(self, ports: Ports, settings: Settings) -> None:
        self._ports, self._records = ports, ports.ledger
        self._settings = settings

    def start(self, launch: Launch, requests: Mapping[str, Request]) -> Unserved:
        """Make the call of *launch*, which is stored as open; bind what came, return whom it left without."""
        try:
            answer = self._ports.fleets.launch(launch)
        except Conflict:
            raise  # the same token with other parameters: a defect of ours, to be seen by people
        except _LATER as trouble:
            self._later(launch, trouble)
            return NOBODY
        except RailyardError as refusal:
            return self._refused_whole(launch, requests, refusal)
        return self._finish(launch, requests, answer)

    def postpone(self, launch: Launch) -> None:
        """Leave *launch* for the next invocation: too little time is left for its call, which was never made."""
        self._later(launch, Throttled("no time left"))

    def resume(self, launch_id: str) -> Sequence[Request]:
        """Go on with a launch that somebody left in INTENT; return the requests that want another launch."""
        launch = self._records.launches([launch_id]).get(launch_id)
        now = self._ports.clock()
        if launch is None or launch.state is not LaunchState.INTENT:
            return []
        if launch.lock_until > now:
            self._wake(launch, (launch.lock_until - now).total_seconds())
            return []
        requests = self._records.requests(slot.tenant.request_id for slot in launch.slots)
        shown = self._ports.machines.of_launch(launch_id)
        if shown:
            return self._adopt(launch, requests, shown)
        too_late = launch.deadline <= now or now - launch.first_call_at >= self._settings.repeat_window
        if too_late or self._ports.time_left() < self._settings.call_margin or self._stopped(launch.pool):
            return []  # the reaper closes it, or its next tick points here again
        again = launch.called(now, self._settings.lock)
        self._records.commit(Commit(launches=((launch, again),)))
        return self.start(again, requests).requests

    def _stopped(self, pool: str) -> bool:
        return off(self._records.look((), [pool]).switches, Stops.LAUNCH, pool) is not None

    def _adopt(
        self, launch: Launch, requests: Mapping[str, Request], shown: Sequence[Machine]
    ) -> list[Request]:
        """Bind what a listing shows; judge the rest only when everything must be visible."""
        launch, requests = self._bind(launch, requests, shown)
        young = self._ports.clock() - launch.first_call_at < self._settings.visibility
        if launch.state is not LaunchState.INTENT or young:
            return []
        why = Reason(Code.INSUFFICIENT_CAPACITY, "EC2 started fewer machines than asked")
        return self._settle(launch, requests, why)

    def _finish(self, launch: Launch, requests: Mapping[str, Request], answer: FleetAnswer) -> Unserved:
        """Bind what came; what did not is settled, unless EC2 only asked for patience about some of it."""
        if any(each.kind is ImageUnavailable for each in answer.refused):
            self._ports.supplies.forget_images()
        launch, requests = self._bind(launch, requests, answer.machines)
        if launch.state is not LaunchState.INTENT:
            return NOBODY
        if any(issubclass(each.kind, _LATER) for each in answer.refused):
            self._later(launch, Throttled("some offerings were throttled"))
            return NOBODY
        again = self._settle(launch, requests, _obstacle(answer.refused))
        # An offering is not to blame for its image: with the next one it may do.
        refused = (each.offering for each in answer.refused if each.kind is not ImageUnavailable)
        return Unserved(requests=again, refused=frozenset(refused))

    def _refused_whole(
        self, launch: Launch, requests: Mapping[str, Request], refusal: RailyardError
    ) -> Unserved:
        """EC2 refused the call as a whole. An earlier open call of the same token may still take effect: hold then."""
        if isinstance(refusal, ImageUnavailable):
            self._ports.supplies.forget_images()
        if launch.open_calls > 1:
            self._later(launch, Throttled(str(refusal)))
            return NOBODY
        if isinstance(refusal, Gone):
            self._ports.fleets.forget(launch.plan.template)
        code = _OBSTACLE.get(type(refusal), Code.LAUNCH_DENIED)
        again = self._settle(launch, requests, Reason(code, str(refusal)))
        asked = launch.plan.offerings if isinstance(refusal, CapacityUnavailable) else ()
        return Unserved(requests=again, refused=frozenset(offering.name for offering in asked))

    def _later(self, launch: Launch, trouble: RailyardError) -> None:
        """A throttle had no effect and frees the lock; an ambiguous end leaves call and lock as they are."""
        if isinstance(trouble, Throttled):
            self._records.commit(Commit(launches=((launch, launch.answered(self._ports.clock())),)))
            self._wake(launch, 10)
        else:
            self._wake(launch, self._settings.lock.total_seconds())

    def _bind(
        self, launch: Launch, requests: Mapping[str, Request], machines: Sequence[Machine]
    ) -> tuple[Launch, Mapping[str, Request]]:
        """Bind *machines* chunk by chunk; a lost race reads again. Return launch and requests as stored."""
        tries = 0
        while unbound(launch, machines):
            change = bind(launch, machines, requests, self._ports.clock())
            try:
                self._records.commit(change)
            except Conflict:
                tries += 1
                if tries == _TRIES:
                    raise
                launch, requests = self._fresh(launch)
            else:
                launch = change.launches[0][1]
                requests = dict(requests) | {after.request_id: after for _, after in change.requests}
        return launch, requests

    def _settle(self, launch: Launch, requests: Mapping[str, Request], obstacle: Reason) -> list[Request]:
        for _ in range(_TRIES):
            change = settle(launch, requests, obstacle, self._ports.clock())
            try:
                self._records.commit(change)
            except Conflict:
                launch, requests = self._fresh(launch)
                if launch.state is not LaunchState.INTENT:
                    return []
            else:
                return [after for _, after in change.requests if after.unanswered]
        raise Conflict(f"launch {launch.launch_id} keeps changing")

    def _fresh(self, launch: Launch) -> tuple[Launch, Mapping[str, Request]]:
        current = self._records.launches([launch.launch_id]).get(launch.launch_id, launch)
        return current, self._records.requests(slot.tenant.request_id for slot in current.slots)

    def _wake(self, launch: Launch, seconds: float) -> None:
        self._ports.waking.send([{"launch": launch.launch_id}], delay_seconds=max(1, int(seconds)))


def _obstacle(refused: Sequence[Refused]) -> Reason:
    """Return what stood in the way: the refusal that more tries cannot help comes first."""
    order = (Denied, ImageUnavailable, QuotaExceeded, CapacityUnavailable)
    ranked = sorted(refused, key=lambda each: order.index(each.kind) if each.kind in order else -1)
    if not ranked:
        return Reason(Code.INSUFFICIENT_CAPACITY, "EC2 started fewer machines than asked, without a reason")
    worst = ranked[0]
    code = _OBSTACLE.get(worst.kind, Code.LAUNCH_DENIED)
    tried = tuple(sorted({each.offering for each in refused}))[:50]
    return Reason(code, f"{worst.code}: {worst.message}", tried=tried)
