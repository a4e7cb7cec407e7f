"""Flatcar releases of this world: two for each channel and architecture, and their images.

Stable amd64 is real, recorded from the live feed (``data/flatcar``). Nobody has published a complete feed
of another channel or of arm64, so those are invented in the same form: their ids begin with ``ami-0f1a7ca``
and the feed marks them as synthetic. Dates follow the run's clock, or a release of 2023 would look stale.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data" / "flatcar"
OWNER = "075585003325"
CHANNELS = ("stable", "beta", "alpha", "lts")
ARCHITECTURES = ("amd64", "arm64")
CURRENT, PREVIOUS = "3510.2.8", "3510.2.6"
AGES = {CURRENT: timedelta(days=20), PREVIOUS: timedelta(days=75)}
"""Ages of the images at the start of a run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One release of a channel for an architecture: image id by region, and its version.txt."""

    channel: str
    architecture: str
    version: str
    images: dict[str, str]
    version_txt: bytes
    synthetic: bool

    @property
    def feed(self) -> bytes:
        """Return ``flatcar_production_ami_all.json`` as the release tool writes it."""
        amis = [{"name": region, "hvm": image} for region, image in sorted(self.images.items())]
        return (json.dumps({"amis": amis}, indent=2) + "\n").encode()

    @property
    def line(self) -> bytes:
        """Return ``flatcar_production_ami_all.txt``, the same in one line."""
        return (
            "|".join(f"{region}={image}" for region, image in sorted(self.images.items())) + "\n"
        ).encode()


@cache
def release(channel: str, architecture: str, version: str) -> Release:
    """Return a release; raises KeyError for a version that was never recorded."""
    if channel not in CHANNELS or architecture not in ARCHITECTURES or version not in AGES:
        raise KeyError(f"{channel} {architecture} {version}")
    recorded = DATA / f"flatcar-stable-amd64-{version}.REAL"
    entries = json.loads(Path(f"{recorded}.ami_all.json").read_text())["amis"]
    synthetic = (channel, architecture) != ("stable", "amd64")
    images = {entry["name"]: entry["hvm"] for entry in entries}
    if synthetic:
        images = {region: _invented(channel, architecture, version, region) for region in images}
    return Release(
        channel=channel,
        architecture=architecture,
        version=version,
        images=images,
        version_txt=Path(f"{recorded}.version.txt").read_bytes(),
        synthetic=synthetic,
    )


def _invented(*what: str) -> str:
    return "ami-0f1a7ca" + sha256(":".join(what).encode()).hexdigest()[:10]


def images(now: datetime, more: Path | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield region and EC2 image of every release, dated from *now*, then those of the file *more*.

    The file is a JSON object: by region, a list of images as DescribeImages gives them.
    """
    for region, given in (json.loads(more.read_text()) if more else {}).items():
        yield from ((region, image) for image in given)
    for channel in CHANNELS:
        for architecture in ARCHITECTURES:
            for version, age in AGES.items():
                made = release(channel, architecture, version)
                for region, image_id in made.images.items():
                    yield region, _image(made, image_id, now - age)


def _image(made: Release, image_id: str, created: datetime) -> dict[str, Any]:
    """Return what DescribeImages says; values as Flatcar's tool (mantle, plume) registers them."""
    suffix = "-arm64" if made.architecture == "arm64" else ""
    described = f"{made.channel} {made.version}{suffix.replace('-', ' ')}"
    name = f"Flatcar-{made.channel}-{made.version}{suffix}-hvm"
    root = {"SnapshotId": "snap-0f1a7ca" + image_id[-10:], "VolumeSize": 16, "VolumeType": "gp2"}
    return {
        "ImageId": image_id,
        "Name": name,
        "Description": f"Flatcar Container Linux {described} (HVM)",
        "Architecture": {"amd64": "x86_64", "arm64": "arm64"}[made.architecture],
        "CreationDate": created.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "DeprecationTime": (created + timedelta(days=730)).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "ImageLocation": f"{OWNER}/{name}",
        "ImageType": "machine",
        "OwnerId": OWNER,
        "Public": True,
        "State": "available",
        "PlatformDetails": "Linux/UNIX",
        "UsageOperation": "RunInstances",
        "EnaSupport": True,
        "SriovNetSupport": "simple",
        "Hypervisor": "xen",
        "VirtualizationType": "hvm",
        "BootMode": "uefi-preferred",
        "RootDeviceName": "/dev/xvda",
        "RootDeviceType": "ebs",
        "BlockDeviceMappings": [
            {"DeviceName": "/dev/xvda", "Ebs": root | {"DeleteOnTermination": True, "Encrypted": False}},
            {"DeviceName": "/dev/xvdb", "VirtualName": "ephemeral0"},
        ],
    }
