"""AttachVolume and DetachVolume: only within a zone, one device each, and not at once.

A volume is in-use from the moment that it is to be attached until it is detached. One that the guest holds
(a file system still mounted) stays ``busy`` when it is to be detached, until it is let go or forced.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from typing import Any

from local.ec2.catalogue import instance_types
from local.ec2.device_mappings import at_instance, shown
from local.ec2.ebs_events import tell_volume
from local.ec2.errors import Ec2Error, invalid_value, missing, not_modelled
from local.ec2.instance import Instance
from local.ec2.instances import find_instances
from local.ec2.state import Answer, Call, State
from local.ec2.volume import Attachment, Volume
from local.ec2.volume_life import find_volumes

MOST_INSTANCES = 16
"""Of one Multi-Attach volume. Source: botocore 1.44.5, CreateVolume."""

_DEVICE = re.compile(r"(?:/dev/)?(?:sd|xvd)([a-z]{1,2}\d{0,2})")


def attach_volume(call: Call) -> Answer:
    """AttachVolume of a volume to a running or stopped instance of its zone."""
    device = call.need("Device")
    if call.get("EbsCardIndex"):
        raise not_modelled("EbsCardIndex")
    (volume,) = find_volumes(call, [call.need("VolumeId")])
    (instance,) = find_instances(call, [call.need("InstanceId")])
    if not _DEVICE.fullmatch(device):
        raise invalid_value("device", device, f"{device} is not a valid EBS device name.")
    _check_pair(volume, instance)
    _check_instance(call.state, instance, device)
    attachment = Attachment(
        instance_id=instance.instance_id,
        device=device,
        state="attaching",
        attached_at=call.now.replace(microsecond=0),
        delete_on_termination=False,
    )
    state = call.state
    state.volumes.put(volume.attach(attachment))
    done_at = call.now + state.chance.delay(state.timing.attaching)
    state.agenda.at(done_at, lambda when: _attached(state, volume, attachment, when))
    return shown(volume, attachment)


def _check_pair(volume: Volume, instance: Instance) -> None:
    volume_id, instance_id = volume.volume_id, instance.instance_id
    if volume.zone != instance.pool.zone:
        message = f"The volume '{volume_id}' is not in the same availability zone as instance '{instance_id}'"
        raise Ec2Error("InvalidVolume.ZoneMismatch", message)
    if instance.state not in {"running", "stopped"}:
        raise Ec2Error("IncorrectState", f"Instance '{instance_id}' is not 'running'.")
    if volume.state != "available":
        raise Ec2Error("IncorrectState", f"{volume_id} is not 'available'.")
    if volume.attachments and (not volume.shape.multi_attach or volume.at(instance_id)):
        raise Ec2Error("VolumeInUse", f"{volume_id} is already attached to an instance")
    if len(volume.attachments) == MOST_INSTANCES:
        message = f"{volume_id} is attached to {MOST_INSTANCES} instances already."
        raise Ec2Error("AttachmentLimitExceeded", message)
    if volume.shape.multi_attach and _row(instance)["hypervisor"] == "xen":
        message = f"{instance.pool.instance_type} does not support Multi-Attach volumes."
        raise Ec2Error("UnsupportedOperation", message)


def _check_instance(state: State, instance: Instance, device: str) -> None:
    taken = {_normal(a.device) for _, a in at_instance(state, instance.instance_id)}
    if _normal(device) in taken:
        message = f"Invalid value '{device}' for unixDevice. Attachment point {device} is already in use"
        raise Ec2Error("InvalidParameterValue", message)
    most = int(_row(instance)["max_ebs_attachments"])
    if len(taken) >= most:
        message = f"A {instance.pool.instance_type} has at most {most} EBS volumes."
        raise Ec2Error("AttachmentLimitExceeded", message)


def _row(instance: Instance) -> Any:
    return instance_types()[instance.pool.instance_type].row


def _normal(device: str) -> str:
    """Return a device's letters: ``/dev/sdf``, ``sdf`` and ``/dev/xvdf`` are one."""
    match = _DEVICE.fullmatch(device)
    return match.group(1) if match else device


def _attached(state: State, volume: Volume, attachment: Attachment, when: datetime) -> None:
    present = state.volumes.get(volume.volume_id)
    if present is None or present.at(attachment.instance_id) != attachment:
        return
    cause = state.ebs.broken_keys.get(volume.kms_key, "")
    if cause:
        state.volumes.put(present.detach(attachment.instance_id))
        tell_volume(state, volume, when, "attachVolume", "failed", cause)
    else:
        state.volumes.put(present.attach(replace(attachment, state="attached")))


def detach_volume(call: Call) -> Answer:
    """DetachVolume by the volume's id; a Multi-Attach volume needs the instance's, too."""
    (volume,) = find_volumes(call, [call.need("VolumeId")])
    attachment, force = _named(call, volume), call.get("Force", False)
    again = force and attachment.state in {"detaching", "busy"}
    if attachment.state != "attached" and not again:
        message = f"The volume '{volume.volume_id}' is '{attachment.state}'."
        raise Ec2Error("IncorrectState", message)
    instance = call.state.instances[attachment.instance_id]
    if instance.state != "stopped" and attachment.device == instance.birth["RootDeviceName"]:
        message = f"Unable to detach root volume '{volume.volume_id}' from instance '{instance.instance_id}'"
        raise Ec2Error("OperationNotPermitted", message)
    held = volume.volume_id in call.state.ebs.held and instance.state != "stopped" and not force
    leaving = replace(attachment, state="busy" if held else "detaching")
    volume = call.state.volumes.put(volume.attach(leaving))
    if not held:
        _leave(call.state, volume, leaving, call.now)
    return shown(volume, leaving)


def _named(call: Call, volume: Volume) -> Attachment:
    instance_id, device = call.get("InstanceId"), call.get("Device")
    if not volume.attachments:
        message = f"Volume '{volume.volume_id}' is in the '{volume.state}' state."
        raise Ec2Error("IncorrectState", message)
    if volume.shape.multi_attach and not instance_id:
        raise missing("InstanceId")
    for attachment in volume.attachments:
        if instance_id in {None, attachment.instance_id} and device in {None, attachment.device}:
            return attachment
    message = f"The volume '{volume.volume_id}' is not attached to instance '{instance_id}' as '{device}'."
    raise Ec2Error("InvalidAttachment.NotFound", message)


def _leave(state: State, volume: Volume, leaving: Attachment, now: datetime) -> None:
    def left(_: datetime) -> None:
        present = state.volumes.get(volume.volume_id)
        if present is not None and present.at(leaving.instance_id) == leaving:
            state.volumes.put(present.detach(leaving.instance_id))

    state.agenda.at(now + state.chance.delay(state.timing.detaching), left)


def let_go(state: State, volume_id: str, now: datetime) -> None:
    """Go on with a detachment that the guest held up."""
    state.ebs.held.discard(volume_id)
    for attachment in state.volumes[volume_id].attachments:
        if attachment.state == "busy":
            leaving = replace(attachment, state="detaching")
            _leave(state, state.volumes.put(state.volumes[volume_id].attach(leaving)), leaving, now)


OPERATIONS = {"AttachVolume": attach_volume, "DetachVolume": detach_volume}
