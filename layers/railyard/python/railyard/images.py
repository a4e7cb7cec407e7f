"""Find a Flatcar image for an EC2 client, as Toil does, and say where it came from and how far it was checked.

::

    from railyard.images import flatcar_image

    image = flatcar_image(boto3.client("ec2"), "arm64")
    print(image.image_id, image.source, image.verification)

Needs boto3, requests, msgspec and pysequoia; nothing of Railyard has to be deployed. The region is the client's.
``RAILYARD_AMI``, then ``TOIL_AWS_AMI``, overrides everything, as in Toil.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from railyard.aws.images import Ec2Images
from railyard.errors import ImageUnavailable, RailyardError
from railyard.flatcar.claims import Claim, Signature
from railyard.flatcar.download import Downloads
from railyard.flatcar.feeds import Feeds, NoFeed
from railyard.flatcar.signature import FLATCAR_FINGERPRINT, SigningKey
from railyard.flatcar.sources import (
    MARKETPLACE_OWNER,
    Place,
    Source,
    check,
    marketplace_name,
    marketplace_version,
    places,
    stand_ins,
)
from railyard.model.images import Image, image_defects, image_name, version_in

logger = logging.getLogger(__name__)
OVERRIDES = ("RAILYARD_AMI", "TOIL_AWS_AMI")
TIMEOUT, LARGEST_FILE = timedelta(seconds=10), 1_048_576
SUBSCRIPTION = "launches after its one-time subscription on the AWS Marketplace"


class Verification(StrEnum):
    """What EC2 said about an image."""

    VERIFIED = "verified"
    UNVERIFIED = "unverified"  # EC2 did not answer, or was not asked
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class FlatcarImage:
    """An image and its provenance. *detail* says why it is not verified; ``str()`` gives the id."""

    image_id: str
    region: str
    architecture: str
    source: Source
    channel: str = ""
    version: str = ""
    verification: Verification
    signature: str = ""
    detail: str = ""

    def __str__(self) -> str:
        return self.image_id


def flatcar_image(
    ec2: Any,
    architecture: str = "amd64",
    *,
    channel: str = "stable",
    mirror_url: str = "",
    signing_key: bytes | None = None,
    fingerprint: str = FLATCAR_FINGERPRINT,
    fail_open: bool = True,
    feeds: Feeds | None = None,
) -> FlatcarImage:
    """Return an image that launches in the region of *ec2*, from the first source that has one.

    The order is Toil's: override, your mirror (if set), the channel's feed and its official copies, the Marketplace,
    the beta feed, the archived feed; in China its own feed, then the Marketplace. An image that EC2 rejects is passed
    over; one that EC2 could not be asked about is taken with a warning, unless *fail_open* is false. All feeds
    together have one minute, and EC2 what its client gives it.

    Raises:
        InvalidRequest: no such channel or architecture, or not in that region; nothing was asked.
        ImageUnavailable: no source has one; the message says what each said, and what to do.
    """
    check(channel, architecture)
    search = _Search(ec2, architecture, feeds or _feeds(signing_key, fingerprint))
    if told := search.as_told():
        return told
    said: list[str] = []
    for found in search.everywhere(channel, mirror_url, said):
        if found.verification is Verification.VERIFIED:
            return found
        if found.verification is Verification.UNVERIFIED and fail_open:
            logger.warning("%s from %s is not verified: %s", found.image_id, found.source, found.detail)
            return found
        said.append(f"{found.source}: {found.image_id}: {found.detail}")
    raise ImageUnavailable(_nothing(channel, architecture, search.region, said), code="image_unavailable")


def _nothing(channel: str, architecture: str, region: str, said: list[str]) -> str:
    return (
        f"no Flatcar image for {architecture} in {region}: {'; '.join(said)}. Upload "
        f"flatcar_production_ami_image.bin.bz2 of channel {channel} as an AMI of yours and set {OVERRIDES[0]}"
    )


def feed_images(
    region: str, architecture: str, source: str = "stable", *, feeds: Feeds | None = None
) -> Iterator[str]:
    """Yield the image that a feed names for *region*, if it names one; EC2 is not asked.

    *source* is ``stable``, ``beta``, ``alpha``, ``lts``, ``lts-YEAR`` or ``archive``; InvalidRequest for another.
    Raises NoFeed if the feed gives nothing.
    """
    claim = (feeds or _feeds(None)).first(_places(region, architecture, source), architecture)
    if claim and region in claim.images:
        yield claim.images[region]


def feed_image(
    ec2: Any, architecture: str, source: str = "stable", *, feeds: Feeds | None = None
) -> FlatcarImage | None:
    """Return the image that a feed names for the region of *ec2*, as far as EC2 does not reject it.

    None if the feed gives nothing, or EC2 rejects it. Raises InvalidRequest for an unknown source.
    """
    search = _Search(ec2, architecture, feeds or _feeds(None))
    found = search.feed(_places(search.region, architecture, source), [])
    return found if found and found.verification is not Verification.REJECTED else None


def marketplace_image(ec2: Any, architecture: str) -> FlatcarImage | None:
    """Return the newest stable image of the AWS Marketplace, or None; raises what EC2 answered instead."""
    check("stable", architecture)
    return _Search(ec2, architecture, None).marketplace()


def _feeds(signing_key: bytes | None, fingerprint: str = FLATCAR_FINGERPRINT) -> Feeds:
    key = SigningKey(signing_key, fingerprint) if signing_key else None
    return Feeds(Downloads(timeout=TIMEOUT, max_bytes=LARGEST_FILE), key=key)


def _places(region: str, architecture: str, source: str) -> list[Place]:
    if source == Source.ARCHIVE:
        return [stand_ins(architecture)[1]]
    return places(source, architecture, region=region)[:1]


class _Search:
    """One search in one region."""

    def __init__(self, ec2: Any, architecture: str, feeds: Feeds | None) -> None:
        self.region: str = ec2.meta.region_name
        self._images = Ec2Images(lambda _: ec2)
        self._architecture = architecture
        self._feeds = feeds
        self._until = feeds.deadline() if feeds else 0.0

    def as_told(self) -> FlatcarImage | None:
        """Return an override as it was given: whoever sets it knows why."""
        for variable in OVERRIDES:
            if image_id := os.environ.get(variable, ""):
                return FlatcarImage(
                    image_id=image_id,
                    region=self.region,
                    architecture=self._architecture,
                    source=Source.OVERRIDE,
                    verification=Verification.UNVERIFIED,
                    detail=f"{variable} is taken as it is",
                )
        return None

    def everywhere(self, channel: str, mirror_url: str, said: list[str]) -> Iterator[FlatcarImage]:
        """Yield what each source has, in order; a source that has nothing says why to *said*."""
        first = places(channel, self._architecture, region=self.region, mirror_url=mirror_url)
        others = () if self.region.startswith("cn-") else stand_ins(self._architecture)
        for each in (first, None, *([other] for other in others)):
            found = self._marketplace(said) if each is None else self.feed(each, said)
            if found:
                yield found

    def feed(self, asked: Iterable[Place], said: list[str]) -> FlatcarImage | None:
        """Return what the first place of *asked* that gives a claim names for this region, judged."""
        assert self._feeds is not None
        try:
            claim = self._feeds.first(asked, self._architecture, until=self._until)
        except NoFeed as trouble:
            said.append(str(trouble))
            return None
        if claim is None or self.region not in claim.images:
            said.append(f"{claim.place.source if claim else 'feed'}: no image for {self.region}")
            return None
        return self._judged(claim, claim.images[self.region])

    def _judged(self, claim: Claim, image_id: str) -> FlatcarImage:
        verification, detail, version = Verification.VERIFIED, "", claim.version
        try:
            image = self._images.look(self.region, [image_id]).get(image_id)
        except RailyardError as error:
            verification, detail = Verification.UNVERIFIED, str(error)
        else:
            version = version or (
                version_in(image.name, claim.place.channel, self._architecture) if image else ""
            )
            if defects := self._defects(image, claim, version):
                verification, detail = Verification.REJECTED, ", ".join(defects)
        return FlatcarImage(
            image_id=image_id,
            region=self.region,
            architecture=self._architecture,
            source=claim.place.source,
            channel=claim.place.channel,
            version=version,
            verification=verification,
            signature=claim.signature,
            detail=detail,
        )

    def _defects(self, image: Image | None, claim: Claim, version: str) -> tuple[str, ...]:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        name = image_name(claim.place.channel, version, self._architecture)
        return image_defects(
            image, owner=claim.place.owner, name=name, architecture=self._architecture, now=now
        )

    def _marketplace(self, said: list[str]) -> FlatcarImage | None:
        try:
            found = self.marketplace()
        except RailyardError as trouble:
            said.append(f"{Source.MARKETPLACE}: {trouble}")
            return None
        if found is None:
            said.append(f"{Source.MARKETPLACE}: no image for {self._architecture}")
        return found

    def marketplace(self) -> FlatcarImage | None:
        """Return the newest stable image that the Marketplace shows; it is EC2's own word."""
        image = self._images.newest(
            self.region,
            owner=MARKETPLACE_OWNER,
            name=marketplace_name("stable"),
            architecture=self._architecture,
        )
        if image is None:
            return None
        return FlatcarImage(
            image_id=image.image_id,
            region=self.region,
            architecture=self._architecture,
            source=Source.MARKETPLACE,
            channel="stable",
            version=marketplace_version(image.name, "stable"),
            verification=Verification.VERIFIED,
            signature=Signature.NOT_PUBLISHED,
            detail=SUBSCRIPTION,
        )
