"""What EC2 says of the images of a set, and what a set that tracks a channel has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from railyard.errors import RailyardError
from railyard.model.ami_sets import Check, Content, SetImage, Status
from railyard.model.answers import stamp
from railyard.model.images import Defect, Image, image_defects
from railyard.model.releases import Line

UNKNOWN = ("unknown",)
VIRTUALIZATION = {"hvm": "hvm", "pv": "paravirtual"}
"""EC2's words for ours."""

Shown = Mapping[str, Mapping[str, Image] | RailyardError]
"""What EC2 shows, by region: images by id, or why it did not answer."""


def check_version(content: Content, shown: Shown, now: datetime) -> Check:
    """Return what EC2 says of the images of *content*: one bad image makes it invalid, silence about one unknown."""
    reasons: dict[str, tuple[str, ...]] = {}
    for image in content.images:
        found = _defects(image, shown.get(image.region, {}), now)
        if found:
            reasons[image.key] = found
    if any(found != UNKNOWN for found in reasons.values()):
        status = Status.INVALID
    else:
        status = Status.UNKNOWN if reasons else Status.VALID
    return Check(status=status, at=now, reasons=reasons)


def _defects(image: SetImage, shown: Mapping[str, Image] | RailyardError, now: datetime) -> tuple[str, ...]:
    if isinstance(shown, RailyardError):
        return UNKNOWN
    known = shown.get(image.image_id)
    defects = image_defects(known, architecture=image.architecture, now=stamp(now))
    wrong = [each.value for each in defects if each is not Defect.WRONG_VIRTUALIZATION]
    if known and known.virtualization != VIRTUALIZATION[image.virtualization]:
        wrong.append(Defect.WRONG_VIRTUALIZATION.value)
    return tuple(wrong)


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
