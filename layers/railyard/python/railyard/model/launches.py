"""Launches: one stored plan, one client token, one CreateFleet.

The plan is written before the call and never changes; the launch id is the token. ``open_calls`` counts calls whose
outcome nobody knows yet: it goes up before the call is made, so that a crash cannot forget it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from railyard.model.instances import Room, Tenant

KEEP_CLOSED = timedelta(days=2)


class LaunchState(StrEnum):
    """``INTENT -> BOUND | PARTLY_BOUND | REFUSED``."""

    INTENT = "INTENT"
    BOUND = "BOUND"
    PARTLY_BOUND = "PARTLY_BOUND"
    REFUSED = "REFUSED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offering:
    """A machine type in a zone on a market, at a price in millionths of a dollar an hour, with its room."""

    instance_type: str
    availability_zone: str
    market: str
    usd_micros_per_hour: int
    architecture: str
    capacity: Room

    @property
    def name(self) -> str:
        """Its name in messages and hold-offs: ``type#zone#market``."""
        return f"{self.instance_type}#{self.availability_zone}#{self.market}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """Room for one machine of a launch: who gets it, and which instance took it."""

    number: int
    tenant: Tenant
    instance_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchPlan:
    """Everything that the call will say; stored and hashed before it is made."""

    template: str
    images: Mapping[str, str]
    """Architecture -> image."""
    market: str
    offerings: tuple[Offering, ...]
    subnets: Mapping[str, str]
    """Zone -> subnet, one each."""
    root_gib: int
    disk_gib: int
    disk_type: str
    disk_iops: int | None = None
    disk_throughput: int | None = None
    tags: Mapping[str, str]
    ends_at: datetime
    agent: bool = False
    """Whether a machine is ready only when it has reported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """Our record of one launch. ``open`` and ``opened_at`` feed the sparse index of launches not yet settled."""

    launch_id: str
    schema: int = 1
    sequence: int = 1
    state: LaunchState = LaunchState.INTENT
    pool: str
    plan: LaunchPlan
    slots: tuple[Slot, ...]
    deadline: datetime
    opened_at: datetime
    open: str | None = None
    open_calls: int = 1
    first_call_at: datetime
    lock_until: datetime
    reserved_usd_micros: int
    """Per slot, at the dearest offering; settled at bind."""
    reason: str = ""
    expires: int | None = None

    @property
    def empty_slots(self) -> tuple[Slot, ...]:
        """The slots that no instance has taken."""
        return tuple(slot for slot in self.slots if not slot.instance_id)

    def bound(self, instances: Mapping[int, str]) -> Launch:
        """Return it with instances in slots, by slot number."""
        return self._next(
            slots=tuple(replace(s, instance_id=instances.get(s.number, s.instance_id)) for s in self.slots)
        )

    def called(self, now: datetime, lock: timedelta) -> Launch:
        """Return it with one more call open and the lock taken."""
        return self._next(open_calls=self.open_calls + 1, lock_until=now + lock)

    def answered(self, now: datetime) -> Launch:
        """Return it with its call closed and the lock free: EC2 spoke, and said that nothing happened."""
        return self._next(open_calls=max(0, self.open_calls - 1), lock_until=now)

    def settled(self, now: datetime, reason: str = "") -> Launch:
        """Return it finished: what is bound stays bound, empty slots are refused for certain."""
        taken = len(self.slots) - len(self.empty_slots)
        state = LaunchState.REFUSED
        if taken:
            state = LaunchState.BOUND if taken == len(self.slots) else LaunchState.PARTLY_BOUND
        return self._next(
            state=state, open=None, open_calls=0, reason=reason, expires=int((now + KEEP_CLOSED).timestamp())
        )

    def _next(self, **changes: object) -> Launch:
        return replace(self, sequence=self.sequence + 1, **changes)  # type: ignore[arg-type]


def launch_id(stack: str, tenants: Iterable[tuple[str, int, int]]) -> str:
    """Return the id of the launch for these (request id, share index, attempt): the same for the same work.

    At most 64 ASCII characters, because it is the client token. Source: EC2 API reference, CreateFleet.
    """
    text = "\n".join(f"{request}\t{index}\t{attempt}" for request, index, attempt in sorted(tenants))
    return "l-" + hashlib.sha256(f"{stack}\n{text}".encode()).hexdigest()[:40]
