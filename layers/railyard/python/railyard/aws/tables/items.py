"""Records <-> DynamoDB items, for any of our frozen dataclasses.

msgspec turns a record into plain values and back (datetimes as RFC 3339, enums as their values); this module turns
plain values into DynamoDB's tagged ones. At the top ``None`` is left out, which keeps index keys sparse.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

R = TypeVar("R")
Item = dict[str, Any]


def encode(record: object) -> Item:
    """Return *record* as a DynamoDB item."""
    plain = msgspec.to_builtins(record, str_keys=True)
    return {name: tagged(value) for name, value in plain.items() if value is not None}


def decode(kind: type[R], item: Mapping[str, Any]) -> R:
    """Return the record of type *kind* in *item*; attributes that it does not know are left aside."""
    plain = {name: untagged(value) for name, value in item.items()}
    return msgspec.convert(plain, kind, str_keys=True)


def tagged(value: Any) -> dict[str, Any]:
    """Return a plain value in DynamoDB's form."""
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case str():
            return {"S": value}
        case int() | float():
            return {"N": repr(value)}
        case list() | tuple():
            return {"L": [tagged(one) for one in value]}
        case Mapping():
            return {"M": {str(name): tagged(one) for name, one in value.items()}}
    raise TypeError(f"no DynamoDB form for {type(value).__name__}")


def untagged(value: Mapping[str, Any]) -> Any:
    """Return DynamoDB's form as a plain value; numbers become int where they are whole."""
    ((kind, content),) = value.items()
    match kind:
        case "N":
            return int(content) if content.lstrip("-").isdigit() else float(content)
        case "L":
            return [untagged(one) for one in content]
        case "M":
            return {name: untagged(one) for name, one in content.items()}
        case "NULL":
            return None
    return content
