"""CreateVolume, DescribeVolumes and DeleteVolume: creating, available, deleting, gone; each end has its event.

A new volume shows late, and its tags on their own time, as everything in EC2.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from local.ec2.devices import key_arn, new_volume, source_of
from local.ec2.errors import Ec2Error, missing
from local.ec2.events import tell_volume
from local.ec2.kinds import VOLUME, find
from local.ec2.listing import Listing, itself
from local.ec2.paging import Member
from local.ec2.state import Answer, Call, Operation, State
from local.ec2.tags import tag_list
from local.ec2.volume import Disk, Snapshot, Volume
from local.ec2.volume_limits import check_place, check_storage, checked
from local.ec2.world import ZONES, zone_id


def find_volumes(call: Call, ids: Iterable[str]) -> list[Volume]:
    """Return the volumes of *ids*; one that is unknown, or not visible yet, fails the call."""
    return find(VOLUME, ids, call.state.seen(call.state.volumes))


def the_volume(call: Call) -> Volume:
    """Return the volume that the call names."""
    return find_volumes(call, [call.need("VolumeId")])[0]


def check_available(volume: Volume) -> None:
    """Refuse a volume that is not made yet, or goes."""
    if volume.state != "available":
        raise Ec2Error("IncorrectState", f"The volume '{volume.volume_id}' is '{volume.state}'.")


def create_volume(call: Call) -> Answer:
    """CreateVolume: the volume is ``creating`` at first."""
    zone, snapshot, state = _zone(call), source_of(call, call.get("SnapshotId")), call.state
    kind, size = call.get("VolumeType", "gp2"), _size(call, snapshot)
    shape = checked(kind, size, call.get("Iops"), call.get("Throughput"))
    encrypted, key = _encryption(call, snapshot)
    tags = call.tags("volume")
    check_place(state.ebs, shape.volume_type, zone)
    check_storage(state.volumes, state.ebs, shape)
    snapshot_id = snapshot.snapshot_id if snapshot else ""
    disk = Disk(shape=shape, encrypted=encrypted, kms_key=key, snapshot_id=snapshot_id)
    volume = state.volumes.put(new_volume(state, disk, zone, "creating"))
    state.appears_late(volume.volume_id, state.timing.visibility)
    state.tags.put(volume.volume_id, tags, state.soon(state.timing.tag_visibility))
    state.later(state.timing.volume_creating, lambda: _made(state, volume))
    return {k: v for k, v in _shown(call, volume).items() if k != "Attachments"} | {"Tags": tag_list(tags)}


def _made(state: State, volume: Volume) -> None:
    state.volumes.put(replace(volume, state="available"))
    tell_volume(state, volume.volume_id, "createVolume", "available")


def _zone(call: Call) -> str:
    name, wanted_id = call.get("AvailabilityZone"), call.get("AvailabilityZoneId")
    if name and wanted_id:
        message = "The parameter AvailabilityZone cannot be used with AvailabilityZoneId"
        raise Ec2Error("InvalidParameterCombination", message)
    if not name and not wanted_id:
        raise missing("AvailabilityZone")
    for zone in ZONES:
        if zone == name or zone_id(zone) == wanted_id:
            return zone
    raise Ec2Error("InvalidZone.NotFound", f"The zone '{name or wanted_id}' does not exist.")


def _size(call: Call, snapshot: Snapshot | None) -> int:
    size = call.get("Size", snapshot.size_gib if snapshot else None)
    if size is None:
        raise missing("size/snapshot")
    if snapshot and size < snapshot.size_gib:
        why = f"is smaller than snapshot '{snapshot.snapshot_id}', expect size >= {snapshot.size_gib}GiB"
        raise Ec2Error("InvalidParameterValue", f"Volume of {size}GiB {why}")
    return int(size)


def _encryption(call: Call, snapshot: Snapshot | None) -> tuple[bool, str]:
    """Return whether the volume is encrypted, and with which key: what comes of an encrypted one always is."""
    key, asked = call.get("KmsKeyId"), call.get("Encrypted")
    if key and not asked:
        message = "The parameter KmsKeyId requires the parameter Encrypted."
        raise Ec2Error("InvalidParameterDependency", message)
    if snapshot and snapshot.encrypted:
        return True, key_arn(call.state, key) if key else snapshot.kms_key
    return bool(asked), key_arn(call.state, key) if asked else ""


def delete_volume(call: Call) -> Answer:
    """DeleteVolume of an available volume; it is ``deleting`` for a while and then unknown."""
    volume = the_volume(call)
    if volume.attachment:
        where = volume.attachment.instance_id
        raise Ec2Error("VolumeInUse", f"Volume {volume.volume_id} is currently attached to {where}")
    check_available(volume)
    _begin_to_delete(call.state, volume, told=True)
    return {}


def _begin_to_delete(state: State, volume: Volume, *, told: bool) -> None:
    """Let a volume go; *told* says whether an event follows."""

    def gone() -> None:
        del state.volumes[volume.volume_id]
        state.forget(volume.volume_id)
        state.ebs.failing.discard(volume.volume_id)
        if told:
            tell_volume(state, volume.volume_id, "deleteVolume", "deleted")

    state.volumes.put(replace(volume, state="deleting"))
    state.later(state.timing.volume_deleting, gone)


def release(state: State, instance_id: str) -> None:
    """Take every volume from an instance that has ended, and delete those that were to end with it."""
    for volume in state.volumes.at(instance_id):
        left = state.volumes.put(replace(volume, attachment=None))
        if volume.attachment and volume.attachment.delete_on_termination:
            _begin_to_delete(state, left, told=False)


def _shown(call: Call, volume: Volume) -> Member:
    attachment = volume.attachment
    return {
        "VolumeId": volume.volume_id,
        "AvailabilityZone": volume.zone,
        "AvailabilityZoneId": zone_id(volume.zone),
        "Encrypted": volume.encrypted,
        "SnapshotId": volume.snapshot_id,
        "State": "in-use" if attachment else volume.state,
        "CreateTime": volume.created_at,
        **volume.shape.members(),
        **({"KmsKeyId": volume.kms_key} if volume.kms_key else {}),
        "Attachments": [attachment.members(volume.volume_id)] if attachment else [],
        "Tags": call.state.tag_list(volume.volume_id),
    }


def _at_instance(call: Call, instance_id: str) -> Collection[str]:
    return [volume.volume_id for volume in call.state.volumes.at(instance_id)]


OPERATIONS: dict[str, Operation] = {
    "CreateVolume": create_volume,
    "DescribeVolumes": Listing[Volume](
        member="Volumes",
        store=lambda call: call.state.volumes,
        show=_shown,
        kind=VOLUME,
        alone=True,
        order=lambda v: v.sequence,
        index={"volume-id": itself, "attachment.instance-id": _at_instance},
        filters="volume-id status=State availability-zone availability-zone-id create-time encrypted size"
        " multi-attach-enabled snapshot-id volume-type attachment.attach-time=Attachments.AttachTime"
        " attachment.instance-id=Attachments.InstanceId attachment.device=Attachments.Device"
        " attachment.status=Attachments.State"
        " attachment.delete-on-termination=Attachments.DeleteOnTermination",
    ),
    "DeleteVolume": delete_volume,
}
