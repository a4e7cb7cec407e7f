"""What EC2 says of the images of a set, and what a set that tracks a channel has."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from railyard.errors import RailyardError
from railyard.model.ami_sets import Check, Content, Deployment, SetImage, Status, image_key
from railyard.model.answers import stamp
from railyard.model.images import Defect, Image, image_defects
from railyard.model.releases import Line

UNKNOWN = ("unknown",)
UNMANAGED = ("unmanaged_region",)
"""The account has not enabled the region."""
VIRTUALIZATION = {"hvm": "hvm", "pv": "paravirtual"}
"""EC2's words for ours."""
_LAUNCHES_NOWHERE = (Defect.NOT_ALLOWED, Defect.WRONG_ROOT_DEVICE)
"""What a set calls ``not_launchable``: the account's allowed images, and a root that is no EBS volume."""

Shown = Mapping[str, Mapping[str, Image] | RailyardError | None]
"""What EC2 shows, by region: images by id, why it did not answer, or None for a region that is not enabled."""


def ids_of(contents: Iterable[Content]) -> dict[str, list[str]]:
    """Return the images of *contents* to ask EC2 for, by region."""
    ids: dict[str, set[str]] = {}
    for image in (image for content in contents for image in content.images):
        ids.setdefault(image.region, set()).add(image.image_id)
    return {region: sorted(each) for region, each in sorted(ids.items())}


def check_version(content: Content, shown: Shown, now: datetime) -> Check:
    """Return what EC2 says of the images of *content*: one bad image makes it invalid, silence about one unknown.

    What has no images yet is unknown.
    """
    reasons: dict[str, tuple[str, ...]] = {}
    for image in content.images:
        found = _defects(image, shown.get(image.region, _UNASKED), now)
        if found:
            reasons[image.key] = found
    if any(found != UNKNOWN for found in reasons.values()):
        status = Status.INVALID
    else:
        status = Status.VALID if content.images and not reasons else Status.UNKNOWN
    return Check(status=status, at=now, reasons=reasons)


def confirmed(deployed: Deployment, check: Check, region: str) -> Deployment:
    """Return *deployed* with EC2's word on its images in *region*; silence about one of them changes nothing."""
    found = {a: check.reasons.get(image_key(region, a), ()) for a in deployed.images}
    if UNKNOWN in found.values():
        return deployed
    defects = {architecture: reasons for architecture, reasons in found.items() if reasons}
    if check.at == deployed.checked_at and defects == deployed.defects:
        return deployed
    return replace(deployed, sequence=deployed.sequence + 1, checked_at=check.at, defects=defects)


def translated(content: Content, region: str, architectures: Collection[str]) -> dict[str, str]:
    """Return the images that *content* has for machines of *architectures* in *region*; absent ones are absent."""
    found = {architecture: content.image(region, architecture) for architecture in architectures}
    return {architecture: image for architecture, image in found.items() if image}


_UNASKED = RailyardError("nobody asked")


def _defects(
    image: SetImage, shown: Mapping[str, Image] | RailyardError | None, now: datetime
) -> tuple[str, ...]:
    if shown is None:
        return UNMANAGED
    if isinstance(shown, RailyardError):
        return UNKNOWN
    known = shown.get(image.image_id)
    defects = image_defects(known, architecture=image.architecture, now=stamp(now))
    wrong: list[Defect] = [each for each in defects if each is not Defect.WRONG_VIRTUALIZATION]
    if known and known.virtualization != VIRTUALIZATION[image.virtualization]:
        wrong.append(Defect.WRONG_VIRTUALIZATION)
    said = (Defect.NOT_LAUNCHABLE if each in _LAUNCHES_NOWHERE else each for each in wrong)
    return tuple(dict.fromkeys(each.value for each in said))


def channel_images(channel: str, lines: Iterable[Line]) -> tuple[SetImage, ...]:
    """Return the images of every region that the release *lines* of *channel* have in force."""
    return tuple(
        sorted(
            SetImage(region=region, architecture=line.architecture, image_id=placed.image)
            for line in lines
            if line.channel == channel
            for region, placed in line.placed.items()
        )
    )
