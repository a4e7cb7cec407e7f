"""What new volumes are made of, and the disks that an instance is born with.

Those are the image's, changed and joined by the request's.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from local.ec2.errors import Ec2Error
from local.ec2.kinds import SNAPSHOT, find
from local.ec2.state import Call, State
from local.ec2.volume import Attachment, Disk, Snapshot, Volume
from local.ec2.volume_limits import checked, limits_of
from local.ec2.world import COMPUTE_REGION


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


def make_volumes(call: Call, devices: Mapping[str, Disk], instance_id: str, zone: str) -> list[Volume]:
    """Return a volume for each of *devices*, attached from the beginning."""
    state, found = call.state, []
    for device, disk in devices.items():
        attachment = Attachment(
            instance_id=instance_id,
            device=device,
            state="attached",
            attached_at=state.second,
            delete_on_termination=disk.delete_on_termination,
        )
        found.append(new_volume(state, disk, zone, "available", attachment))
    return found


def new_volume(
    state: State, disk: Disk, zone: str, made: str, attachment: Attachment | None = None
) -> Volume:
    """Return a volume that is *made* (``creating`` or ``available``) now."""
    return Volume(
        volume_id=state.chance.id("vol"),
        sequence=next(state.sequence),
        zone=zone,
        shape=disk.shape,
        encrypted=disk.encrypted,
        kms_key=disk.kms_key,
        snapshot_id=disk.snapshot_id,
        created_at=state.second,
        state=made,
        attachment=attachment,
    )


def source_of(call: Call, snapshot_id: str | None) -> Snapshot | None:
    """Return the snapshot that a new volume is made from; it must be complete, and one of the account's."""
    if not snapshot_id:
        return None
    (snapshot,) = find(SNAPSHOT, [snapshot_id], call.state.seen(call.state.snapshots))
    if snapshot.state != "completed":
        raise Ec2Error("IncorrectState", f"Snapshot is in invalid state - {snapshot.state}")
    return snapshot


def key_arn(state: State, key: str | None) -> str:
    """Return the key that an id, alias or ARN names, EBS's own without one. No key is looked up."""
    name = (key or "alias/aws/ebs").rpartition("arn:aws:kms:")[2]
    name = re.sub(rf"^{COMPUTE_REGION}:\d+:(key/)?", "", name)
    if name.startswith("alias/"):
        digest = hashlib.sha256(name.encode()).hexdigest()
        name = "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:32]))
    return f"arn:aws:kms:{COMPUTE_REGION}:{state.account}:key/{name}"
