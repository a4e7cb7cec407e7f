"""Builders of volumes, for the tests about EBS."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from local.ec2 import PROMPT, Timing
from tests.local.ec2.builders import REGION, World

HERE = f"{REGION}a"
UNKNOWN = "vol-0123456789abcdef0"


def slow(**delays: Any) -> Timing:
    """Return a timing that is prompt but for *delays*."""
    return replace(PROMPT, **delays)


def a_volume(world: World, size_gib: int | None = 10, **changes: Any) -> str:
    """Create a gp3 volume in us-east-1a and return its id."""
    size = {"Size": size_gib} if size_gib else {}
    request = {"AvailabilityZone": HERE, "VolumeType": "gp3", **size, **changes}
    volume_id = str(world.call("CreateVolume", **request)["VolumeId"])
    world.ec2.advance()
    return volume_id


def the_volume(world: World, volume_id: str) -> dict[str, Any]:
    """Return a volume as DescribeVolumes shows it."""
    volume: dict[str, Any]
    (volume,) = world.call("DescribeVolumes", VolumeIds=[volume_id])["Volumes"]
    return volume


def found(world: World, **parameters: Any) -> list[str]:
    """Return the ids that one DescribeVolumes call shows."""
    return [v["VolumeId"] for v in world.call("DescribeVolumes", **parameters)["Volumes"]]


def where(**filters: str) -> list[dict[str, Any]]:
    """Return filters by name; ``__`` stands for a dot and ``_`` for a dash."""
    return [
        {"Name": name.replace("__", ".").replace("_", "-"), "Values": [value]}
        for name, value in filters.items()
    ]


def attach(world: World, volume_id: str, instance_id: str, device: str = "/dev/sdf") -> dict[str, Any]:
    """Attach a volume and let it be attached."""
    answer = world.call("AttachVolume", VolumeId=volume_id, InstanceId=instance_id, Device=device)
    world.ec2.advance()
    return answer


def state_of(world: World, volume_id: str) -> tuple[str, list[str]]:
    """Return the states of a volume and of its attachments."""
    volume = the_volume(world, volume_id)
    return volume["State"], [a["State"] for a in volume["Attachments"]]


def told(world: World, resource_id: str) -> list[tuple[str, str]]:
    """Return what events told of a volume or a snapshot, each as (event, result)."""
    about = [e for e in world.events if e["resources"][0].endswith(f"/{resource_id}")]
    assert {e["detail-type"] for e in about} <= {"EBS Volume Notification", "EBS Snapshot Notification"}
    return [(e["detail"]["event"], e["detail"]["result"]) for e in about]


def tagged(kind: str, **tags: str) -> list[dict[str, Any]]:
    """Return TagSpecifications for one type of resource."""
    return [{"ResourceType": kind, "Tags": [{"Key": k, "Value": v} for k, v in tags.items()]}]


def modification(world: World, volume_id: str) -> dict[str, Any]:
    """Return the newest modification of a volume."""
    shown: dict[str, Any]
    (shown,) = world.call("DescribeVolumesModifications", VolumeIds=[volume_id])["VolumesModifications"]
    return shown
