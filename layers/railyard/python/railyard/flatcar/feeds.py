"""From places to a claim: read, checked against its signature, from the first place that gives one.

Trouble that may pass is tried again, other trouble moves on to the next place; the time of it all is bounded, and
the last word says what every place said. With a key at hand a place without signatures is no place: else whoever can
make the signed ones fail could choose the images.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Protocol

from railyard.errors import RailyardError
from railyard.flatcar import forms
from railyard.flatcar.claims import Claim, Signature
from railyard.flatcar.download import DownloadFailed, File
from railyard.flatcar.signature import BadSignature, SigningKey
from railyard.flatcar.sources import Place

PAUSES = (1.0, 2.0)
"""Seconds before a second and a third try. Toil waits one second before each."""

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
        patience: timedelta = timedelta(seconds=60),
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """*patience* bounds one search through all places. Without *key* no signature is asked for."""
        self._files = files
        self._key = key
        self._patience = patience.total_seconds()
        self._sleep = sleep
        self._clock = clock

    def first(self, places: Iterable[Place], architecture: str, etag: str = "") -> Claim | None:
        """Return the claim of the first of *places* that has one; None if that feed still has *etag*.

        Only the first place is asked with the tag: it belongs to that file. Raises NoFeed.
        """
        until = self._clock() + self._patience
        said: list[str] = []
        for place in places:
            if said and self._clock() > until:
                said.append(f"{place.source}: not asked, time is up")
                continue
            try:
                return self._patiently(place, architecture, etag, until)
            except RailyardError as trouble:
                said.append(f"{place.source}: {trouble.code}: {trouble}")
                code = trouble.code
            etag = ""
        raise NoFeed("; ".join(said) or "no place to ask", code=code if said else "feed_missing")

    def _patiently(self, place: Place, architecture: str, etag: str, until: float) -> Claim | None:
        for pause in (*PAUSES, None):
            try:
                return self.read(place, architecture, etag)
            except DownloadFailed as trouble:
                if not trouble.transient or pause is None or self._clock() + pause > until:
                    raise
                self._sleep(pause)
        raise AssertionError("the last try returns or raises")

    def read(self, place: Place, architecture: str, etag: str = "") -> Claim | None:
        """Return what *place* claims, or None if its file still has *etag*.

        Raises:
            DownloadFailed: a file could not be had.
            Malformed: a file is not in its form.
            BadSignature: there is a key, and the place has no signature, or not its.
        """
        file = self._files.read(place.url, etag)
        if file is None:
            return None
        version = forms.version(self._whole(place.version_url)) if place.version_url else ""
        signature, signer = self._signed(place, file.body)
        return Claim(
            place=place,
            architecture=architecture,
            version=version,
            images=forms.images(file.body, place.form),
            signature=signature,
            signer=signer,
            etag=file.etag,
        )

    def _signed(self, place: Place, body: bytes) -> tuple[Signature, str]:
        if self._key is None:
            return (Signature.UNAVAILABLE if place.signed else Signature.NOT_PUBLISHED), ""
        if not place.signed:
            raise BadSignature(f"{place.url}: no signature is published", code="signature_not_published")
        return Signature.VERIFIED, self._key.signer(body, self._whole(f"{place.url}{SIGNATURE_SUFFIX}"))

    def _whole(self, url: str) -> bytes:
        file = self._files.read(url)
        if file is None:
            raise AssertionError(f"{url}: unchanged, though no tag was sent")
        return file.body
