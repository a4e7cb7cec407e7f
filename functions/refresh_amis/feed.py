"""Flatcar's release feeds over HTTP: bytes from one fixed host to what they claim, or the reason why not.

A feed is ``{"amis": [{"name": region, "hvm": image}]}``; its version stands in ``version.txt`` beside it, and the two
are not written at one moment. Feeds have been missing, late, cut short and wrong: nothing here is trusted, it is only
read. Source of the forms: flatcar/mantle, cmd/plume/prerelease.go (August 2026).
"""

from __future__ import annotations

import re
import time
from datetime import timedelta
from enum import StrEnum
from typing import Annotated
from urllib.parse import urlsplit

import msgspec
import requests
from msgspec import Meta, Struct
from urllib3.exceptions import HTTPError

from railyard.errors import RailyardError
from railyard.model.images import FeedRelease

FEED_FILE = "flatcar_production_ami_all.json"
VERSION_FILE = "version.txt"
USER_AGENT = "railyard/0.1 (EC2 capacity controller)"
_VERSION = re.compile(r"^FLATCAR_VERSION=(\d+\.\d+\.\d+)\s*$", re.MULTILINE)


class Trouble(StrEnum):
    """What can go wrong with a feed."""

    MISSING = "feed_missing"
    REFUSED = "feed_refused"
    UNREACHABLE = "feed_unreachable"
    REDIRECTED = "feed_redirected"
    TOO_LARGE = "feed_too_large"
    MALFORMED = "feed_malformed"
    NO_VERSION = "version_missing"


class FeedTrouble(RailyardError):
    """A feed gave nothing that can be used; *code* is a Trouble."""


class _Entry(Struct, frozen=True):
    name: Annotated[str, Meta(pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]+$(?!\n)")]
    hvm: Annotated[str, Meta(pattern=r"^ami-([0-9a-f]{8}|[0-9a-f]{17})$(?!\n)")]


class _Feed(Struct, frozen=True):
    amis: Annotated[list[_Entry], Meta(min_length=1)]


class Feeds:
    """The feeds of one host, each file bounded in size and time, redirects refused."""

    def __init__(self, url: str, *, timeout: timedelta, max_bytes: int) -> None:
        """*url* holds ``{channel}`` and ``{board}``: the folder of a channel's current release."""
        self._url = url
        self._timeout = timeout.total_seconds()
        self._max_bytes = max_bytes
        self._session = requests.Session()
        self._session.headers["User-Agent"] = USER_AGENT

    def release(self, channel: str, architecture: str) -> FeedRelease:
        """Return what the feed of *channel* claims for *architecture*; raises FeedTrouble."""
        folder = self._url.replace("{channel}", channel).replace("{board}", f"{architecture}-usr").rstrip("/")
        version = _VERSION.search(self._text(f"{folder}/{VERSION_FILE}"))
        if not version:
            raise FeedTrouble(f"{folder}/{VERSION_FILE} names no FLATCAR_VERSION", code=Trouble.NO_VERSION)
        images = parse(self._text(f"{folder}/{FEED_FILE}"))
        return FeedRelease(
            channel=channel, architecture=architecture, version=version[1], images=images, source=folder
        )

    def _text(self, url: str) -> str:
        try:
            return self._get(url).decode("utf-8")
        except (requests.RequestException, HTTPError) as error:
            raise FeedTrouble(f"{url}: {type(error).__name__}: {error}", code=Trouble.UNREACHABLE) from error
        except UnicodeDecodeError as error:
            raise FeedTrouble(f"{url}: {error}", code=Trouble.MALFORMED) from error

    def _get(self, url: str) -> bytes:
        """Read *url* whole, within the bounds: requests' own timeout is between bytes, this one is in all.

        ``read1`` returns with whatever has come: a feed that drips cannot hold us beyond the bound.
        """
        until = time.monotonic() + self._timeout
        with self._session.get(url, timeout=self._timeout, allow_redirects=False, stream=True) as answer:
            _judge(answer, url)
            body = b""
            while chunk := answer.raw.read1(65_536, decode_content=True):
                body += chunk
                if len(body) > self._max_bytes:
                    raise FeedTrouble(f"{url}: more than {self._max_bytes} bytes", code=Trouble.TOO_LARGE)
                if time.monotonic() > until:
                    raise FeedTrouble(
                        f"{url}: not read within {self._timeout:.0f} s", code=Trouble.UNREACHABLE
                    )
            return body


def parse(text: str) -> dict[str, str]:
    """Return region -> image of a feed file; raises FeedTrouble for anything but the exact form."""
    try:
        feed = msgspec.json.decode(text, type=_Feed)
    except (msgspec.MsgspecError, RecursionError) as error:
        start = text.lstrip()[:40].replace("\n", " ")
        raise FeedTrouble(f"{error}; it starts with {start!r}", code=Trouble.MALFORMED) from error
    images = {entry.name: entry.hvm for entry in feed.amis}
    if len(images) != len(feed.amis):
        raise FeedTrouble("a region appears twice", code=Trouble.MALFORMED)
    return images


def _judge(answer: requests.Response, url: str) -> None:
    status = answer.status_code
    if status == requests.codes.ok:
        return
    if 300 <= status < 400:
        host = urlsplit(answer.headers.get("Location", "")).hostname
        raise FeedTrouble(f"{url}: redirected to {host}", code=Trouble.REDIRECTED)
    if status in (404, 410):
        raise FeedTrouble(f"{url}: HTTP {status}", code=Trouble.MISSING)
    if status < 500:
        raise FeedTrouble(f"{url}: HTTP {status}", code=Trouble.REFUSED)
    raise FeedTrouble(f"{url}: HTTP {status}", code=Trouble.UNREACHABLE)
