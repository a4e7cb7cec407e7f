"""The disks that an instance is born with: the image's, changed and joined by the request's."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from local.ec2.errors import Ec2Error
from local.ec2.instance import Volume
from local.ec2.state import Call

Device = Mapping[str, Any]
_GP3_IOPS, _GP3_THROUGHPUT = 3000, 125


def block_devices(image: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Device]:
    """Return the EBS devices of a launch: the image's, changed and joined by the request's.

    Raises:
        Ec2Error: a volume without a size, or smaller than its snapshot.
    """
    disks = [d for d in image.get("BlockDeviceMappings", ()) if "Ebs" in d]
    found: dict[str, Device] = {d["DeviceName"]: d["Ebs"] for d in disks}
    smallest = {name: ebs["VolumeSize"] for name, ebs in found.items()}
    for device in data.get("BlockDeviceMappings", ()):
        name = device["DeviceName"]
        if device.get("NoDevice") is not None:
            found.pop(name, None)
        elif "Ebs" in device:
            found[name] = {**found.get(name, {}), **device["Ebs"]}
    for name, ebs in found.items():
        if not ebs.get("VolumeSize"):
            raise Ec2Error("InvalidBlockDeviceMapping", f"Device {name} needs a size or a snapshot.")
        if ebs["VolumeSize"] < smallest.get(name, 0):
            message = f"Volume of size {ebs['VolumeSize']}GB is smaller than snapshot ({smallest[name]}GB)"
            raise Ec2Error("InvalidBlockDeviceMapping", message)
    return found


def make_volumes(
    call: Call, devices: Mapping[str, Device], *, instance_id: str, zone: str, visible_at: datetime
) -> list[Volume]:
    """Return a volume for each of *devices*, with EC2's defaults for what the request leaves open."""
    volumes = []
    for device, ebs in devices.items():
        kind, size = str(ebs.get("VolumeType", "gp2")), int(ebs["VolumeSize"])
        gp3 = kind == "gp3"
        default_iops = _GP3_IOPS if gp3 else min(max(100, 3 * size), 16000) if kind == "gp2" else None
        volumes.append(
            Volume(
                volume_id=call.state.chance.id("vol"),
                sequence=next(call.state.sequence),
                instance_id=instance_id,
                device=device,
                zone=zone,
                size_gib=size,
                volume_type=kind,
                iops=ebs.get("Iops", default_iops),
                throughput_mibps=ebs.get("Throughput", _GP3_THROUGHPUT) if gp3 else None,
                encrypted=bool(ebs.get("Encrypted", False)),
                delete_on_termination=bool(ebs.get("DeleteOnTermination", True)),
                snapshot_id=str(ebs.get("SnapshotId", "")),
                created_at=call.now,
                visible_at=visible_at,
            )
        )
    return volumes
