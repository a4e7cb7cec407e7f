"""The record of a message that no request could be made of, or that asked for what it may not have.

It answers once, keeps the message for two weeks, and cannot touch anybody's request: its key is ``!<message id>``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, TypeVar

from msgspec import Meta

from railyard.errors import InvalidRequest
from railyard.model import answers
from railyard.model.messages import Message
from railyard.model.pools import ANYBODY
from railyard.model.reasons import Reason
from railyard.model.requests import Request, RequestState
from railyard.wire.decoding import check
from railyard.wire.requests import Labels

T = TypeVar("T")


def refusal(
    message: Message,
    fields: Mapping[str, Any],
    requester: str,
    reason: Reason,
    now: datetime,
    *,
    event: str = "refused",
    action: str = "allocate",
) -> Request:
    """Return the record that refuses *message* for *reason*; *fields* is what could be read of it.

    The answer goes to the sender's own reply queue, whatever the message says.
    """
    name = fields.get("request_id")
    record = Request(
        request_id=f"!{message.message_id}",
        state=RequestState.REQUESTED,
        epoch=_sound(fields.get("epoch"), Annotated[int, Meta(ge=0, lt=1_000_000)], 0),
        requester=requester,
        reply_to=None if requester == ANYBODY else requester,
        named=name[:128] if isinstance(name, str) else None,
        labels=_sound(fields.get("labels"), Labels, {}),
        since=now,
        body=message.body[:100_000],
    )
    refused = record.refused(reason, now)
    text = answers.negative(refused, event, reason, now, action)
    return replace(refused, answer=text, outbox=(text,))


def _sound(value: object, kind: Any, otherwise: T) -> T:
    """Return *value* if it is of *kind*, else *otherwise*."""
    try:
        sound: T = check(kind, value)
    except InvalidRequest:
        return otherwise
    return sound
