"""A call of the API and its answer: who asked what, pages, and errors in the form of the contract."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from railyard.errors import InvalidRequest
from railyard.wire.decoding import read_object

MAX_PAGE = 100

Token = Mapping[str, Any] | None
"""Where a page begins: the key after which a table is read on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """An API call: who, what, with which query and body. *sender* is the caller as SQS names it, *by* its ARN."""

    method: str
    path: str
    query: Mapping[str, str]
    body: str
    sender: str
    by: str
    if_match: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Status, JSON body, and headers of its own."""

    status: int
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)


def error(status: int, code: str, message: str, *, path: str | None = None) -> Answer:
    """Return an error in the form of the contract."""
    return Answer(status=status, body={"error": {"code": code, "message": message, "path": path}})


def page(
    asked: Asked,
    read: Callable[[int, Token], tuple[Sequence[Any], Any]],
    view: Callable[[Any], dict[str, Any]],
) -> Answer:
    """Return the page that *asked* names, each item as *view* shows it; raises InvalidRequest for a wrong query."""
    items, following = read(_limit(asked.query.get("limit", "")), _token(asked.query.get("next_token")))
    return Answer(
        status=200, body={"items": [view(item) for item in items], "next_token": _written(following)}
    )


def plain(value: object) -> Any:
    """Return *value* as JSON knows it."""
    return msgspec.to_builtins(value, str_keys=True)


def _limit(text: str) -> int:
    if text and not (text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= MAX_PAGE):
        raise InvalidRequest(f"limit is 1 to {MAX_PAGE}", path="limit")
    return int(text or MAX_PAGE)


def _token(text: str | None) -> dict[str, Any] | None:
    if not text:
        return None
    try:
        return dict(read_object(base64.urlsafe_b64decode(text).decode()))
    except (ValueError, InvalidRequest):
        raise InvalidRequest("next_token is not one of ours", path="next_token") from None


def _written(following: Any) -> str | None:
    return base64.urlsafe_b64encode(json.dumps(following).encode()).decode() if following else None
