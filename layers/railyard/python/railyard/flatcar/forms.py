"""The three forms in which a file says which image is where, and the file that says which version: read strictly.

Feeds have come as a page with status 200, cut in half, as a list, with ``null`` for an id: anything but the exact
form is refused, with what it starts with.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from railyard.errors import RailyardError
from railyard.flatcar.sources import Form

REGION, IMAGE = r"[a-z]{2}(-[a-z]+)+-[0-9]+", r"ami-([0-9a-f]{8}|[0-9a-f]{17})"
_VERSION = re.compile(r"^FLATCAR_VERSION=(\d+\.\d+\.\d+)\s*$", re.MULTILINE)
_SHOWN = 40


class Malformed(RailyardError):
    """A file is not in its form; the message says where, and what it starts with."""


class _Entry(Struct, frozen=True):
    name: Annotated[str, Meta(pattern=rf"^{REGION}$(?!\n)")]
    hvm: Annotated[str, Meta(pattern=rf"^{IMAGE}$(?!\n)")]


class _Feed(Struct, frozen=True):
    amis: Annotated[list[_Entry], Meta(min_length=1)]


class _Mappings(Struct, frozen=True):
    region_map: Annotated[dict[str, dict[str, str | None]], Meta(min_length=1)] = msgspec.field(
        name="RegionMap"
    )


class _Template(Struct, frozen=True):
    mappings: _Mappings = msgspec.field(name="Mappings")


def images(body: bytes, form: Form) -> dict[str, str]:
    """Return region -> image of a file in *form*; raises Malformed."""
    return _READERS[form](_text(body))


def version(body: bytes) -> str:
    """Return the version that a ``version.txt`` names; raises Malformed."""
    text = _text(body)
    found = _VERSION.findall(text)
    if len(set(found)) != 1:
        raise Malformed(
            f"expected one FLATCAR_VERSION, found {len(set(found))}{_start(text)}", code="version_missing"
        )
    return str(found[0])


def _json(text: str) -> dict[str, str]:
    feed = _decoded(text, _Feed)
    return _once(((entry.name, entry.hvm) for entry in feed.amis), text)


def _line(text: str) -> dict[str, str]:
    if not text.endswith("\n"):  # an id that is cut may still look like one
        raise Malformed(f"the line does not end{_start(text)}", code="feed_malformed")
    parts = [part.partition("=") for part in text.removesuffix("\n").split("|")]
    for region, sign, image in parts:
        if not (re.fullmatch(REGION, region) and sign and re.fullmatch(IMAGE, image)):
            raise Malformed(
                f"expected region=image, found {region[:_SHOWN]!r}{_start(text)}", code="feed_malformed"
            )
    return _once(((region, image) for region, _, image in parts), text)


def _region_map(text: str) -> dict[str, str]:
    """Read the template that Flatcar offers on its site; a region without an image says null there."""
    mapped = _decoded(text, _Template).mappings.region_map
    named = {region: of["AMI"] for region, of in mapped.items() if of.get("AMI") is not None}
    for region, image in named.items():
        if not (re.fullmatch(REGION, region) and re.fullmatch(IMAGE, str(image))):
            raise Malformed(f"{region[:_SHOWN]!r} has no image but {image!r}", code="feed_malformed")
    return _once(((region, str(image)) for region, image in named.items()), text)


_READERS: Mapping[Form, Callable[[str], dict[str, str]]] = {
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


def _once(pairs: Iterable[tuple[str, str]], text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for region, image in pairs:
        if region in found:
            raise Malformed(f"{region} appears twice", code="feed_malformed")
        found[region] = image
    if not found:
        raise Malformed(f"no region has an image{_start(text)}", code="feed_malformed")
    return found


def _start(text: str) -> str:
    return f"; it starts with {text.lstrip()[:_SHOWN]!r}"
