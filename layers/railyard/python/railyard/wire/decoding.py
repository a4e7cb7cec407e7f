"""From bytes off a wire to a checked struct, or to the exact complaint.

JSON is read strictly: no duplicate keys, no NaN, bounded size and depth; msgspec then checks types and ranges and
names the path of the first wrong field.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar, get_args, get_origin

import msgspec

from railyard.errors import InvalidRequest
from railyard.model.reasons import Code

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


def defects(value: object, kind: Any, path: str) -> Iterator[str]:
    """Yield ``path: what is wrong`` for everything in *value* that does not fit, where ``check`` stops at the first.

    It looks into structs and dictionaries field by field; *path* says where *value* stands, "" at the top.
    """
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and isinstance(value, Mapping):
        known = {field.encode_name: field for field in msgspec.structs.fields(kind)}
        for name, content in value.items():
            if name in known:
                yield from defects(content, known[name].type, _under(path, name))
            else:
                yield f"{_under(path, name)}: unknown; known are {', '.join(known)}"
        for name in (name for name, field in known.items() if field.required and name not in value):
            yield f"{_under(path, name)}: missing"
    elif get_origin(kind) is dict and isinstance(value, Mapping):
        of_key, of_content = get_args(kind)
        for key, content in value.items():
            yield from defects(key, of_key, _under(path, key))
            yield from defects(content, of_content, _under(path, key))
    else:
        try:
            check(kind, value)
        except InvalidRequest as wrong:
            yield f"{_under(path, wrong.path or '')}: {wrong}"


def read_message(fields: Mapping[str, Any], kinds: Mapping[str, type[T]]) -> T:
    """Check a message as the one of *kinds* that its ``action`` names; raises InvalidRequest with code and path."""
    version, action = fields.get("version"), fields.get("action")
    if version != 1:
        raise InvalidRequest(
            f"version {version!r}, expected 1", code=Code.UNSUPPORTED_VERSION, path="version"
        )
    if not isinstance(action, str) or action not in kinds:
        expected = " or ".join(repr(kind) for kind in kinds)
        message = f"action {action!r}, expected {expected}"
        raise InvalidRequest(message, code=Code.UNSUPPORTED_ACTION, path="action")
    return check(kinds[action], fields)


def unknown_fields(value: Mapping[str, Any], kind: type[msgspec.Struct]) -> tuple[str, ...]:
    """Return a warning for each field of *value* that *kind* does not know."""
    known = set(kind.__struct_encode_fields__)
    return tuple(f"unknown field ignored: {name}"[:200] for name in sorted(value) if name not in known)


def _located(message: str) -> tuple[str, str | None]:
    found = _WHERE.search(message)
    if not found:
        return message, None
    return message[: found.start()], found["path"] or None


def _under(path: str, name: str) -> str:
    """Join two paths; an index (``[1]``) needs no dot."""
    return path + name if not path or not name or name.startswith("[") else f"{path}.{name}"


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"key {twice!r} appears twice in one object")
    return made


def _constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")
