"""Volumes from the side of the instance: how it shows them, which end with it, and that they then do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from local.ec2.errors import Ec2Error, not_modelled
from local.ec2.state import Call, State
from local.ec2.volume import Attachment, Volume
from local.ec2.volume_life import begin_to_delete


def at_instance(state: State, instance_id: str) -> list[tuple[Volume, Attachment]]:
    """Return the volumes at an instance with their attachments."""
    volumes = [state.volumes[i] for i in state.volumes.at(instance_id)]
    return [(v, a) for v in volumes if (a := v.at(instance_id)) is not None]


def shown(volume: Volume, attachment: Attachment) -> dict[str, Any]:
    """Return an attachment as EC2 shows it at the volume."""
    return {
        "VolumeId": volume.volume_id,
        "InstanceId": attachment.instance_id,
        "Device": attachment.device,
        "State": attachment.state,
        "AttachTime": attachment.attached_at,
        "DeleteOnTermination": attachment.delete_on_termination,
    }


def mappings(state: State, instance_id: str) -> list[dict[str, Any]]:
    """Return the BlockDeviceMappings of an instance now; there a busy one is still detaching."""
    return [
        {
            "DeviceName": attachment.device,
            "Ebs": {
                "VolumeId": volume.volume_id,
                "Status": "detaching" if attachment.state == "busy" else attachment.state,
                "AttachTime": attachment.attached_at,
                "DeleteOnTermination": attachment.delete_on_termination,
            },
        }
        for volume, attachment in at_instance(state, instance_id)
    ]


def release(state: State, instance_id: str, now: datetime) -> None:
    """Take every volume from an instance that has ended, and delete those that were to end with it."""
    for volume, attachment in at_instance(state, instance_id):
        left = state.volumes.put(volume.detach(instance_id))
        if attachment.delete_on_termination and not left.attachments:
            begin_to_delete(state, left, now, told=False)


def modify_mappings(call: Call, instance_id: str, changes: Sequence[Mapping[str, Any]]) -> None:
    """Say which volumes end with the instance: ModifyInstanceAttribute of BlockDeviceMappings."""
    present = {a.device: (v, a) for v, a in at_instance(call.state, instance_id)}
    for volume, attachment in [_changed(present, change, instance_id) for change in changes]:
        call.state.volumes.put(volume.attach(attachment))


def _changed(
    present: Mapping[str, tuple[Volume, Attachment]], mapping: Mapping[str, Any], instance_id: str
) -> tuple[Volume, Attachment]:
    device, ebs = mapping.get("DeviceName", ""), mapping.get("Ebs") or {}
    if set(mapping) - {"DeviceName", "Ebs"} or set(ebs) - {"DeleteOnTermination", "VolumeId"}:
        raise not_modelled("ModifyInstanceAttribute of a mapping's other members")
    volume, attachment = present.get(device, (None, None))
    if volume is None or attachment is None or ebs.get("VolumeId", volume.volume_id) != volume.volume_id:
        message = f"No device is currently mapped at {device} of {instance_id}"
        raise Ec2Error("InvalidInstanceAttributeValue", message)
    ends = ebs.get("DeleteOnTermination", attachment.delete_on_termination)
    return volume, replace(attachment, delete_on_termination=ends)
