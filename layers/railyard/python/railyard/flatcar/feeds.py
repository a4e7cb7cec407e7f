"""From places to a claim: read, checked against its signature, from the first place that gives one.

Trouble that may pass is tried again, other trouble moves on to the next place; the time of it all is bounded, and
the last word says what every place said. With a key at hand a place without signatures is no place: else whoever can
make the signed ones fail could choose the images.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Protocol

from railyard.errors import RailyardError
from railyard.flatcar import forms
from railyard.flatcar.claims import Claim, Signature
from railyard.flatcar.download import DownloadFailed, File, Trouble
from railyard.flatcar.signature import BadSignature, SigningKey
from railyard.flatcar.sources import VERSION, Place

PAUSES = (1.0, 2.0)
"""Seconds before a second and a third try. Toil waits one second before each."""

PATIENCE = timedelta(seconds=60)
"""For one search. Toil may sleep 74 seconds, and has no bound for what it reads."""

SIGNATURE_SUFFIX = ".sig"


class NoFeed(RailyardError):
    """No place gave a claim; the message holds what each of them said."""


class Reader(Protocol):
    """Reads files by address."""

    def read(self, url: str, etag: str = "") -> File | None:
        """Return the file, or None if it still has *etag*."""
        ...


class Feeds:
    """Claims from places."""

    def __init__(
        self,
        files: Reader,
        *,
        key: SigningKey | None = None,
        patience: timedelta = PATIENCE,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """*patience* bounds one search through all places. Without *key* no signature is asked for."""
        self._files = files
        self._key = key
        self._patience = patience.total_seconds()
        self._sleep = sleep
        self._clock = clock

    def deadline(self) -> float:
        """Return when a search that begins now is over: whoever searches several times has this patience once."""
        return self._clock() + self._patience

    def first(
        self, places: Iterable[Place], architecture: str, etag: str = "", until: float | None = None
    ) -> Claim | None:
        """Return the claim of the first of *places* that has one; None if that feed still has *etag*.

        Only the first place is asked with the tag: it belongs to that file. No file is asked for after *until*,
        a ``deadline()``, and each place is asked again only within its share of the time: a host that hangs leaves
        enough for the next. Raises NoFeed, with the code of the last trouble.
        """
        until = self.deadline() if until is None else until
        said: list[str] = []
        code = Trouble.MISSING.value
        left = list(places)
        while left:
            again = self._clock() + (until - self._clock()) / len(left)
            place = left.pop(0)
            try:
                return self._patiently(place, architecture, etag, until, again)
            except RailyardError as trouble:
                said.append(f"{place.source}: {trouble.code}: {trouble}")
                code = trouble.code
            etag = ""
        raise NoFeed("; ".join(said) or "no place to ask", code=code)

    def _patiently(
        self, place: Place, architecture: str, etag: str, until: float, again: float
    ) -> Claim | None:
        for pause in (*PAUSES, None):
            try:
                return self.read(place, architecture, etag, until)
            except DownloadFailed as trouble:
                if not trouble.transient or pause is None or self._clock() + pause > again:
                    raise
                self._sleep(pause)
        raise AssertionError("the last try returns or raises")

    def read(self, place: Place, architecture: str, etag: str = "", until: float = math.inf) -> Claim | None:
        """Return what *place* claims, or None if its file still has *etag*.

        Raises:
            DownloadFailed: a file could not be had, or it is later than *until*.
            Malformed: a file is not in its form.
            BadSignature: there is a key, and the place has no signature, or not its.
        """
        if self._key and not place.signed:
            raise BadSignature(
                f"{place.url} is not asked: it has no signature, and with a key only what is signed counts",
                code="signature_not_published",
            )
        version = ""
        if VERSION in place.url:
            version = self._version(place, until)
            place = replace(place, url=place.url.replace(VERSION, version))
        file = self._file(place.url, until, etag)
        if file is None:
            return None
        version = version or self._version(place, until)
        signature, signer = self._signed(place, file.body, until)
        return Claim(
            place=place,
            architecture=architecture,
            version=version,
            images=forms.images(file.body, place.form),
            signature=signature,
            signer=signer,
            etag=file.etag,
        )

    def _version(self, place: Place, until: float) -> str:
        return forms.version(self._whole(place.version_url, until)) if place.version_url else ""

    def _signed(self, place: Place, body: bytes, until: float) -> tuple[Signature, str]:
        if self._key is None:
            return (Signature.UNAVAILABLE if place.signed else Signature.NOT_PUBLISHED), ""
        return Signature.VERIFIED, self._key.signer(
            body, self._whole(f"{place.url}{SIGNATURE_SUFFIX}", until)
        )

    def _whole(self, url: str, until: float) -> bytes:
        file = self._file(url, until)
        if file is None:
            raise AssertionError(f"{url}: unchanged, though no tag was sent")
        return file.body

    def _file(self, url: str, until: float, etag: str = "") -> File | None:
        if self._clock() > until:
            raise DownloadFailed(f"{url} is not asked: time is up", code=Trouble.UNREACHABLE)
        return self._files.read(url, etag)
