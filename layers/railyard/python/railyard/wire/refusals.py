"""The record of a message that no request could be made of, or that asked for what it may not have.

It answers once, keeps the message for two weeks, and cannot touch anybody's request: its key is ``!<message id>``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from railyard.model import answers
from railyard.model.pools import ANYBODY
from railyard.model.reasons import Reason
from railyard.model.requests import Request, RequestState


def refusal(
    message_id: str,
    body: str,
    fields: Mapping[str, Any],
    requester: str,
    reason: Reason,
    now: datetime,
    *,
    event: str = "refused",
    action: str = "allocate",
) -> Request:
    """Return the record that refuses a message for *reason*; *fields* is what could be read of it.

    The answer goes to the sender's own reply queue, whatever the message says.
    """
    name, labels, epoch = fields.get("request_id"), fields.get("labels"), fields.get("epoch")
    record = Request(
        request_id=f"!{message_id}",
        state=RequestState.REQUESTED,
        epoch=epoch if type(epoch) is int and 0 <= epoch < 1_000_000 else 0,  # True is an int, too
        requester=requester,
        reply_to=None if requester == ANYBODY else requester,
        named=name[:128] if isinstance(name, str) else None,
        labels=labels if isinstance(labels, dict) and _are_labels(labels) else {},
        since=now,
        body=body[:100_000],
    )
    refused = record.refused(reason, now)
    text = answers.negative(refused, event, reason, now, action)
    return replace(refused, answer=text, outbox=(text,))


def _are_labels(labels: Mapping[Any, Any]) -> bool:
    return len(labels) <= 20 and all(
        isinstance(value, str) and len(key) <= 128 and len(value) <= 256 for key, value in labels.items()
    )
