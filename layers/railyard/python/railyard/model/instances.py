"""Machines: the room on them, who shares it, and the states they pass through."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

STATE = "state"
"""Sort key of the item that holds an instance's state; its last report is an item apart."""


class InstanceState(StrEnum):
    """``LAUNCHING -> READY -> DRAINING -> TERMINATING -> GONE``; ``LOST`` died by itself, ``HELD`` is unknown to us."""

    LAUNCHING = "LAUNCHING"
    READY = "READY"
    DRAINING = "DRAINING"
    TERMINATING = "TERMINATING"
    GONE = "GONE"
    LOST = "LOST"
    HELD = "HELD"


RUNS = frozenset({InstanceState.LAUNCHING, InstanceState.READY, InstanceState.DRAINING})
"""States of a machine that shares may be on."""
PLACEABLE = frozenset({InstanceState.LAUNCHING, InstanceState.READY})
MAX_SHARES = 48
"""More shares than this on one machine would push its item and its transactions towards DynamoDB's limits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """A quantity of machine: vCPUs, MiB of memory, GiB of data disk, GPUs."""

    vcpus: int = 0
    memory_mib: int = 0
    disk_gib: int = 0
    gpus: int = 0

    def holds(self, other: Room) -> bool:
        """Tell whether *other* fits into this room on every dimension."""
        return (
            other.vcpus <= self.vcpus
            and other.memory_mib <= self.memory_mib
            and other.disk_gib <= self.disk_gib
            and other.gpus <= self.gpus
        )

    def plus(self, other: Room, sign: int = 1) -> Room:
        """Return the room that there is when *other* is given back; *sign* -1 for when it is taken."""
        return Room(
            vcpus=self.vcpus + sign * other.vcpus,
            memory_mib=self.memory_mib + sign * other.memory_mib,
            disk_gib=self.disk_gib + sign * other.disk_gib,
            gpus=self.gpus + sign * other.gpus,
        )

    def minus(self, other: Room) -> Room:
        """Return what is left when *other* is taken."""
        return self.plus(other, -1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """One share on a machine: whose it is and the room that it took."""

    request_id: str
    index: int
    requester: str
    sharing: str
    room: Room


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """Our record of one machine. ``sequence`` grows with each write; writers condition on the one they read."""

    instance_id: str
    part: str = STATE
    schema: int = 1
    sequence: int = 1
    state: InstanceState
    pool: str
    launch_id: str
    architecture: str
    instance_type: str
    availability_zone: str
    market: str
    image_id: str
    template: str
    agent: bool = False
    """Whether it is ready only when it has reported."""
    usd_micros_per_hour: int
    capacity: Room
    free: Room
    tenants: tuple[Tenant, ...] = ()
    launched_at: datetime
    ends_at: datetime
    idle_since: datetime | None = None
    ready_at: datetime | None = None
    private_ip: str = ""
    private_dns_name: str = ""
    reason: str = ""
    missing_since: datetime | None = None
    counted: bool = True
    """Whether pool slots and dollars still belong to it: they return once, when it is GONE."""
    expires: int | None = None

    @property
    def live(self) -> bool:
        """Whether it may still run: anything but GONE."""
        return self.state is not InstanceState.GONE

    def ready(self, now: datetime, private_ip: str, private_dns_name: str) -> Instance:
        """Return it as READY: it runs, and its address is known."""
        return self._next(
            state=InstanceState.READY, ready_at=now, private_ip=private_ip, private_dns_name=private_dns_name
        )

    def hosting(self, tenant: Tenant) -> Instance:
        """Return it with one more share."""
        return self._next(free=self.free.minus(tenant.room), tenants=(*self.tenants, tenant), idle_since=None)

    def without(self, request_id: str, indexes: frozenset[int], now: datetime) -> Instance:
        """Return it with the room of those shares given back; itself, when it has none of them."""
        going = tuple(t for t in self.tenants if t.request_id == request_id and t.index in indexes)
        if not going:
            return self
        free = self.free
        for tenant in going:
            free = free.plus(tenant.room)
        staying = tuple(t for t in self.tenants if t not in going)
        return self._next(free=free, tenants=staying, idle_since=self.idle_since if staying else now)

    def vacated(self, now: datetime) -> Instance:
        """Return it without any share."""
        return self._next(free=self.capacity, tenants=(), idle_since=now) if self.tenants else self

    def draining(self, reason: str) -> Instance:
        """Return it closed for new shares; leases on it live on."""
        return self._next(state=InstanceState.DRAINING, reason=reason)

    def terminating(self, reason: str) -> Instance:
        """Return it fenced: from here on nothing but its end can happen."""
        return self._next(state=InstanceState.TERMINATING, reason=reason)

    def lost(self, now: datetime, reason: str) -> Instance:
        """Return it as dead by itself; its shares are taken off by the same write."""
        return self.vacated(now)._next(state=InstanceState.LOST, reason=reason)

    def missing(self, now: datetime) -> Instance:
        """Return it with the first listing noted in which it did not show."""
        return self._next(missing_since=now)

    def seen(self) -> Instance:
        """Return it as listed again."""
        return self._next(missing_since=None)

    def gone(self, now: datetime, keep: timedelta) -> Instance:
        """Return it as GONE, to be tidied away after *keep*; slots and dollars return in the same transaction."""
        return self._next(state=InstanceState.GONE, counted=False, expires=int((now + keep).timestamp()))

    def _next(self, **changes: object) -> Instance:
        return replace(self, sequence=self.sequence + 1, **changes)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A machine that a launch started, as the fleet's answer names it."""

    instance_id: str
    instance_type: str
    availability_zone: str
    market: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting(Machine):
    """A machine as EC2 lists it, in our words. *tags* holds what was visible."""

    state: str
    image_id: str
    architecture: str
    launched_at: datetime
    private_ip: str = ""
    private_dns_name: str = ""
    state_reason: str = ""
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def alive(self) -> bool:
        """Whether EC2 still counts it: neither shutting down nor terminated."""
        return self.state not in ("shutting-down", "terminated")
