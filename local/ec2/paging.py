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
from typing import Any, NamedTuple, TypeVar

from local.ec2.errors import Ec2Error, invalid_value

T = TypeVar("T")
Member = dict[str, Any]
Key = str | int
_NOT_THE_QUESTION = frozenset({"MaxResults", "NextToken", "DryRun"})


class Limits(NamedTuple):
    """What MaxResults may be; without it a page is as long as it may be at the most."""

    lowest: int
    highest: int


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
    show: Callable[[T], Member | None],
) -> tuple[list[Member], dict[str, str]]:
    """Return the page that *parameters* ask for, and ``{"NextToken": ...}`` if there is more.

    *items* are in ascending order of *key*. Only what is beyond the cursor is asked to *show*; None is left out.
    """
    limit = int(parameters.get("MaxResults") or limits.highest)
    if not limits.lowest <= limit <= limits.highest:
        raise invalid_value("maxResults", limit, f"Expecting {limits.lowest} to {limits.highest}.")
    question = fingerprint({k: v for k, v in parameters.items() if k not in _NOT_THE_QUESTION})
    after = _after(parameters.get("NextToken"), question)
    found: list[Member] = []
    last: Key = ""
    for item in items:
        if after is not None and key(item) <= after:  # type: ignore[operator]
            continue
        shown = show(item)
        if shown is None:
            continue
        if len(found) == limit:
            return found, {"NextToken": _token(question, last)}
        found.append(shown)
        last = key(item)
    return found, {}


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
