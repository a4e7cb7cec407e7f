"""The bodies of answers, as the contract writes them. Made once, stored, and sent byte for byte.

``id`` is the consumer's dedupe key: ``<request>#<epoch>#<event>``, with the record's sequence added to events that
may come more than once in an epoch.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from railyard.model.allocations import Allocation
    from railyard.model.reasons import Reason
    from railyard.model.requests import Request


def stamp(moment: datetime) -> str:
    """Return *moment* as RFC 3339 in UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def fulfilled(request: Request, now: datetime) -> str:
    """Return the positive answer: where each share runs."""
    assert request.lease_until is not None  # set by the move that asks for this body
    body = _head(request, "fulfilled", now, "allocate") | {
        "lease_until": stamp(request.lease_until),
        "warnings": list(request.warnings),
        "allocations": [_allocation(s.allocation) for s in request.shares if s.allocation],
    }
    return _text(body)


def negative(request: Request, event: str, reason: Reason, now: datetime, action: str = "allocate") -> str:
    """Return a negative answer: *event* is refused, timed_out, cancelled, renew_refused or release_refused."""
    repeating = event in ("renew_refused", "release_refused")
    body = _head(request, event, now, action, repeating=repeating) | {
        "warnings": list(request.warnings),
        "reason": {
            "code": reason.code.value,
            "message": reason.message,
            "path": reason.path,
            "retryable": reason.retryable,
            "tried": list(reason.tried),
        },
    }
    return _text(body)


def released(request: Request, now: datetime, indexes: list[int]) -> str:
    """Return the word that shares were given back; *request* is the record afterwards."""
    several = request.state == "FULFILLED"
    return _text(_head(request, "released", now, "release", repeating=several) | {"indexes": indexes})


def expired(request: Request, now: datetime) -> str:
    """Return the word that the lease ran out."""
    return _text(_head(request, "expired", now, "allocate"))


def renewed(request: Request, now: datetime, lease_until: datetime) -> str:
    """Return the acknowledgement of a renewal."""
    head = _head(request, "renewed", now, "renew", repeating=True)
    return _text(head | {"lease_until": stamp(lease_until)})


def trouble(
    request: Request,
    event: str,
    now: datetime,
    indexes: list[int],
    instance_id: str,
    action_at: datetime,
    why: str,
) -> str:
    """Return a ``lost`` or ``warned``: which shares, on which machine, when, why."""
    head = _head(request, event, now, "allocate", repeating=True)
    return _text(
        head | {"indexes": indexes, "instance_id": instance_id, "action_at": stamp(action_at), "message": why}
    )


def _head(
    request: Request, event: str, now: datetime, action: str, *, repeating: bool = False
) -> dict[str, Any]:
    key = f"{request.name or ''}#{request.epoch}#{event}"
    if request.unread:
        key += request.request_id
    elif repeating:
        key += f"#{request.sequence}"
    return {
        "version": 1,
        "id": key,
        "event": event,
        "action": action,
        "request_id": request.name,
        "epoch": request.epoch,
        "at": stamp(now),
        "pool": request.pool or None,
        "labels": request.labels,
    }


def _allocation(allocation: Allocation) -> dict[str, Any]:
    ends = {"launched_at": stamp(allocation.launched_at), "ends_at": stamp(allocation.ends_at)}
    return asdict(allocation) | ends


def _text(body: dict[str, Any]) -> str:
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False)
