"""From bytes off a wire to a checked struct, or to the exact complaint.

JSON is read strictly: no duplicate keys, no NaN, bounded size and depth; msgspec then checks types and ranges and
names the path of the first wrong field.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from railyard.errors import InvalidRequest

T = TypeVar("T")
MAX_BODY_BYTES = 65_536
_WHERE = re.compile(r" - at `(key in )?\$\.?(?P<path>.*)`$")


def read_object(text: str) -> dict[str, Any]:
    """Parse *text* as one JSON object; raises InvalidRequest (``too_large`` or ``invalid_request``)."""
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_BODY_BYTES:
        raise InvalidRequest(f"body has {size} bytes, at most {MAX_BODY_BYTES} are read", code="too_large")
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_constant)
        json.dumps(value, ensure_ascii=False).encode()  # no half surrogate pairs: no table takes them
    except (ValueError, RecursionError) as wrong:
        raise InvalidRequest(f"body is not JSON: {wrong or 'nested too deeply'}") from None
    if not isinstance(value, dict):
        raise InvalidRequest(f"body is a JSON {type(value).__name__}, expected an object")
    return value


def check(kind: type[T], value: object) -> T:
    """Convert *value* (parsed JSON or TOML) to *kind*; raises InvalidRequest with the path of the wrong field."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as wrong:
        message, path = _located(str(wrong))
        raise InvalidRequest(message, path=path) from None


def unknown_fields(value: Mapping[str, Any], kind: type[msgspec.Struct]) -> tuple[str, ...]:
    """Return a warning for each field of *value* that *kind* does not know."""
    known = set(kind.__struct_encode_fields__)
    return tuple(f"unknown field ignored: {name}"[:200] for name in sorted(value) if name not in known)


def _located(message: str) -> tuple[str, str | None]:
    found = _WHERE.search(message)
    if not found:
        return message, None
    return message[: found.start()], found["path"] or None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"key {twice!r} appears twice in one object")
    return made


def _constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")
