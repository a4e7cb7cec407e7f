"""The release feed of this world, in the form and under the paths of Flatcar's own.

``/feed/<channel>/<board>/current/flatcar_production_ami_all.json`` and ``version.txt`` beside it, with
ETags. A test may let a channel misbehave in each way that has been seen live.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum
from hashlib import sha256

from local.listener import Request, Response
from local.releases import CHANNELS, CURRENT, PREVIOUS, Release, release

PATH = re.compile(r"^/feed/([a-z]+)/(amd64|arm64)-usr/current/([A-Za-z0-9_.]+)$")
AMIS, VERSION = "flatcar_production_ami_all.json", "version.txt"


class Variant(StrEnum):
    """What a channel serves."""

    CURRENT = "current"
    OLDER = "older"
    MISSING = "missing"
    TRUNCATED = "truncated"
    HTML = "html"


class Feed:
    """Serves releases; every channel is current until it is told otherwise."""

    def __init__(self) -> None:
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
        if not found or found[1] not in CHANNELS or found[3] not in (AMIS, VERSION):
            return Response(404, b"not found\n", {"Content-Type": "text/plain"})
        channel, architecture, name = found.groups()
        variant = self._variants.get((channel, architecture), Variant.CURRENT)
        made = release(channel, architecture, PREVIOUS if variant is Variant.OLDER else CURRENT)
        body = made.feed if name == AMIS else made.version_txt
        return WAYS[variant](request, made, body)


def _whole(request: Request, made: Release, body: bytes) -> Response:
    tag = f'"{sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Content-Type": "text/plain" if body is made.version_txt else "application/json"}
    if made.synthetic:
        headers["X-Railyard-Synthetic"] = "ids invented"
    if request.headers.get("If-None-Match") == tag:
        return Response(304, b"", headers)
    return Response(200, body, headers)


def _cut(_request: Request, _made: Release, body: bytes) -> Response:
    return Response(200, body[: len(body) // 2], {"Content-Type": "application/json"})


def _page(_request: Request, _made: Release, _body: bytes) -> Response:
    return Response(200, b"<html><body>Just a moment...</body></html>", {"Content-Type": "text/html"})


def _missing(_request: Request, _made: Release, _body: bytes) -> Response:
    return Response(404, b"not found\n", {"Content-Type": "text/plain"})


WAYS: dict[Variant, Callable[[Request, Release, bytes], Response]] = {
    Variant.CURRENT: _whole,
    Variant.OLDER: _whole,
    Variant.MISSING: _missing,
    Variant.TRUNCATED: _cut,
    Variant.HTML: _page,
}
