"""The three forms in which a file says which image is where, and the file that says which version: read strictly.

Feeds have come as a page with status 200, cut in half, as a list, with ``null`` for an id: anything but the exact
form is refused, with what it starts with.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from railyard.errors import RailyardError
from railyard.flatcar.sources import Form

REGION, IMAGE = r"[a-z]{2}(-[a-z]+)+-[0-9]+", r"ami-([0-9a-f]{8}|[0-9a-f]{17})"
_VERSION = re.compile(r"^FLATCAR_VERSION=([0-9]+\.[0-9]+\.[0-9]+)\s*$", re.MULTILINE)
_SHOWN = 40


class Malformed(RailyardError):
    """A file is not in its form; the message says where, and what it starts with."""


class _Entry(Struct, frozen=True):
    name: str
    hvm: str


class _Feed(Struct, frozen=True):
    amis: list[_Entry]


class _Mappings(Struct, frozen=True):
    region_map: dict[str, dict[str, str | None]] = msgspec.field(name="RegionMap")


class _Template(Struct, frozen=True):
    mappings: _Mappings = msgspec.field(name="Mappings")


def images(body: bytes, form: Form) -> dict[str, str]:
    """Return region -> image of a file in *form*, each of which is there once; raises Malformed."""
    text = _text(body)
    found = list(_READERS[form](text))
    if not found:
        raise Malformed(f"no region has an image{_start(text)}", code="feed_malformed")
    for region, image in found:
        if not (re.fullmatch(REGION, region) and re.fullmatch(IMAGE, image)):
            what = f"expected a region and an image, found {region[:_SHOWN]!r} and {image[:_SHOWN]!r}"
            raise Malformed(f"{what}{_start(text)}", code="feed_malformed")
    for each in zip(*found, strict=True):
        [(said, times)] = Counter(each).most_common(1)
        if times > 1:
            raise Malformed(f"{said} appears twice", code="feed_malformed")
    return dict(found)


def version(body: bytes) -> str:
    """Return the version that a ``version.txt`` names; raises Malformed."""
    text = _text(body)
    found = _VERSION.findall(text)
    if len(set(found)) != 1:
        raise Malformed(
            f"expected one FLATCAR_VERSION, found {len(set(found))}{_start(text)}", code="version_missing"
        )
    return str(found[0])


def _json(text: str) -> Iterable[tuple[str, str]]:
    return [(entry.name, entry.hvm) for entry in _decoded(text, _Feed).amis]


def _line(text: str) -> Iterable[tuple[str, str]]:
    if not text.endswith("\n"):  # an id that is cut may still look like one
        raise Malformed(f"the line does not end{_start(text)}", code="feed_malformed")
    parts = (part.partition("=") for part in text.removesuffix("\n").split("|"))
    return [(region, image) for region, _, image in parts]


def _region_map(text: str) -> Iterable[tuple[str, str]]:
    """Read the template that Flatcar offers on its site; a region without an image says null there."""
    mapped = _decoded(text, _Template).mappings.region_map
    return [(region, of["AMI"]) for region, of in mapped.items() if of.get("AMI") is not None]


_READERS: Mapping[Form, Callable[[str], Iterable[tuple[str, str]]]] = {
    Form.JSON: _json,
    Form.LINE: _line,
    Form.REGION_MAP: _region_map,
}


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed(f"not UTF-8: {error}", code="feed_malformed") from None


def _decoded(text: str, kind: Any) -> Any:
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise Malformed(f"{error}{_start(text)}", code="feed_malformed") from None


def _start(text: str) -> str:
    return f"; it starts with {text.lstrip()[:_SHOWN]!r}"
