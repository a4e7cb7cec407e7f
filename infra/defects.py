"""Every defect of a document, each with its path, where msgspec alone stops at the first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args, get_origin

import msgspec


def defects(value: object, kind: Any, path: str = "") -> Iterator[str]:
    """Yield ``path: what is wrong`` for everything in *value* that does not fit the type *kind*."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield from _of_table(value, kind, path)
    elif get_origin(kind) is dict and isinstance(value, dict):
        of_key, of_value = get_args(kind)
        for key, item in value.items():
            yield from defects(key, of_key, _under(path, key))
            yield from defects(item, of_value, _under(path, key))
    else:
        try:
            msgspec.convert(value, kind)
        except msgspec.ValidationError as wrong:
            yield f"{path}: {wrong}"


def _of_table(value: object, kind: type[msgspec.Struct], path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path}: expected a table, got {type(value).__name__}"
        return
    known = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    for name in sorted(value.keys() - known.keys()):
        yield f"{_under(path, name)}: unknown; known are {', '.join(known)}"
    for name, field in known.items():
        if name in value:
            yield from defects(value[name], field.type, _under(path, name))
        elif field.required:
            yield f"{_under(path, name)}: missing"


def _under(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
