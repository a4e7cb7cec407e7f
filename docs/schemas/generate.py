"""Write the JSON Schemas of what crosses a wire, the API's description, and the table of a pool's fields.

``make schemas``. Of the table in ``docs/pools.md`` only the last column is written by hand.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from railyard.wire.ami_sets import AmiSetDocument
from railyard.wire.pools import PoolDocument, RequesterDocument
from railyard.wire.requests import Allocate, Cancel, Release, Renew
from serve_api.ami_set_views import DeployWish
from serve_api.moves import PinWish
from serve_api.openapi import document
from serve_api.switches import Turn

HERE = Path(__file__).parent
PAGE = HERE.parent / "pools.md"
KINDS = {
    "allocate": Allocate,
    "renew": Renew,
    "release": Release,
    "cancel": Cancel,
    "pool": PoolDocument,
    "requester": RequesterDocument,
    "ami-set": AmiSetDocument,
    "deployment": DeployWish,
    "pin": PinWish,
    "switch": Turn,
}
TABLE = re.compile(r"(?<=\| field \| value \| default \| meaning \|\n\|---\|---\|---\|---\|\n)(\|.*\n)*")


def schemas() -> dict[str, str]:
    """Return each schema's text by its file name."""
    made = {name: msgspec.json.schema(kind) for name, kind in KINDS.items()} | {"openapi": document()}
    return {f"{name}.json": json.dumps(each, indent=2, sort_keys=True) + "\n" for name, each in made.items()}


def renewed(page: str) -> str:
    """Return *page* with a row for each field of a pool, in their order; what a row says of its field stays."""
    written = [row.split(" | ") for row in TABLE.search(page)[0].splitlines()]  # type: ignore[index]  # or no page
    said = {row[0]: row[-1] for row in written}
    schema = msgspec.json.schema(PoolDocument)
    rows = [
        " | ".join((f"| `{path}`", value, default, said.get(f"| `{path}`", "? |")))
        for path, value, default in _fields(schema, schema["$defs"], "")
    ]
    return TABLE.sub(lambda _: "".join(f"{row}\n" for row in rows), page)


def _fields(schema: dict[str, Any], kinds: dict[str, Any], path: str) -> Iterator[tuple[str, str, str]]:
    """Yield path, value and default of everything in *schema* that is no table itself."""
    known = next(each for each in schema.get("anyOf", [schema]) if each.get("type") != "null")
    if "$ref" in known:
        known = kinds[known["$ref"].rsplit("/", 1)[1]]
    content = known.get("additionalProperties")
    if "properties" in known:
        for name, field in known["properties"].items():
            yield from _fields(field, kinds, f"{path}.{name}".lstrip("."))
    elif isinstance(content, dict) and "$ref" in content:
        yield from _fields(content, kinds, f"{path}.<name>")
    else:
        default = f"`{json.dumps(schema['default'])}`" if "default" in schema else "required"
        yield path, _value(known), default


def _value(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(f"`{each}`" for each in schema["enum"])
    if schema["type"] == "array":
        return "list: " + _value(schema["items"])
    if schema["type"] == "object":
        return "table of text"
    if "minimum" in schema or "maximum" in schema:
        return (
            f"{schema['minimum']} to {schema['maximum']}"
            if "maximum" in schema
            else f"{schema['minimum']} up"
        )
    return {"boolean": "true, false", "string": "text"}[schema["type"]]


if __name__ == "__main__":
    for name, text in schemas().items():
        (HERE / name).write_text(text)
    PAGE.write_text(renewed(PAGE.read_text()))
