"""Requests: what was asked, how far it came, and every legal move.

A request's ``count`` shares are each placed on an instance. A move returns a new record with the next ``sequence``,
and, where the world has to be told, with an ``outbox``: the bodies that publish_events sends because of this write.
An answer's bytes are decided here, once, and sent as often as needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from railyard.model import answers
from railyard.model.allocations import Allocation
from railyard.model.instances import Room, Tenant
from railyard.model.reasons import Code, Reason

KEEP_ENDED = timedelta(days=14)
"""An ended request is remembered this long: longer than a message can come back from a dead-letter queue."""


class RequestState(StrEnum):
    """REQUESTED: some share has no launch yet. RESERVED: all have. Then FULFILLED, and how it ended."""

    REQUESTED = "REQUESTED"
    RESERVED = "RESERVED"
    FULFILLED = "FULFILLED"
    RELEASED = "RELEASED"
    EXPIRED = "EXPIRED"
    LOST = "LOST"
    REFUSED = "REFUSED"
    CANCELLED = "CANCELLED"
    TIMED_OUT = "TIMED_OUT"


UNANSWERED = frozenset({RequestState.REQUESTED, RequestState.RESERVED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What one share needs. Empty tuples and ``None`` mean "no matter"."""

    vcpus: int
    memory_mib: int
    disk_gib: int = 0
    gpus: int = 0
    architecture: str = "amd64"
    local_disk_gib: int = 0
    gpu_name: str | None = None
    zones: tuple[str, ...] = ()
    instance_types: tuple[str, ...] = ()

    @property
    def room(self) -> Room:
        """The room that a share of this need takes on a machine."""
        return Room(vcpus=self.vcpus, memory_mib=self.memory_mib, disk_gib=self.disk_gib, gpus=self.gpus)


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One of a request's shares: first nowhere, then in a launch, on an instance, and ready."""

    index: int
    launch_id: str = ""
    instance_id: str = ""
    allocation: Allocation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Our record of one request. ``waiting``/``since`` and ``leased``/``lease_until`` feed the sparse indexes."""

    request_id: str
    schema: int = 1
    sequence: int = 1
    state: RequestState
    epoch: int = 0
    requester: str
    reply_to: str | None = None
    pool: str = ""
    content: str = ""
    """Hash of the parsed request, defaults applied: equal content under one id is one request."""
    need: Need = Need(vcpus=0, memory_mib=0)
    count: int = 1
    minimum_count: int = 1
    market: str = "on-demand"
    sharing: str = "requester"
    lease_seconds: int = 900
    lease_max_seconds: int = 86_400
    labels: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    since: datetime
    deadline: datetime | None = None
    lease_until: datetime | None = None
    waiting: str | None = None
    leased: str | None = None
    shares: tuple[Share, ...] = ()
    attempt: int = 0
    """Launches made for it so far: part of the next launch's id."""
    obstacle: Reason | None = None
    answer: str | None = None
    outbox: tuple[str, ...] = ()
    told: int = 0
    """The ``sequence`` whose write put the outbox there: publish only then."""
    body: str | None = None
    """The message as it came, kept for those that were refused unread."""
    named: str | None = None
    """The id that an unread message gave itself, if that much could be read."""
    expires: int | None = None

    @property
    def unread(self) -> bool:
        """Whether this stands for a message that no request could be made of; its key is ``!<message id>``."""
        return self.request_id.startswith("!")

    @property
    def name(self) -> str | None:
        """The id that its requester knows."""
        return self.named if self.unread else self.request_id

    @property
    def unanswered(self) -> bool:
        """Whether the requester still waits for the verdict."""
        return self.state in UNANSWERED

    @property
    def placed(self) -> int:
        """How many shares are in a launch or on a machine: what counts against its requester's quota."""
        return sum(1 for share in self.shares if share.launch_id)

    @property
    def running(self) -> int:
        """How many shares are on a machine that is READY."""
        return sum(1 for share in self.shares if share.allocation)

    @property
    def complete(self) -> bool:
        """Whether it can be answered now: all shares run, or enough do and nothing more is on its way."""
        enough = self.running >= self.minimum_count and self.running == self.placed
        return self.running == self.count or (enough and self.obstacle is not None)

    def shares_on(self, instance_id: str) -> frozenset[int]:
        """Return the indexes of its shares on that machine."""
        return frozenset(share.index for share in self.shares if share.instance_id == instance_id)

    def tenant(self, index: int) -> Tenant:
        """Return its share *index* as a machine will know it."""
        return Tenant(
            request_id=self.request_id,
            index=index,
            requester=self.requester,
            sharing=self.sharing,
            room=self.need.room,
        )

    # -- on the way to an answer ---------------------------------------------------------------------------

    def opened(self) -> Request:
        """Return a new request with its shares, none of them placed yet."""
        return replace(self, shares=tuple(Share(index=index) for index in range(self.count)))

    def reserved(self, launch_id: str, indexes: frozenset[int]) -> Request:
        """Return it with those shares in a launch."""
        shares = tuple(replace(s, launch_id=launch_id) if s.index in indexes else s for s in self.shares)
        whole = all(share.launch_id for share in shares)
        state = RequestState.RESERVED if whole else RequestState.REQUESTED
        return self._next(state=state, shares=shares, attempt=self.attempt + 1, obstacle=None)

    def seated(self, allocation: Allocation, launch_id: str) -> Request:
        """Return it with a share on a machine that runs already."""
        share = Share(
            index=allocation.index,
            launch_id=launch_id,
            instance_id=allocation.instance_id,
            allocation=allocation,
        )
        shares = tuple(share if s.index == share.index else s for s in self.shares)
        whole = all(s.launch_id for s in shares)
        return self._next(shares=shares, state=RequestState.RESERVED if whole else self.state)

    def bound(self, instances: Mapping[int, str]) -> Request:
        """Return it with shares (by index) on the instances that their launch gave."""
        return self._next(
            shares=tuple(replace(s, instance_id=instances.get(s.index, s.instance_id)) for s in self.shares)
        )

    def unplaced(self, indexes: frozenset[int], obstacle: Reason | None = None) -> Request:
        """Return it waiting again with those shares: their launch came to nothing, or their machine died young."""
        shares = tuple(Share(index=s.index) if s.index in indexes else s for s in self.shares)
        return self._next(state=RequestState.REQUESTED, shares=shares, obstacle=obstacle or self.obstacle)

    def obstructed(self, obstacle: Reason) -> Request:
        """Return it waiting, with what stands in its way."""
        return self._next(obstacle=obstacle)

    def ready(self, allocations: Mapping[int, Allocation]) -> Request:
        """Return it with those shares (by index) on running machines."""
        return self._next(
            shares=tuple(replace(s, allocation=allocations.get(s.index, s.allocation)) for s in self.shares)
        )

    # -- the verdict ---------------------------------------------------------------------------------------

    def fulfilled(self, now: datetime) -> Request:
        """Return it FULFILLED at the next epoch with the shares that run; the lease starts now."""
        done = self._next(
            state=RequestState.FULFILLED,
            epoch=self.epoch + 1,
            shares=tuple(share for share in self.shares if share.allocation),
            lease_until=now + timedelta(seconds=self.lease_seconds),
            leased=self.pool,
            waiting=None,
            obstacle=None,
        )
        body = answers.fulfilled(done, now)
        return replace(done._saying(body), answer=body)

    def refused(self, reason: Reason, now: datetime) -> Request:
        """Return it REFUSED for *reason*."""
        return self._negative(RequestState.REFUSED, reason, now)

    def timed_out(self, now: datetime) -> Request:
        """Return it TIMED_OUT; the reason is what stood in the way last."""
        nothing = Reason(Code.TIMED_OUT, "no machine was ready before the deadline")
        return self._negative(RequestState.TIMED_OUT, self.obstacle or nothing, now)

    def cancelled(self, now: datetime) -> Request:
        """Return it CANCELLED, as its requester asked."""
        return self._negative(
            RequestState.CANCELLED, Reason(Code.CANCELLED, "cancelled by its requester"), now
        )

    def again(self) -> Request:
        """Return it with its frozen answer to be sent once more."""
        return self._next()._saying(self.answer) if self.answer else self

    @property
    def ends_at(self) -> datetime | None:
        """When the first of its machines reaches the end of its life: no lease goes beyond."""
        return min((s.allocation.ends_at for s in self.shares if s.allocation), default=None)

    def renewed(self, lease_until: datetime, now: datetime, *, acknowledge: bool) -> Request:
        """Return it with a lease until *lease_until*, never shorter than before."""
        longer = self._next(lease_until=max(lease_until, self.lease_until or lease_until))
        assert longer.lease_until is not None  # just set
        return longer._saying(answers.renewed(longer, now, longer.lease_until)) if acknowledge else longer

    # -- after the verdict ---------------------------------------------------------------------------------

    def released(self, now: datetime, indexes: frozenset[int]) -> Request:
        """Return it with those shares given back; RELEASED when none is left."""
        staying = tuple(share for share in self.shares if share.index not in indexes)
        given = sorted(share.index for share in self.shares if share.index in indexes)
        after = self._next(shares=staying) if staying else self._closed(RequestState.RELEASED, now)
        return after._saying(answers.released(after, now, given))

    def expired(self, now: datetime) -> Request:
        """Return it EXPIRED: nobody renewed."""
        after = self._closed(RequestState.EXPIRED, now)
        return after._saying(answers.expired(after, now))

    def lost(self, now: datetime, instance_id: str, why: str) -> Request:
        """Return it without the shares on a machine that died; LOST when none is left."""
        staying = tuple(share for share in self.shares if share.instance_id != instance_id)
        gone = sorted(self.shares_on(instance_id))
        after = self._next(shares=staying) if staying else self._closed(RequestState.LOST, now)
        return after._saying(answers.trouble(after, "lost", now, gone, instance_id, now, why))

    def warned(self, now: datetime, instance_id: str, action_at: datetime, why: str) -> Request:
        """Return it with a warning to send: that machine will be taken at *action_at*."""
        indexes = sorted(self.shares_on(instance_id))
        after = self._next()
        return after._saying(answers.trouble(after, "warned", now, indexes, instance_id, action_at, why))

    def _negative(self, state: RequestState, reason: Reason, now: datetime) -> Request:
        after = self._closed(state, now)
        body = answers.negative(after, state.value.lower(), reason, now)
        return replace(after._saying(body), answer=body)

    def _closed(self, state: RequestState, now: datetime) -> Request:
        expires = int((now + KEEP_ENDED).timestamp())
        return self._next(
            state=state, shares=(), waiting=None, leased=None, lease_until=None, expires=expires
        )

    def _saying(self, body: str) -> Request:
        return replace(self, outbox=(body,), told=self.sequence)

    def _next(self, **changes: object) -> Request:
        return replace(self, sequence=self.sequence + 1, **changes)  # type: ignore[arg-type]
