"""Publish, keep or hold: what a claimed release is worth, held against EC2 and against what is published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from railyard.errors import RailyardError
from railyard.model.answers import stamp
from railyard.model.images import Defect, FeedRelease, Image, Release, image_defects, image_name, ordered

SIGNATURE = "not_checked"
"""What the provenance says about the feed's signature, until it is verified."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """The published release is the feed's release: nothing to do."""

    line: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """The last good release stays. *regions* gives the defects of each bad image."""

    line: str
    reason: Reason
    detail: str
    regions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


Decision = Publish | Keep | Hold
Shown = Mapping[str, Mapping[str, Image] | RailyardError]
"""What EC2 shows, by region: images by id, or why it did not answer."""


def line_of(channel: str, architecture: str) -> str:
    """Return the key of a release line."""
    return f"{channel}#{architecture}"


def decide(claim: FeedRelease, shown: Shown, current: Release | None, owner: str, now: datetime) -> Decision:
    """Judge *claim*: whole, verified in every region and not older, or held with every defect."""
    line = line_of(claim.channel, claim.architecture)
    if not claim.images:
        return Hold(
            line=line, reason=Reason.FEED, detail="the feed names no region that this account has enabled"
        )
    if current and ordered(claim.version) < ordered(current.release):
        return Hold(line=line, reason=Reason.OLDER, detail=f"{claim.version} is older than {current.release}")
    defects = _defects(claim, shown, owner, now)
    if defects:
        detail = f"{claim.version}: {len(defects)} of {len(claim.images)} regions have no sound image"
        return Hold(line=line, reason=Reason.DEFECTIVE, detail=detail, regions=defects)
    if current and current.release == claim.version and dict(current.images) == dict(claim.images):
        return Keep(line=line, version=claim.version)
    changed = current is not None and current.release != claim.version
    release = Release(
        line=line,
        sequence=current.sequence + 1 if current else 1,
        release=claim.version,
        images=claim.images,
        source=claim.source,
        signature=SIGNATURE,
        released_at=now,
        previous=current.release if current and changed else (current.previous if current else ""),
        previous_images=dict(current.images if changed else current.previous_images) if current else {},
    )
    return Publish(release=release, seen=current)


def _defects(claim: FeedRelease, shown: Shown, owner: str, now: datetime) -> dict[str, tuple[str, ...]]:
    name = image_name(claim.channel, claim.version, claim.architecture)
    found: dict[str, tuple[str, ...]] = {}
    for region, image_id in sorted(claim.images.items()):
        images = shown[region]
        if isinstance(images, RailyardError):
            found[region] = (Defect.UNVERIFIED,)
            continue
        defects = image_defects(
            images.get(image_id), owner=owner, name=name, architecture=claim.architecture, now=stamp(now)
        )
        if defects:
            found[region] = defects
    return found


def provenance(release: Release, region: str, channel: str) -> dict[str, str]:
    """Return what the ``release`` parameter of a region says, as the contract names it."""
    return {
        "version": release.release,
        "image": release.images[region],
        "previous": release.previous_images.get(region, ""),
        "source": release.source,
        "channel_of_origin": channel,
        "verification": f"owner, name, version and state checked in EC2; signature: {release.signature}",
        "released_at": stamp(release.released_at),
    }
