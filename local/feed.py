"""The release feed of this world, in the form and under the paths of Flatcar's own.

``/feed/<channel>/<board>/current/`` holds ``flatcar_production_ami_all.json``, the same as one line of text, the
signature of each (``.sig``) and ``version.txt``, with ETags. A test may let a channel misbehave in each way that has
been seen live, or that somebody might try.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum
from hashlib import sha256
from pathlib import Path

from local.assembly import CACHE
from local.listener import Request, Response
from local.publisher import Publisher
from local.releases import CHANNELS, CURRENT, PREVIOUS, Release, release

AMIS, TEXT, VERSION = "flatcar_production_ami_all.json", "flatcar_production_ami_all.txt", "version.txt"
SIGNATURES = {f"{AMIS}.sig": AMIS, f"{TEXT}.sig": TEXT}
KINDS = {".json": "application/json", ".txt": "text/plain", ".sig": "application/octet-stream"}
STRANGER = Publisher(CACHE / "stranger")
"""Somebody whom nobody trusts."""

PATH = re.compile(r"^/feed/([a-z]+)/(amd64|arm64)-usr/current/([A-Za-z0-9_.]+)$")


class Variant(StrEnum):
    """What a channel serves; all but the last three with good signatures."""

    CURRENT = "current"
    OLDER = "older"
    MISSING = "missing"
    TRUNCATED = "truncated"
    HTML = "html"
    TEXT_ONLY = "text_only"
    UNSIGNED = "unsigned"
    FOREIGN_KEY = "foreign_key"
    OTHER_BYTES = "other_bytes"


FORGED = (Variant.UNSIGNED, Variant.FOREIGN_KEY, Variant.OTHER_BYTES)
"""Their files are not the current ones, or a reader who knows those would not read them again."""


class Feed:
    """Serves releases; every channel is current until it is told otherwise."""

    def __init__(self, publisher: Publisher | None = None) -> None:
        """*publisher* signs; by default it is this machine's."""
        self.publisher = publisher or Publisher()
        self._variants: dict[tuple[str, str], Variant] = {}
        self.requests = 0

    def set(
        self, variant: Variant | str, *, channel: str = "stable", architecture: str | None = None
    ) -> None:
        """Let a channel (of one architecture, or of both) serve *variant* from now on."""
        for name in (architecture,) if architecture else ("amd64", "arm64"):
            self._variants[channel, name] = Variant(variant)

    def answer(self, request: Request) -> Response:
        """Answer a GET under ``/feed/``."""
        self.requests += 1
        found = PATH.match(request.path)
        if not found or found[1] not in CHANNELS:
            return NOT_FOUND
        channel, architecture, name = found.groups()
        variant = self._variants.get((channel, architecture), Variant.CURRENT)
        made = release(channel, architecture, PREVIOUS if variant is Variant.OLDER else CURRENT)
        files = {AMIS: made.feed, TEXT: made.line, VERSION: made.version_txt}
        if variant in FORGED:
            files |= {each: files[each] + b"\n" for each in (AMIS, TEXT)}
        if variant is Variant.TEXT_ONLY:
            del files[AMIS]
        if name in SIGNATURES and SIGNATURES[name] in files:
            return self._signature(variant, name, files[SIGNATURES[name]])
        if name not in files:
            return NOT_FOUND
        return WAYS.get(variant, _whole)(request, made, name, files[name])

    def _signature(self, variant: Variant, name: str, body: bytes) -> Response:
        if variant in (Variant.UNSIGNED, Variant.MISSING):
            return NOT_FOUND
        publisher = STRANGER if variant is Variant.FOREIGN_KEY else self.publisher
        signed = publisher.sign(body[:-1] if variant is Variant.OTHER_BYTES else body)
        return Response(200, signed, {"Content-Type": KINDS[Path(name).suffix]})


def _whole(request: Request, made: Release, name: str, body: bytes) -> Response:
    tag = f'"{sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Content-Type": KINDS[Path(name).suffix]}
    if made.synthetic:
        headers["X-Railyard-Synthetic"] = "ids invented"
    if request.headers.get("If-None-Match") == tag:
        return Response(304, b"", headers)
    return Response(200, body, headers)


def _cut(_request: Request, _made: Release, name: str, body: bytes) -> Response:
    return Response(200, body[: len(body) // 2], {"Content-Type": KINDS[Path(name).suffix]})


def _page(_request: Request, _made: Release, _name: str, _body: bytes) -> Response:
    return Response(200, b"<html><body>Just a moment...</body></html>", {"Content-Type": "text/html"})


def _missing(_request: Request, _made: Release, _name: str, _body: bytes) -> Response:
    return NOT_FOUND


NOT_FOUND = Response(404, b"not found\n", {"Content-Type": "text/plain"})
WAYS: dict[Variant, Callable[[Request, Release, str, bytes], Response]] = {
    Variant.MISSING: _missing,
    Variant.TRUNCATED: _cut,
    Variant.HTML: _page,
}
