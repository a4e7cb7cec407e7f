"""Messages of the request queue and the wake queue: from bytes to what is asked, or to an exact complaint."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec

from railyard.errors import InvalidRequest
from railyard.model.messages import Message
from railyard.model.pools import Requester, requester_of
from railyard.model.reasons import Code, Reason
from railyard.model.requests import Need, Request, RequestState
from railyard.wire.decoding import read_message, read_object, unknown_fields
from railyard.wire.refusals import refusal
from railyard.wire.requests import Allocate

DEFAULT_TIMEOUT = timedelta(seconds=900)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """An allocate that can be read: the request to be, whose pool has not been asked yet. ``None`` means the pool's."""

    request: Request
    lease_seconds: int | None
    market: str | None
    sharing: str | None
    pools: tuple[str, ...] = ("*",)
    """What its requester may ask."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointer:
    """Something of ours that may go on: a launch, or the requests that wait in a pool."""

    launch_id: str = ""
    pool: str = ""


def parse(message: Message, requesters: tuple[Requester, ...], now: datetime) -> Asked | Request:
    """Return what *message* asks, or, if it cannot be read, the record of its refusal."""
    requester = requester_of(message.sender, requesters)
    fields: Mapping[str, Any] = {}
    try:
        fields = read_object(message.body)
        return _asked(fields, requester, now)
    except InvalidRequest as wrong:
        reason = Reason(Code(wrong.code), str(wrong), path=wrong.path)
        return refusal(message, fields, requester.name, reason, now)


def read_pointer(body: str) -> Pointer:
    """Return the pointer in a message of the wake queue; raises InvalidRequest, for only we write there."""
    fields = read_object(body)
    pointer = Pointer(launch_id=str(fields.get("launch", "")), pool=str(fields.get("pool", "")))
    if pointer == Pointer():
        raise InvalidRequest("a pointer names a launch or a pool")
    return pointer


def _asked(fields: Mapping[str, Any], requester: Requester, now: datetime) -> Asked:
    body = read_message(fields, {"allocate": Allocate})
    if body.timeout_seconds is not None and body.deadline is not None:
        raise InvalidRequest("give timeout_seconds or deadline, not both", path="deadline")
    if (body.minimum_count or body.count) > body.count:
        raise InvalidRequest(f"minimum_count is above count ({body.count})", path="minimum_count")
    return Asked(
        request=Request(
            request_id=body.request_id,
            state=RequestState.REQUESTED,
            requester=requester.name,
            reply_to=body.reply_to,
            pool=body.pool,
            content=hashlib.sha256(msgspec.json.encode(body, order="sorted")).hexdigest(),
            need=msgspec.convert(body.requirements, Need, from_attributes=True),
            count=body.count,
            minimum_count=body.minimum_count or body.count,
            labels=body.labels,
            parameters=body.parameters,
            warnings=unknown_fields(fields, Allocate),
            since=now,
            deadline=_deadline(body, now),
        ),
        lease_seconds=body.lease_seconds,
        market=body.market,
        sharing=body.sharing,
        pools=requester.pools,
    )


def _deadline(body: Allocate, now: datetime) -> datetime:
    if body.deadline is None:
        timeout = timedelta(seconds=body.timeout_seconds) if body.timeout_seconds else DEFAULT_TIMEOUT
        return now + timeout
    latest = now + timedelta(days=1)
    if body.deadline > latest:
        raise InvalidRequest("deadline is more than a day away", path="deadline")
    # One that has passed becomes now: the year 1 in another zone has no moment in ours.
    return max(body.deadline, now).astimezone(now.tzinfo).replace(microsecond=0)
