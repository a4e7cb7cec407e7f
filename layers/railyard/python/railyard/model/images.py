"""Images and releases: what EC2 shows, what is published, and what is wrong with an image."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A release as published, the item ``current`` of its line (``channel#architecture``).

    *images* are what the parameters hold. Two kinds of regions keep an older image, whose version is given:
    *withdrawn*, which the feed no longer names, and *behind*, whose image of this release is not sound and which may
    wait (an empty version: it has no image yet). *skipped* are named by the feed and not enabled in this account.
    *url* is the file that last said all this, *etag* is that file's.
    """

    line: str
    version: str = "current"
    schema: int = 1
    sequence: int = 1
    release: str
    images: dict[str, str]
    source: str
    url: str = ""
    etag: str = ""
    signature: str
    signer: str = ""
    released_at: datetime
    previous: str = ""
    previous_images: dict[str, str] = field(default_factory=dict)
    withdrawn: dict[str, str] = field(default_factory=dict)
    behind: dict[str, str] = field(default_factory=dict)
    skipped: tuple[str, ...] = ()

    def version_of(self, region: str) -> str:
        """Return the version of the image that *region* has."""
        return self.withdrawn.get(region) or self.behind.get(region) or self.release


def ordered(version: str) -> tuple[int, ...]:
    """Return a Flatcar version (``3510.2.8``) as numbers that compare."""
    return tuple(int(part) for part in version.split("."))


def image_defects(
    image: Image | None, *, owner: str, name: str, architecture: str, now: str
) -> tuple[Defect, ...]:
    """Return what is wrong with *image* against the release that names it; *now* is RFC 3339."""
    if image is None:
        return (Defect.MISSING,)
    checks = {
        Defect.WRONG_OWNER: image.owner != owner,
        Defect.WRONG_NAME: image.name != name,
        Defect.WRONG_ARCHITECTURE: image.architecture != architecture,
        Defect.WRONG_VIRTUALIZATION: image.virtualization != "hvm",
        Defect.WRONG_ROOT_DEVICE: image.root_device != "ebs",
        Defect.NOT_AVAILABLE: image.state != "available",
        Defect.NOT_PUBLIC: not image.public,
        Defect.NOT_ALLOWED: not image.allowed,
        Defect.DEPRECATED: bool(image.deprecation_time) and image.deprecation_time <= now,
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
    """Return the name of the SSM parameter that holds a line's ``image`` or ``release``."""
    return f"{prefix}/flatcar/{channel}/{architecture}/{kind}"
