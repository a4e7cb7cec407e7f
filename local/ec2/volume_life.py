"""CreateVolume and DeleteVolume: creating, available, deleting, gone; each end has its event.

A new volume shows late, and its tags on their own time, as everything in EC2. A key that cannot be used lets
the creation begin and then fail: the volume is gone again, and only an event says why.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from local.ec2.ebs_events import tell_volume
from local.ec2.errors import Ec2Error, invalid_value, missing, not_modelled
from local.ec2.state import Answer, Call, State
from local.ec2.tags import tag_list, tag_specifications
from local.ec2.volume import Snapshot, Volume
from local.ec2.volume_limits import check_place, check_storage, checked
from local.ec2.world import COMPUTE_REGION, ZONES, zone_id

_NOT_MODELLED = ("OutpostArn", "VolumeInitializationRate", "Operator")


def create_volume(call: Call) -> Answer:
    """CreateVolume, once per client token."""
    return call.once(lambda: _create(call))


def _create(call: Call) -> Answer:
    for name in _NOT_MODELLED:
        if call.get(name) is not None:
            raise not_modelled(name)
    zone, snapshot, state = _zone(call), source_of(call, call.get("SnapshotId")), call.state
    shape = checked(
        call.get("VolumeType", "gp2"),
        _size(call, snapshot),
        call.get("Iops"),
        call.get("Throughput"),
        multi_attach=call.get("MultiAttachEnabled", False),
    )
    encrypted, key = _encryption(call, snapshot)
    tags = tag_specifications(call.get("TagSpecifications", ()), {"volume"}).get("volume", {})
    check_place(state.ebs, shape.volume_type, zone)
    check_storage(state.volumes, state.ebs, shape)
    volume = Volume(
        volume_id=state.chance.id("vol"),
        sequence=next(state.sequence),
        zone=zone,
        shape=shape,
        encrypted=encrypted,
        kms_key=key,
        snapshot_id=snapshot.snapshot_id if snapshot else "",
        created_at=call.now.replace(microsecond=0),
        visible_at=call.now + state.chance.delay(state.timing.visibility),
        state="creating",
    )
    state.volumes.put(volume)
    state.tags.put(volume.volume_id, tags, call.now + state.chance.delay(state.timing.tag_visibility))
    made_at = call.now + state.chance.delay(state.timing.volume_creating)
    state.agenda.at(made_at, lambda when: _made(state, volume, when))
    return member(volume) | {"Tags": tag_list(tags)}


def _made(state: State, volume: Volume, when: datetime) -> None:
    cause = state.ebs.broken_keys.get(volume.kms_key, "")
    if cause:
        del state.volumes[volume.volume_id]
        state.tags.forget(volume.volume_id)
    else:
        state.volumes.put(replace(volume, state="available"))
    tell_volume(state, volume, when, "createVolume", "failed" if cause else "available", cause)


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


def source_of(call: Call, snapshot_id: str | None) -> Snapshot | None:
    """Return the snapshot that a new volume is made from; it must be complete, and one of the account's."""
    if not snapshot_id:
        return None
    snapshot = call.state.snapshots.get(snapshot_id)
    if snapshot is None or call.now < snapshot.visible_at:
        raise Ec2Error("InvalidSnapshot.NotFound", f"The snapshot '{snapshot_id}' does not exist.")
    if snapshot.state != "completed":
        raise Ec2Error("IncorrectState", f"Snapshot is in invalid state - {snapshot.state}")
    return snapshot


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
        raise Ec2Error(
            "InvalidParameterDependency", "The parameter KmsKeyId requires the parameter Encrypted."
        )
    if snapshot and snapshot.encrypted:
        return True, key_arn(call.state, key) if key else snapshot.kms_key
    return bool(asked), key_arn(call.state, key) if asked else ""


def key_arn(state: State, key: str | None) -> str:
    """Return the key that an id, alias or ARN names, EBS's own without one. No key is looked up."""
    name = (key or "alias/aws/ebs").rpartition("arn:aws:kms:")[2]
    name = re.sub(rf"^{COMPUTE_REGION}:\d+:(key/)?", "", name)
    if name.startswith("alias/"):
        digest = hashlib.sha256(name.encode()).hexdigest()
        name = "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:32]))
    return f"arn:aws:kms:{COMPUTE_REGION}:{state.account}:key/{name}"


def delete_volume(call: Call) -> Answer:
    """DeleteVolume of an available volume; it is ``deleting`` for a while and then unknown."""
    (volume,) = find_volumes(call, [call.need("VolumeId")])
    if volume.attachments:
        where = volume.attachments[0].instance_id
        raise Ec2Error("VolumeInUse", f"Volume {volume.volume_id} is currently attached to {where}")
    if volume.state != "available":
        raise Ec2Error("IncorrectState", f"The volume '{volume.volume_id}' is '{volume.state}'.")
    begin_to_delete(call.state, volume, call.now, told=True)
    return {}


def begin_to_delete(state: State, volume: Volume, now: datetime, *, told: bool) -> None:
    """Let a volume go; *told* says whether an event follows."""

    def gone(when: datetime) -> None:
        del state.volumes[volume.volume_id]
        state.tags.forget(volume.volume_id)
        state.ebs.forget(volume.volume_id)
        if told:
            tell_volume(state, volume, when, "deleteVolume", "deleted")

    state.volumes.put(replace(volume, state="deleting", attachments=()))
    state.agenda.at(now + state.chance.delay(state.timing.volume_deleting), gone)


def find_volumes(call: Call, ids: Iterable[str]) -> list[Volume]:
    """Return the volumes of *ids*; one that is unknown, or not visible yet, fails the call."""
    found = []
    for volume_id in dict.fromkeys(ids):
        if not re.fullmatch(r"vol-[0-9a-f]{8}([0-9a-f]{9})?", volume_id):
            raise invalid_value("volumeId", volume_id, "Expected: 'vol-...'.")
        volume = call.state.volumes.get(volume_id)
        if volume is None or call.now < volume.visible_at:
            raise Ec2Error("InvalidVolume.NotFound", f"The volume '{volume_id}' does not exist.")
        found.append(volume)
    return found


def member(volume: Volume) -> dict[str, Any]:
    """Return what EC2 says about a volume apart from its attachments and tags."""
    key = {"KmsKeyId": volume.kms_key} if volume.kms_key else {}
    return {
        "VolumeId": volume.volume_id,
        "AvailabilityZone": volume.zone,
        "AvailabilityZoneId": zone_id(volume.zone),
        "Encrypted": volume.encrypted,
        "SnapshotId": volume.snapshot_id,
        "State": volume.status,
        "CreateTime": volume.created_at,
        **volume.shape.members(),
        **key,
    }


OPERATIONS = {"CreateVolume": create_volume, "DeleteVolume": delete_volume}
