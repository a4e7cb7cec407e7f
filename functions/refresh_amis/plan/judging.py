"""Is a claimed release true? EC2's word on every image of it, region by region."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from railyard.errors import RailyardError
from railyard.flatcar.claims import Claim, Signature
from railyard.flatcar.sources import Source, marketplace_version
from railyard.model.answers import stamp
from railyard.model.images import (
    Defect,
    Image,
    image_defects,
    image_name,
    ordered,
    version_in,
)
from railyard.model.releases import Release

Shown = Mapping[str, Mapping[str, Image] | RailyardError]
"""What EC2 shows, by region: images by id, or why it did not answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Regions:
    """Regions that the account has *enabled*, and those *required* for a release (none named: all)."""

    enabled: frozenset[str]
    required: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """Why a claim is no release; *regions* gives the defects of each bad image."""

    detail: str
    regions: dict[str, tuple[str, ...]] = field(default_factory=dict)


def judge(claim: Claim, shown: Shown, regions: Regions, now: datetime) -> Release | Flaw:
    """Return the release that *claim* names, with its sound images, or why it is none."""
    named = {region: image for region, image in claim.images.items() if region in regions.enabled}
    if not named:
        return Flaw(detail="no region that is named is enabled in this account")
    version = claim.version or _version_in_ec2(claim, named, shown)
    if not version:
        return Flaw(detail="the images' names agree on no version")
    claim = replace(claim, version=version)
    bad = _defects(claim, named, shown, now)
    waiting = bad.keys() - regions.required if regions.required else set()
    if bad.keys() - waiting or len(bad) == len(named):
        return Flaw(detail=f"{version}: {len(bad)} of {len(named)} regions have no sound image", regions=bad)
    sound = {region: image for region, image in named.items() if region not in bad}
    return Release(
        release=version,
        images=sound,
        source=claim.place.source,
        channel=claim.place.channel,
        owner=claim.place.owner,
        url=claim.place.url,
        signature=claim.signature,
        signer=claim.signer,
        found_at=now,
        created_at=made(shown, sound),
        behind=tuple(sorted(bad)),
    )


def launches(placed: Mapping[str, str], shown: Shown, architecture: str, now: datetime) -> bool:
    """Tell whether any of the images that are *placed* in their regions may still launch; no answer counts as yes."""
    for region, image_id in placed.items():
        images = shown.get(region, {})
        if isinstance(images, RailyardError):
            return True
        if not image_defects(images.get(image_id), architecture=architecture, now=stamp(now)):
            return True
    return False


def stand_in(
    found: Mapping[str, Image | RailyardError | None], channel: str, architecture: str, now: datetime
) -> Release | None:
    """Return the newest version among the Marketplace's images that were *found*, with the regions that have it."""
    sound = {
        region: image
        for region, image in found.items()
        if isinstance(image, Image)
        and not image_defects(image, architecture=architecture, now=stamp(now))
        and marketplace_version(image.name, channel)
    }
    if not sound:
        return None
    versions = {region: marketplace_version(image.name, channel) for region, image in sound.items()}
    newest = max(versions.values(), key=ordered)
    images = {region: sound[region].image_id for region, each in sorted(versions.items()) if each == newest}
    return Release(
        release=newest,
        images=images,
        source=Source.MARKETPLACE,
        channel=channel,
        signature=Signature.NOT_PUBLISHED,
        found_at=now,
        created_at=min(sound[region].created_at for region in images),
    )


def _version_in_ec2(claim: Claim, named: Mapping[str, str], shown: Shown) -> str:
    """Return the version that the names of the images say, if they all say the same one."""
    versions = set()
    for region, image_id in named.items():
        images = shown.get(region, {})
        if not isinstance(images, RailyardError) and image_id in images:
            versions.add(version_in(images[image_id].name, claim.place.channel, claim.architecture))
    return versions.pop() if len(versions) == 1 else ""


def _defects(
    claim: Claim, named: Mapping[str, str], shown: Shown, now: datetime
) -> dict[str, tuple[str, ...]]:
    name = image_name(claim.place.channel, claim.version, claim.architecture)
    found: dict[str, tuple[str, ...]] = {}
    for region, image_id in sorted(named.items()):
        images = shown.get(region)
        if images is None or isinstance(images, RailyardError):
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


def made(shown: Shown, images: Mapping[str, str]) -> str:
    """Return when the oldest of *images* was made, as far as EC2 says."""
    said = [
        known[image_id].created_at
        for region, image_id in images.items()
        if not isinstance(known := shown.get(region, {}), RailyardError) and image_id in known
    ]
    return min((each for each in said if each), default="")
