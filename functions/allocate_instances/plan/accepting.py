"""First contact: one id, one request, one answer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from allocate_instances.request import Asked
from railyard.model.ledger import RequestChange
from railyard.model.messages import Message
from railyard.model.pools import Pool
from railyard.model.reasons import Code, Reason
from railyard.model.requests import Request, RequestState
from railyard.wire.refusals import refusal


def accept(
    asked: Asked, message: Message, known: Request | None, pools: Mapping[str, Pool], now: datetime
) -> RequestChange | None:
    """Return what is written for *asked*; ``None`` when it is on its way already and there is nothing to say.

    Equal content gets the stored answer again; other content under the same id is a conflict, which leaves the
    original alone; a cancel that came first has left a tombstone, which answers.
    """
    request = asked.request
    if known is None:
        return None, _judged(asked, pools.get(request.pool), now)
    tombstone = not known.content and known.state is RequestState.CANCELLED
    if known.requester != request.requester or (known.content != request.content and not tombstone):
        return None, _conflict(request, message, now)
    return (known, known.again()) if known.answer else None


def _judged(asked: Asked, pool: Pool | None, now: datetime) -> Request:
    """Return the request with its pool's defaults, waiting for a place; or refused."""
    request = asked.request
    if pool is None:
        reason = Reason(Code.UNKNOWN_POOL, f"there is no pool {request.pool!r}", path="pool")
        return request.refused(reason, now)
    cut = (asked.lease_seconds or 0) > pool.lease_max_seconds
    note = (f"lease_seconds cut to the pool's {pool.lease_max_seconds}",) if cut else ()
    filled = replace(
        request,
        warnings=request.warnings + note,
        lease_seconds=min(asked.lease_seconds or pool.lease_default_seconds, pool.lease_max_seconds),
        lease_max_seconds=pool.lease_max_seconds,
        market=asked.market or pool.markets[0],
        sharing=asked.sharing or pool.sharing[0],
        waiting=request.pool,
    )
    objection = _objection(filled, asked.pools, pool)
    if objection:
        return filled.refused(objection, now)
    placed = filled.opened()
    return placed.timed_out(now) if placed.deadline and placed.deadline <= now else placed


def _objection(request: Request, allowed: Sequence[str], pool: Pool) -> Reason | None:
    """Return why *pool* does not serve *request*, whatever its capacity; ``None`` when it does."""
    for field, wrong in (
        ("pool", "*" not in pool.requesters and request.requester not in pool.requesters),
        ("pool", "*" not in allowed and pool.name not in allowed),
        ("market", request.market not in pool.markets),
        ("sharing", request.sharing not in pool.sharing),
        ("requirements.architecture", request.need.architecture not in (*pool.architectures, "any")),
        ("reply_to", request.reply_to is not None and request.reply_to != request.requester),
    ):
        if wrong:
            message = f"pool {pool.name!r} does not allow this {field} to requester {request.requester!r}"
            return Reason(Code.NOT_ALLOWED, message, path=field)
    if request.minimum_count > pool.limits.instances:
        message = f"the pool never has more than {pool.limits.instances} instances"
        return Reason(Code.POOL_LIMIT, message, path="minimum_count")
    if request.minimum_count > pool.limits.requester_instances:
        message = f"a requester never has more than {pool.limits.requester_instances} instances of this pool"
        return Reason(Code.REQUESTER_QUOTA, message, path="minimum_count")
    return _wrong_parameter(request, pool)


def _wrong_parameter(request: Request, pool: Pool) -> Reason | None:
    def reason(name: str, message: str) -> Reason:
        return Reason(Code.INVALID_REQUEST, message, path=f"parameters.{name}")

    if request.parameters and request.sharing != "exclusive":
        return Reason(Code.INVALID_REQUEST, "parameters need sharing: exclusive", path="parameters")
    for name, value in request.parameters.items():
        if name not in pool.parameters:
            return reason(name, f"pool {pool.name!r} has no parameter {name!r}")
        if not re.fullmatch(pool.parameters[name][0], value):
            return reason(name, f"does not match {pool.parameters[name][0]}")
    for name, (_, required) in pool.parameters.items():
        if required and name not in request.parameters:
            return reason(name, "is required by the pool")
    return None


def _conflict(request: Request, message: Message, now: datetime) -> Request:
    text = f"request_id {request.request_id!r} belongs to another request"
    reason = Reason(Code.REQUEST_ID_CONFLICT, text, path="request_id")
    fields = {"request_id": request.request_id, "labels": request.labels}
    return refusal(message, fields, request.requester, reason, now)
