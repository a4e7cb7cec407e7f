"""AttachVolume and DetachVolume: only within a zone, one device each, and not at once.

A volume is in-use from the moment that it is to be attached until it is detached.
"""

from __future__ import annotations

import re
from dataclasses import replace

from local.ec2.catalogue import instance_types
from local.ec2.errors import Ec2Error, invalid_value
from local.ec2.instance import Instance
from local.ec2.instances import the_instance
from local.ec2.state import Answer, Call, State
from local.ec2.volume import Attachment, Volume
from local.ec2.volumes import the_volume

_DEVICE = re.compile(r"(?:/dev/)?(?:sd|xvd)([a-z]{1,2}\d{0,2})")


def attach_volume(call: Call) -> Answer:
    """AttachVolume of a volume to a running or stopped instance of its zone."""
    device, state = call.need("Device"), call.state
    volume, instance = the_volume(call), the_instance(call)
    if not _DEVICE.fullmatch(device):
        raise invalid_value("device", device, f"{device} is not a valid EBS device name.")
    _check_pair(volume, instance)
    _check_instance(state, instance, device)
    attaching = Attachment(
        instance_id=instance.instance_id,
        device=device,
        state="attaching",
        attached_at=state.second,
        delete_on_termination=False,
    )
    state.volumes.put(replace(volume, attachment=attaching))
    attached = replace(attaching, state="attached")
    _turn_later(state, state.timing.attaching, volume.volume_id, attaching, attached)
    return attaching.members(volume.volume_id)


def _turn_later(
    state: State, delay: tuple[float, float], volume_id: str, before: Attachment, after: Attachment | None
) -> None:
    """Turn an attachment into another, or none, unless it has changed since."""

    def turn() -> None:
        volume = state.volumes.get(volume_id)
        if volume is not None and volume.attachment == before:
            state.volumes.put(replace(volume, attachment=after))

    state.later(delay, turn)


def _check_pair(volume: Volume, instance: Instance) -> None:
    volume_id, instance_id = volume.volume_id, instance.instance_id
    if volume.zone != instance.pool.zone:
        message = f"The volume '{volume_id}' is not in the same availability zone as instance '{instance_id}'"
        raise Ec2Error("InvalidVolume.ZoneMismatch", message)
    if instance.state not in {"running", "stopped"}:
        raise Ec2Error("IncorrectState", f"Instance '{instance_id}' is not 'running'.")
    if volume.state != "available":
        raise Ec2Error("IncorrectState", f"{volume_id} is not 'available'.")
    if volume.attachment:
        raise Ec2Error("VolumeInUse", f"{volume_id} is already attached to an instance")


def _check_instance(state: State, instance: Instance, device: str) -> None:
    there = (volume.attachment for volume in state.volumes.at(instance.instance_id))
    taken = {_normal(attachment.device) for attachment in there if attachment}
    if _normal(device) in taken:
        message = f"Invalid value '{device}' for unixDevice. Attachment point {device} is already in use"
        raise Ec2Error("InvalidParameterValue", message)
    check_number(instance.pool.instance_type, len(taken) + 1)


def check_number(instance_type: str, volumes: int) -> None:
    """Refuse more *volumes* than an instance type can have."""
    most = int(instance_types()[instance_type].row["max_ebs_attachments"])
    if volumes > most:
        message = f"A {instance_type} has at most {most} EBS volumes."
        raise Ec2Error("AttachmentLimitExceeded", message)


def _normal(device: str) -> str:
    """Return a device's letters: ``/dev/sdf``, ``sdf`` and ``/dev/xvdf`` are one."""
    match = _DEVICE.fullmatch(device)
    return match.group(1) if match else device


def detach_volume(call: Call) -> Answer:
    """DetachVolume; the volume's id is enough."""
    volume, state = the_volume(call), call.state
    attachment = _named(call, volume)
    if attachment.state != "attached" and not (call.get("Force") and attachment.state == "detaching"):
        raise Ec2Error("IncorrectState", f"The volume '{volume.volume_id}' is '{attachment.state}'.")
    instance = state.instances[attachment.instance_id]
    if instance.state != "stopped" and attachment.device == instance.birth["RootDeviceName"]:
        message = f"Unable to detach root volume '{volume.volume_id}' from instance '{instance.instance_id}'"
        raise Ec2Error("OperationNotPermitted", message)
    leaving = replace(attachment, state="detaching")
    state.volumes.put(replace(volume, attachment=leaving))
    _turn_later(state, state.timing.detaching, volume.volume_id, leaving, None)
    return leaving.members(volume.volume_id)


def _named(call: Call, volume: Volume) -> Attachment:
    instance_id, device, attachment = call.get("InstanceId"), call.get("Device"), volume.attachment
    if not attachment:
        message = f"Volume '{volume.volume_id}' is in the '{volume.state}' state."
        raise Ec2Error("IncorrectState", message)
    if instance_id in {None, attachment.instance_id} and device in {None, attachment.device}:
        return attachment
    message = f"The volume '{volume.volume_id}' is not attached to instance '{instance_id}' as '{device}'."
    raise Ec2Error("InvalidAttachment.NotFound", message)


OPERATIONS = {"AttachVolume": attach_volume, "DetachVolume": detach_volume}
