"""DescribeVolumes: the volumes that came with instances."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from local.ec2.errors import Ec2Error
from local.ec2.filters import Fields, matching
from local.ec2.instance import Volume
from local.ec2.paging import Limits, page
from local.ec2.state import Answer, Call
from local.ec2.tags import tag_list

PAGES = Limits(lowest=5, highest=1000, default=1000)


def _if_attached(volume: Volume, value: str) -> Iterable[str]:
    return [value] if volume.attached else []


FIELDS: Fields[Volume] = {
    "volume-id": lambda v: [v.volume_id],
    "attachment.instance-id": lambda v: _if_attached(v, v.instance_id),
    "attachment.device": lambda v: _if_attached(v, v.device),
    "attachment.status": lambda v: _if_attached(v, "attached"),
    "attachment.delete-on-termination": lambda v: _if_attached(v, str(v.delete_on_termination).lower()),
    "status": lambda v: ["in-use" if v.attached else "available"],
    "availability-zone": lambda v: [v.zone],
    "volume-type": lambda v: [v.volume_type],
    "size": lambda v: [str(v.size_gib)],
    "encrypted": lambda v: [str(v.encrypted).lower()],
    "snapshot-id": lambda v: [v.snapshot_id],
}


def describe_volumes(call: Call) -> Answer:
    """List volumes by id and filter, oldest first; a fresh one may not show yet."""
    state, ids = call.state, call.get("VolumeIds", ())
    shown = [v for i, v in state.volumes.items() if call.now >= v.visible_at and (not ids or i in ids)]
    if absent := set(ids) - {v.volume_id for v in shown}:
        raise Ec2Error("InvalidVolume.NotFound", f"The volume '{min(absent)}' does not exist.")
    keep = matching(call.get("Filters", ()), FIELDS, lambda v: state.tags.of(v.volume_id, call.now))
    found, token = page(shown, call.parameters, PAGES, key=lambda v: v.sequence, keep=keep)
    return {"Volumes": [_member(call, v) for v in found], **token}


def _member(call: Call, volume: Volume) -> dict[str, Any]:
    member: dict[str, Any] = {
        "VolumeId": volume.volume_id,
        "AvailabilityZone": volume.zone,
        "Size": volume.size_gib,
        "VolumeType": volume.volume_type,
        "Encrypted": volume.encrypted,
        "SnapshotId": volume.snapshot_id,
        "State": "in-use" if volume.attached else "available",
        "CreateTime": volume.created_at,
        "MultiAttachEnabled": False,
        "Attachments": [_attachment(volume)] if volume.attached else [],
        "Tags": tag_list(call.state.tags.of(volume.volume_id, call.now)),
    }
    rates = {"Iops": volume.iops, "Throughput": volume.throughput_mibps}
    return member | {name: value for name, value in rates.items() if value is not None}


def _attachment(volume: Volume) -> dict[str, Any]:
    return {
        "VolumeId": volume.volume_id,
        "InstanceId": volume.instance_id,
        "Device": volume.device,
        "State": "attached",
        "AttachTime": volume.created_at,
        "DeleteOnTermination": volume.delete_on_termination,
    }


OPERATIONS = {"DescribeVolumes": describe_volumes}
