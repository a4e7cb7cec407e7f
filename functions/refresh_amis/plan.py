"""Publish, keep or hold: what a claimed release is worth, held against EC2 and against what is published."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from railyard.errors import RailyardError
from railyard.flatcar.claims import Claim, Signature
from railyard.flatcar.sources import Place
from railyard.model.answers import stamp
from railyard.model.images import (
    Defect,
    Image,
    Release,
    image_defects,
    image_name,
    ordered,
    version_in,
)


class Reason(StrEnum):
    """Why a line is held."""

    FEED = "feed"
    """The feed gave nothing; the detail says what."""
    OLDER = "older"
    DEFECTIVE = "defective"
    UNPUBLISHED = "unpublished"
    """SSM took the values and did not show them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Publish:
    """A release to be published in every region that it names."""

    release: Release
    seen: Release | None

    @property
    def line(self) -> str:
        """Key of the release line."""
        return self.release.line


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """The published release is the feed's release. With *seen* its record changes, and nothing else."""

    release: Release
    seen: Release | None = None

    @property
    def line(self) -> str:
        """Key of the release line."""
        return self.release.line


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """The last good release stays. *regions* gives the defects of each bad image."""

    line: str
    reason: Reason
    detail: str
    regions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Regions:
    """Regions that the account has *enabled*, and those *required* for a release (none named: all)."""

    enabled: frozenset[str]
    required: frozenset[str] = frozenset()


Decision = Publish | Keep | Hold
Shown = Mapping[str, Mapping[str, Image] | RailyardError]
"""What EC2 shows, by region: images by id, or why it did not answer."""


def line_of(channel: str, architecture: str) -> str:
    """Return the key of a release line."""
    return f"{channel}#{architecture}"


def tag(current: Release | None, first: Place, *, with_key: bool) -> str:
    """Return the tag that says "only if it has changed" to the *first* place; empty to read it whole.

    It is sent only if that file led to the published release, with every region in it and, *with_key*, a good
    signature. A line that is held has published nothing of the new feed, so that feed has another tag.
    """
    if current is None or current.url != first.url or current.behind:
        return ""
    return current.etag if current.signature == Signature.VERIFIED or not with_key else ""


def decide(claim: Claim, shown: Shown, current: Release | None, regions: Regions, now: datetime) -> Decision:
    """Judge *claim*: verified in every region that counts and not older, or held with every defect."""
    line = line_of(claim.place.channel, claim.architecture)
    named = {region: image for region, image in claim.images.items() if region in regions.enabled}
    if not named:
        return Hold(
            line=line, reason=Reason.FEED, detail="the feed names no region that this account has enabled"
        )
    version = claim.version or _version_in_ec2(claim, named, shown)
    if not version:
        return Hold(line=line, reason=Reason.DEFECTIVE, detail="the images' names agree on no version")
    if current and ordered(version) < ordered(current.release):
        return Hold(line=line, reason=Reason.OLDER, detail=f"{version} is older than {current.release}")
    claim = replace(claim, version=version)
    defects = _defects(claim, named, shown, now)
    waiting = defects.keys() - regions.required if regions.required else set()
    if defects.keys() - waiting or len(defects) == len(named):
        detail = f"{version}: {len(defects)} of {len(named)} regions have no sound image"
        return Hold(line=line, reason=Reason.DEFECTIVE, detail=detail, regions=defects)
    return _against(current, _release(claim, defects.keys(), current, regions, now))


def _release(
    claim: Claim, bad: Collection[str], current: Release | None, regions: Regions, now: datetime
) -> Release:
    """Return the release with the sound images of *claim*, and beside them the last image of enabled regions."""
    sound = {r: image for r, image in claim.images.items() if r in regions.enabled and r not in bad}
    old = current.images if current else {}
    kept = {r: image for r, image in old.items() if r in regions.enabled and r not in sound}
    last = {r: current.version_of(r) for r in kept} if current else {}
    return Release(
        line=line_of(claim.place.channel, claim.architecture),
        release=claim.version,
        images={**kept, **sound},
        source=claim.place.source,
        url=claim.place.url,
        etag=claim.etag,
        signature=claim.signature,
        signer=claim.signer,
        released_at=now,
        withdrawn={r: version for r, version in last.items() if r not in claim.images},
        behind={r: last.get(r, "") for r in sorted(bad)},
        skipped=tuple(sorted(claim.images.keys() - regions.enabled)),
    )


def _against(current: Release | None, found: Release) -> Decision:
    """Return what *found* changes of what is published."""
    if current is None:
        return Publish(release=found, seen=None)
    sequence = current.sequence + 1
    if _published(current) == _published(found):
        read = replace(current, source=found.source, url=found.url, etag=found.etag, skipped=found.skipped)
        if read == current:
            return Keep(release=current)
        return Keep(release=replace(read, sequence=sequence), seen=current)
    previous, images = (current.release, current.images)
    if current.release == found.release:
        previous, images = (current.previous, current.previous_images)
    release = replace(found, sequence=sequence, previous=previous, previous_images=dict(images))
    return Publish(release=release, seen=current)


def _published(release: Release) -> tuple[object, ...]:
    """Return what the parameters of *release* say."""
    return (
        release.release,
        release.images,
        release.withdrawn,
        release.behind,
        release.signature,
        release.signer,
    )


def _version_in_ec2(claim: Claim, named: Mapping[str, str], shown: Shown) -> str:
    """Return the version that the names of the images say, if they all say the same one."""
    versions = set()
    for region, image_id in named.items():
        images = shown[region]
        if not isinstance(images, RailyardError) and image_id in images:
            versions.add(version_in(images[image_id].name, claim.place.channel, claim.architecture))
    return versions.pop() if len(versions) == 1 else ""


def _defects(
    claim: Claim, named: Mapping[str, str], shown: Shown, now: datetime
) -> dict[str, tuple[str, ...]]:
    name = image_name(claim.place.channel, claim.version, claim.architecture)
    found: dict[str, tuple[str, ...]] = {}
    for region, image_id in sorted(named.items()):
        images = shown[region]
        if isinstance(images, RailyardError):
            found[region] = (Defect.UNVERIFIED,)
            continue
        defects = image_defects(
            images.get(image_id),
            owner=claim.place.owner,
            name=name,
            architecture=claim.architecture,
            now=stamp(now),
        )
        if defects:
            found[region] = defects
    return found


def provenance(release: Release, region: str, channel: str) -> dict[str, str | bool]:
    """Return what the ``release`` parameter of a region says, as the contract names it."""
    return {
        "version": release.version_of(region),
        "image": release.images[region],
        "previous": release.previous_images.get(region, ""),
        "source": release.source,
        "url": release.url,
        "channel_of_origin": channel,
        "verification": f"owner, name, version and state checked in EC2; signature: {release.signature}",
        "signature": release.signature,
        "signer": release.signer,
        "withdrawn": region in release.withdrawn,
        "behind": region in release.behind,
        "released_at": stamp(release.released_at),
    }
