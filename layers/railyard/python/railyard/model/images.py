"""Images: what EC2 shows of one, what is wrong with it, and what Flatcar and we call it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

LAUNCHED = "stable"
"""The channel that pools launch from, until a pool deploys an AMI set."""
TESTED = {"amd64": "t3.micro", "arm64": "t4g.micro"}
"""Types for a dry run: of the architecture, current, and in every region that Flatcar publishes to."""
_VERSION = r"(\d+\.\d+\.\d+)"


class Defect(StrEnum):
    """What can be wrong with an image that a release names."""

    MISSING = "missing"
    UNVERIFIED = "unverified"
    WRONG_OWNER = "wrong_owner"
    WRONG_NAME = "wrong_name"
    WRONG_ARCHITECTURE = "wrong_architecture"
    WRONG_VIRTUALIZATION = "wrong_virtualization"
    WRONG_ROOT_DEVICE = "wrong_root_device"
    NOT_AVAILABLE = "not_available"
    NOT_PUBLIC = "not_public"
    NOT_ALLOWED = "not_allowed"
    DEPRECATED = "deprecated"
    NOT_LAUNCHABLE = "not_launchable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image as EC2 shows it. ``architecture`` is ours: amd64 or arm64."""

    image_id: str
    region: str
    name: str
    owner: str
    architecture: str
    virtualization: str
    root_device: str
    state: str
    public: bool
    allowed: bool = True
    created_at: str = ""
    deprecation_time: str = ""
    refused: str = ""
    """Why EC2 refused to launch it in a dry run; empty if it did not, or was not asked."""


def ordered(version: str) -> tuple[int, ...]:
    """Return a Flatcar version (``3510.2.8``) as numbers that compare."""
    return tuple(int(part) for part in version.split("."))


def image_defects(
    image: Image | None, *, architecture: str, now: str, owner: str = "", name: str = ""
) -> tuple[Defect, ...]:
    """Return what is wrong with *image*; *now* is RFC 3339.

    With an *owner* it must be that publisher's, public, and be called *name*; without, it may be anybody's.
    """
    if image is None:
        return (Defect.MISSING,)
    checks = {
        Defect.WRONG_OWNER: bool(owner) and image.owner != owner,
        Defect.WRONG_NAME: bool(owner) and image.name != name,
        Defect.WRONG_ARCHITECTURE: image.architecture != architecture,
        Defect.WRONG_VIRTUALIZATION: image.virtualization != "hvm",
        Defect.WRONG_ROOT_DEVICE: image.root_device != "ebs",
        Defect.NOT_AVAILABLE: image.state != "available",
        Defect.NOT_PUBLIC: bool(owner) and not image.public,
        Defect.NOT_ALLOWED: not image.allowed,
        Defect.DEPRECATED: bool(image.deprecation_time) and image.deprecation_time <= now,
        Defect.NOT_LAUNCHABLE: bool(image.refused),
    }
    return tuple(defect for defect, found in checks.items() if found)


def image_name(channel: str, version: str, architecture: str) -> str:
    """Return the name that Flatcar gives an image; those of ``lts-2024`` are called after ``lts``.

    Source: flatcar/mantle, cmd/plume/prerelease.go (August 2026).
    """
    return (
        f"Flatcar-{channel.partition('-')[0]}-{version}"
        + ("-arm64" if architecture == "arm64" else "")
        + "-hvm"
    )


def version_in(name: str, channel: str, architecture: str) -> str:
    """Return the version that an image's *name* says, empty if it is not the name of such an image."""
    found = re.fullmatch(
        re.escape(image_name(channel, "VERSION", architecture)).replace("VERSION", _VERSION), name
    )
    return found[1] if found else ""


def parameter_name(prefix: str, channel: str, architecture: str, kind: str) -> str:
    """Return the name of the SSM parameter that holds a line's ``image``, ``candidate`` or ``release``."""
    return f"{prefix}/flatcar/{channel}/{architecture}/{kind}"
