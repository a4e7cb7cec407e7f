"""The disks that an instance is born with: the image's, changed and joined by the request's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from local.ec2.errors import Ec2Error
from local.ec2.state import Call
from local.ec2.volume import Attachment, Shape, Volume
from local.ec2.volume_life import key_arn, source_of
from local.ec2.volume_limits import checked, limits_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """What one volume of a launch is to be."""

    shape: Shape
    encrypted: bool
    kms_key: str
    snapshot_id: str
    delete_on_termination: bool


def block_devices(call: Call, image: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Disk]:
    """Return the EBS devices of a launch: the image's, changed and joined by the request's.

    Raises:
        Ec2Error: a volume without a size, smaller than its snapshot, or of a shape that its type cannot have.
    """
    disks = [d for d in image.get("BlockDeviceMappings", ()) if "Ebs" in d]
    images: dict[str, Mapping[str, Any]] = {d["DeviceName"]: d["Ebs"] for d in disks}
    found = dict(images)
    for device in data.get("BlockDeviceMappings", ()):
        name = device["DeviceName"]
        if device.get("NoDevice") is not None:
            found.pop(name, None)
        elif "Ebs" in device:
            found[name] = {**found.get(name, {}), **device["Ebs"]}
    root = image.get("RootDeviceName")
    return {
        name: _disk(call, name, ebs, images.get(name, {}), boots=name == root) for name, ebs in found.items()
    }


def _disk(call: Call, name: str, ebs: Mapping[str, Any], images: Mapping[str, Any], *, boots: bool) -> Disk:
    snapshot_id, least, locked = str(ebs.get("SnapshotId", "")), int(images.get("VolumeSize", 0)), False
    if snapshot_id != images.get("SnapshotId", ""):
        source = source_of(call, snapshot_id)
        least, locked = (source.size_gib, source.encrypted) if source else (0, False)
    size = int(ebs.get("VolumeSize") or least)
    if not size:
        raise Ec2Error("InvalidBlockDeviceMapping", f"Device {name} needs a size or a snapshot.")
    if size < least:
        message = f"Volume of size {size}GB is smaller than snapshot ({least}GB)"
        raise Ec2Error("InvalidBlockDeviceMapping", message)
    kind, encrypted = str(ebs.get("VolumeType", "gp2")), bool(ebs.get("Encrypted", False)) or locked
    if boots and not limits_of(kind).boot:
        raise Ec2Error("InvalidBlockDeviceMapping", f"Volumes of type {kind} cannot boot.")
    return Disk(
        shape=checked(kind, size, ebs.get("Iops"), ebs.get("Throughput")),
        encrypted=encrypted,
        kms_key=key_arn(call.state, ebs.get("KmsKeyId")) if encrypted else "",
        snapshot_id=snapshot_id,
        delete_on_termination=bool(ebs.get("DeleteOnTermination", True)),
    )


def make_volumes(
    call: Call, devices: Mapping[str, Disk], *, instance_id: str, zone: str, visible_at: datetime
) -> list[Volume]:
    """Return a volume for each of *devices*, attached from the beginning."""
    now = call.now.replace(microsecond=0)
    return [
        Volume(
            volume_id=call.state.chance.id("vol"),
            sequence=next(call.state.sequence),
            zone=zone,
            shape=disk.shape,
            encrypted=disk.encrypted,
            kms_key=disk.kms_key,
            snapshot_id=disk.snapshot_id,
            created_at=now,
            visible_at=visible_at,
            attachments=(
                Attachment(
                    instance_id=instance_id,
                    device=device,
                    state="attached",
                    attached_at=now,
                    delete_on_termination=disk.delete_on_termination,
                ),
            ),
        )
        for device, disk in devices.items()
    ]
