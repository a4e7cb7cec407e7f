"""What a command of a lease's holder changes; or why it may not."""

from __future__ import annotations

from datetime import datetime, timedelta

from railyard.model.reasons import Code, Reason
from railyard.model.requests import Request, RequestState
from railyard.wire.requests import Cancel, Release, Renew


def objection(known: Request | None, requester: str, command: Renew | Release) -> Reason | None:
    """Return why *requester* may not renew or release; ``None`` when it may."""
    name = command.request_id
    if known is None:
        return Reason(Code.UNKNOWN_REQUEST, f"no request {name!r} is known", path="request_id")
    if known.requester != requester:
        return Reason(Code.NOT_HOLDER, f"request {name!r} belongs to somebody else", path="request_id")
    if known.epoch != command.epoch or known.unanswered:
        message = f"request {name!r} is at epoch {known.epoch}, not {command.epoch}"
        return Reason(Code.STALE_EPOCH, message, path="epoch")
    if known.state is not RequestState.FULFILLED:
        return Reason(Code.LEASE_EXPIRED, f"request {name!r} has ended: {known.state.value.lower()}")
    return None


def renew(known: Request, command: Renew, sent_at: datetime, now: datetime) -> Request | Reason:
    """Return the renewed request. The lease counts from when the renewal was sent, up to the machines' end of life."""
    seconds = min(command.lease_seconds or known.lease_seconds, known.lease_max_seconds)
    wanted = min(sent_at, now) + timedelta(seconds=seconds)
    if known.ends_at and wanted > known.ends_at:
        wanted = known.ends_at
        if wanted <= now:
            return Reason(Code.LEASE_EXPIRED, "its machine has reached the end of its life")
    return known.renewed(wanted, now, acknowledge=command.acknowledge)


def repeated(known: Request | None, requester: str, command: Release) -> bool:
    """Tell whether this release has happened already: then there is nothing to do, and nothing to say."""
    if known is None or known.requester != requester or known.epoch != command.epoch:
        return False
    held = {share.index for share in known.shares}
    return known.state is RequestState.RELEASED or (
        known.state is RequestState.FULFILLED
        and command.indexes is not None
        and not held & set(command.indexes)
    )


def release(known: Request, command: Release, now: datetime) -> Request:
    """Return the request with shares given back."""
    every = frozenset(share.index for share in known.shares)
    return known.released(now, every if command.indexes is None else every & frozenset(command.indexes))


def cancel(known: Request | None, requester: str, command: Cancel, now: datetime) -> Request | Reason | None:
    """Return the request cancelled, or released if it was fulfilled already; a tombstone for an id not seen yet."""
    if known is None:
        tombstone = Request(
            request_id=command.request_id,
            state=RequestState.REQUESTED,
            requester=requester,
            reply_to=requester,
            since=now,
        )
        return tombstone.cancelled(now)
    if known.requester != requester:
        message = f"request {command.request_id!r} belongs to somebody else"
        return Reason(Code.NOT_HOLDER, message, path="request_id")
    if known.unanswered:
        return known.cancelled(now)
    if known.state is RequestState.FULFILLED:
        return known.released(now, frozenset(share.index for share in known.shares))
    return known.again() if known.state is RequestState.CANCELLED else None
