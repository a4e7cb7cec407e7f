"""CreateSnapshot, DescribeSnapshots and DeleteSnapshot of the account's own snapshots.

Every snapshot takes as long as a full one: what changed since the last is not known here. One that is deleted
while pending still counts and ends when it would have been complete. Source: EBS user guide, "Delete an
Amazon EBS snapshot".
"""

from __future__ import annotations

from dataclasses import replace

from local.ec2.errors import Ec2Error
from local.ec2.events import tell_snapshot
from local.ec2.image_rules import snapshots_of
from local.ec2.kinds import SNAPSHOT, find
from local.ec2.listing import Listing
from local.ec2.paging import Member
from local.ec2.state import Answer, Call, Operation, State
from local.ec2.tags import tag_list
from local.ec2.volume import Snapshot, Volume, percent
from local.ec2.volume_limits import GIB_PER_TIB, limits_of
from local.ec2.volumes import check_available, the_volume

MOST_PENDING = 100
"""Pending snapshots of an account; those of a volume are in the table. Source: EBS service quotas."""


def create_snapshot(call: Call) -> Answer:
    """CreateSnapshot of an available or attached volume; there is no client token."""
    state, volume = call.state, the_volume(call)
    check_available(volume)
    _check_pending(state, volume)
    tags = call.tags("snapshot")
    per_tib = state.chance.delay(state.timing.snapshot_per_tib)
    needed = state.chance.delay(state.timing.snapshot) + per_tib * (volume.shape.size_gib / GIB_PER_TIB)
    snapshot = Snapshot(
        snapshot_id=state.appears_late(state.chance.id("snap"), state.timing.visibility),
        sequence=next(state.sequence),
        volume_id=volume.volume_id,
        size_gib=volume.shape.size_gib,
        encrypted=volume.encrypted,
        kms_key=volume.kms_key,
        description=call.get("Description", ""),
        started_at=state.second,
        completes_at=state.now + needed,
    )
    state.snapshots[snapshot.snapshot_id] = snapshot
    state.tags.put(snapshot.snapshot_id, tags, state.soon(state.timing.tag_visibility))
    state.agenda.at(snapshot.completes_at, lambda _: _complete(state, snapshot.snapshot_id))
    return _shown(call, snapshot) | {"Tags": tag_list(tags)}


def _check_pending(state: State, volume: Volume) -> None:
    pending = [s for s in state.snapshots.values() if s.state == "pending"]
    most = limits_of(volume.shape.volume_type).numbers["pending_snapshots"]
    if sum(s.volume_id == volume.volume_id for s in pending) >= most:
        message = "Maximum allowed in-progress snapshots for a single volume exceeded."
        raise Ec2Error("ConcurrentSnapshotLimitExceeded", message)
    if len(pending) >= MOST_PENDING:
        message = f"At most {MOST_PENDING} snapshots may be pending in a region."
        raise Ec2Error("PendingSnapshotLimitExceeded", message)


def _complete(state: State, snapshot_id: str) -> None:
    snapshot = state.snapshots[snapshot_id]
    if snapshot.doomed:
        drop(state, snapshot_id)
    else:
        state.snapshots[snapshot_id] = replace(snapshot, state="completed")
        tell_snapshot(state, snapshot)


def drop(state: State, snapshot_id: str) -> None:
    """Forget a snapshot."""
    del state.snapshots[snapshot_id]
    state.forget(snapshot_id)


def delete_snapshot(call: Call) -> Answer:
    """DeleteSnapshot, unless an image of the account needs it; volumes made from it stay."""
    state = call.state
    (snapshot,) = find(SNAPSHOT, [call.need("SnapshotId")], state.seen(state.snapshots))
    if user := needed_by(state, call.region, snapshot.snapshot_id):
        message = f"The snapshot {snapshot.snapshot_id} is currently in use by {user}"
        raise Ec2Error("InvalidSnapshot.InUse", message)
    delete(state, snapshot)
    return {}


def needed_by(state: State, region: str, snapshot_id: str) -> str:
    """Return an image of the account that needs a snapshot, empty if there is none."""
    for image in state.images.get(region, {}).values():
        if image["OwnerId"] == state.account and snapshot_id in snapshots_of(image):
            return str(image["ImageId"])
    return ""


def delete(state: State, snapshot: Snapshot) -> None:
    """Let a snapshot end: now, or once it would have been complete."""
    if snapshot.state == "pending":
        state.snapshots[snapshot.snapshot_id] = replace(snapshot, doomed=True)
    else:
        drop(state, snapshot.snapshot_id)


def _listed(call: Call, snapshot: Snapshot) -> Member | None:
    """Return one of our own snapshots, if it is ours that are asked for: others' are not known here."""
    asked = (call.get("OwnerIds", ()), call.get("RestorableByUserIds", ()))
    ours = all(not who or {"self", call.state.account} & set(who) for who in asked)
    return _shown(call, snapshot) if ours else None


def _shown(call: Call, snapshot: Snapshot) -> Member:
    done = snapshot.state == "completed"
    progress = 100 if done else percent(snapshot.started_at, snapshot.completes_at, call.now)
    return {
        "SnapshotId": snapshot.snapshot_id,
        "VolumeId": snapshot.volume_id,
        "VolumeSize": snapshot.size_gib,
        "State": snapshot.state,
        "Progress": f"{progress}%",
        "StartTime": snapshot.started_at,
        "Encrypted": snapshot.encrypted,
        "Description": snapshot.description,
        "OwnerId": call.state.account,
        "StorageTier": "standard",
        "Tags": call.state.tag_list(snapshot.snapshot_id),
        **({"KmsKeyId": snapshot.kms_key} if snapshot.kms_key else {}),
        **({"CompletionTime": snapshot.completes_at.replace(microsecond=0)} if done else {}),
    }


OPERATIONS: dict[str, Operation] = {
    "CreateSnapshot": create_snapshot,
    "DescribeSnapshots": Listing[Snapshot](
        member="Snapshots",
        store=lambda call: call.state.snapshots,
        show=_listed,
        kind=SNAPSHOT,
        alone=True,
        order=lambda s: s.sequence,
        filters="description encrypted owner-id progress snapshot-id start-time status=State storage-tier"
        " volume-id volume-size",
    ),
    "DeleteSnapshot": delete_snapshot,
}
