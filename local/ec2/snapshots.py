"""CreateSnapshot, DescribeSnapshots and DeleteSnapshot of the account's own snapshots.

Every snapshot takes as long as a full one: what changed since the last is not known here. One that is deleted
while pending still counts and ends when it would have been complete. Source: EBS user guide, "Delete an
Amazon EBS snapshot".
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from typing import Any

from local.ec2.ebs_events import tell_snapshot
from local.ec2.errors import Ec2Error, invalid_value, not_modelled
from local.ec2.filters import Fields, matching
from local.ec2.paging import Limits, page
from local.ec2.state import Answer, Call, State
from local.ec2.tags import tag_list, tag_specifications
from local.ec2.volume import Snapshot, Volume
from local.ec2.volume_life import find_volumes
from local.ec2.volume_limits import GIB_PER_TIB, limits_of

PAGES = Limits(lowest=5, highest=1000, default=1000)
MOST_PENDING = 100
"""Pending snapshots of an account; those of a volume are in the table. Source: EBS service quotas."""


def create_snapshot(call: Call) -> Answer:
    """CreateSnapshot of an available or attached volume; there is no client token."""
    for name in ("OutpostArn", "Location"):
        if call.get(name):
            raise not_modelled(name)
    state, (volume,) = call.state, find_volumes(call, [call.need("VolumeId")])
    if volume.state != "available":
        raise Ec2Error("IncorrectState", f"The volume '{volume.volume_id}' is '{volume.state}'.")
    _check_pending(state, volume)
    tags = tag_specifications(call.get("TagSpecifications", ()), {"snapshot"}).get("snapshot", {})
    per_tib = state.chance.delay(state.timing.snapshot_per_tib)
    needed = state.chance.delay(state.timing.snapshot) + per_tib * (volume.shape.size_gib / GIB_PER_TIB)
    snapshot = Snapshot(
        snapshot_id=state.chance.id("snap"),
        sequence=next(state.sequence),
        volume_id=volume.volume_id,
        size_gib=volume.shape.size_gib,
        encrypted=volume.encrypted,
        kms_key=volume.kms_key,
        description=call.get("Description", ""),
        started_at=call.now.replace(microsecond=0),
        visible_at=call.now + state.chance.delay(state.timing.visibility),
        completes_at=call.now + needed,
    )
    state.snapshots[snapshot.snapshot_id] = snapshot
    state.tags.put(snapshot.snapshot_id, tags, call.now + state.chance.delay(state.timing.tag_visibility))
    state.agenda.at(snapshot.completes_at, lambda when: _complete(state, snapshot.snapshot_id, when))
    return _member(call, snapshot) | {"Tags": tag_list(tags)}


def _check_pending(state: State, volume: Volume) -> None:
    pending = [s for s in state.snapshots.values() if s.state == "pending"]
    most = limits_of(volume.shape.volume_type).numbers["pending_snapshots"]
    if sum(s.volume_id == volume.volume_id for s in pending) >= most:
        message = "Maximum allowed in-progress snapshots for a single volume exceeded."
        raise Ec2Error("ConcurrentSnapshotLimitExceeded", message)
    if len(pending) >= MOST_PENDING:
        message = f"At most {MOST_PENDING} snapshots may be pending in a region."
        raise Ec2Error("PendingSnapshotLimitExceeded", message)


def _complete(state: State, snapshot_id: str, when: datetime) -> None:
    snapshot = state.snapshots[snapshot_id]
    if snapshot.doomed:
        _drop(state, snapshot_id)
    else:
        state.snapshots[snapshot_id] = replace(snapshot, state="completed")
        tell_snapshot(state, snapshot, when)


def _drop(state: State, snapshot_id: str) -> None:
    del state.snapshots[snapshot_id]
    state.tags.forget(snapshot_id)


def delete_snapshot(call: Call) -> Answer:
    """DeleteSnapshot, unless an image of the account needs it; volumes made from it stay."""
    snapshot = _find(call, call.need("SnapshotId"))
    for image in call.state.images.get(call.region, {}).values():
        disks = [d["Ebs"].get("SnapshotId") for d in image.get("BlockDeviceMappings", ()) if "Ebs" in d]
        if image["OwnerId"] == call.state.account and snapshot.snapshot_id in disks:
            message = f"The snapshot {snapshot.snapshot_id} is currently in use by {image['ImageId']}"
            raise Ec2Error("InvalidSnapshot.InUse", message)
    if snapshot.state == "pending":
        call.state.snapshots[snapshot.snapshot_id] = replace(snapshot, doomed=True)
    else:
        _drop(call.state, snapshot.snapshot_id)
    return {}


def _find(call: Call, snapshot_id: str) -> Snapshot:
    if not re.fullmatch(r"snap-[0-9a-f]{8}([0-9a-f]{9})?", snapshot_id):
        raise invalid_value("snapshotId", snapshot_id, "Expected: 'snap-...'.")
    snapshot = call.state.snapshots.get(snapshot_id)
    if snapshot is None or call.now < snapshot.visible_at:
        raise Ec2Error("InvalidSnapshot.NotFound", f"The snapshot '{snapshot_id}' does not exist.")
    return snapshot


def describe_snapshots(call: Call) -> Answer:
    """List the account's own snapshots by id, owner and filter, oldest first; others' are not known here."""
    state, ids = call.state, call.get("SnapshotIds", ())
    if ids and call.get("MaxResults"):
        raise Ec2Error(
            "InvalidParameterCombination", "The parameter snapshotSet cannot be used with maxResults"
        )
    passes = matching(
        call.get("Filters", ()), _fields(call), lambda s: state.tags.of(s.snapshot_id, call.now)
    )
    named = [_find(call, i) for i in dict.fromkeys(ids)] if ids else state.snapshots.values()
    ours = {"self", state.account}
    asked = (call.get("OwnerIds", ()), call.get("RestorableByUserIds", ()))
    keep_any = all(not who or ours & set(who) for who in asked)
    found, token = page(
        sorted(named, key=lambda s: s.sequence),
        call.parameters,
        PAGES,
        key=lambda s: s.sequence,
        keep=lambda s: keep_any and call.now >= s.visible_at and passes(s),
    )
    return {"Snapshots": [_member(call, s) for s in found], **token}


def _fields(call: Call) -> Fields[Snapshot]:
    return {
        "description": lambda s: [s.description],
        "encrypted": lambda s: ["true" if s.encrypted else "false"],
        "owner-id": lambda _: [call.state.account],
        "progress": lambda s: [_progress(s, call.now)],
        "snapshot-id": lambda s: [s.snapshot_id],
        "start-time": lambda s: [s.started_at.strftime("%Y-%m-%dT%H:%M:%S.000Z")],
        "status": lambda s: [s.state],
        "storage-tier": lambda _: ["standard"],
        "volume-id": lambda s: [s.volume_id],
        "volume-size": lambda s: [str(s.size_gib)],
    }


def _progress(snapshot: Snapshot, now: datetime) -> str:
    if snapshot.state == "completed":
        return "100%"
    span = snapshot.completes_at - snapshot.started_at
    return f"{min(99, int(100 * ((now - snapshot.started_at) / span))) if span else 99}%"


def _member(call: Call, snapshot: Snapshot) -> dict[str, Any]:
    done = snapshot.state == "completed"
    return {
        "SnapshotId": snapshot.snapshot_id,
        "VolumeId": snapshot.volume_id,
        "VolumeSize": snapshot.size_gib,
        "State": snapshot.state,
        "Progress": _progress(snapshot, call.now),
        "StartTime": snapshot.started_at,
        "Encrypted": snapshot.encrypted,
        "Description": snapshot.description,
        "OwnerId": call.state.account,
        "StorageTier": "standard",
        "Tags": tag_list(call.state.tags.of(snapshot.snapshot_id, call.now)),
        **({"KmsKeyId": snapshot.kms_key} if snapshot.kms_key else {}),
        **({"CompletionTime": snapshot.completes_at.replace(microsecond=0)} if done else {}),
    }


OPERATIONS = {
    "CreateSnapshot": create_snapshot,
    "DescribeSnapshots": describe_snapshots,
    "DeleteSnapshot": delete_snapshot,
}
