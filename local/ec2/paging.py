"""Pages that are a partition: a cursor over a sorted key, bound to the question that it continues.

The token carries the last key handed out and a fingerprint of the other parameters, so that what appears or
disappears between two pages neither repeats nor skips what was there all along, and a token sent with
another question is refused.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from local.ec2.errors import Ec2Error, invalid_value

T = TypeVar("T")
Key = str | int
_NOT_THE_QUESTION = frozenset({"MaxResults", "NextToken", "DryRun"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What MaxResults may be, and what it is when absent."""

    lowest: int
    highest: int
    default: int


def fingerprint(parameters: Mapping[str, Any]) -> str:
    """Return a short hash of *parameters*, the same whatever the order of their keys."""
    text = json.dumps(parameters, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def page(
    items: Iterable[T],
    parameters: Mapping[str, Any],
    limits: Limits,
    *,
    key: Callable[[T], Key],
    keep: Callable[[T], bool] = lambda _: True,
) -> tuple[list[T], dict[str, str]]:
    """Return the page that *parameters* ask for, and ``{"NextToken": ...}`` if there is more.

    *items* are in ascending order of *key*. Only items beyond the cursor are shown to *keep*.
    """
    limit = _limit(parameters, limits)
    question = fingerprint({k: v for k, v in parameters.items() if k not in _NOT_THE_QUESTION})
    after = _after(parameters.get("NextToken"), question)
    found: list[T] = []
    for item in items:
        if (after is not None and key(item) <= after) or not keep(item):  # type: ignore[operator]
            continue
        if len(found) == limit:
            return found, {"NextToken": _token(question, key(found[-1]))}
        found.append(item)
    return found, {}


def _limit(parameters: Mapping[str, Any], limits: Limits) -> int:
    limit = int(parameters.get("MaxResults") or limits.default)
    if not limits.lowest <= limit <= limits.highest:
        raise invalid_value("maxResults", limit, f"Expecting {limits.lowest} to {limits.highest}.")
    return limit


def _token(question: str, last: Key) -> str:
    return base64.urlsafe_b64encode(json.dumps([question, last]).encode()).decode()


def _after(token: str | None, question: str) -> Key | None:
    if not token:
        return None
    try:
        asked, last = json.loads(base64.urlsafe_b64decode(token))
    except (ValueError, binascii.Error):
        asked, last = None, 0
    if asked != question:
        raise Ec2Error("InvalidNextToken", "The token is not valid for this request.")
    return last if isinstance(last, int) else str(last)
