"""ModifyVolume: modifying, optimizing, completed, rarely failed; and DescribeVolumesModifications.

The volume has its new shape from ``optimizing`` on. The next modification may begin when this one is
completed and the allowance of the rolling window is not used up. There is no client token, so every accepted
call counts, even one that changes nothing: EC2 does not say that it refuses that. A modification shows late, as
everything new in EC2, and only the newest of a volume.
"""

from __future__ import annotations

from dataclasses import replace

from local.ec2.errors import Ec2Error, missing
from local.ec2.events import tell_volume
from local.ec2.kinds import MODIFICATION
from local.ec2.listing import Listing
from local.ec2.paging import Limits, Member
from local.ec2.state import Answer, Call, Operation, State
from local.ec2.volume import Modification, Shape, Volume, percent
from local.ec2.volume_limits import GIB_PER_TIB, check_storage, checked, limits_of
from local.ec2.volumes import check_available, find_volumes, the_volume

Item = tuple[Volume, Modification]
_CHANGES = ("Size", "VolumeType", "Iops", "Throughput")


def modify_volume(call: Call) -> Answer:
    """ModifyVolume: accept a new shape, and make it so later."""
    state, volume = call.state, the_volume(call)
    if all(call.get(name) is None for name in _CHANGES):
        raise missing("Size, VolumeType, Iops or Throughput")
    _check_turn(call, volume)
    target = _target(call, volume)
    _check_change(state, volume, target)
    modification = Modification(
        original=volume.shape,
        target=target,
        started_at=state.second,
        visible_at=state.soon(state.timing.visibility),
    )
    state.volumes.put(replace(volume, modifications=(*volume.modifications, modification)))
    state.later(state.timing.modifying, lambda: _turn(state, volume.volume_id))
    return {"VolumeModification": _shown(call, (volume, modification))}


def _check_turn(call: Call, volume: Volume) -> None:
    last = volume.last
    if last is not None and last.running:
        message = f"Volume {volume.volume_id} cannot be modified in modification state {last.state.upper()}"
        raise Ec2Error("IncorrectModificationState", message)
    check_available(volume)
    most, window = call.state.ebs.allowance
    begun = [m.started_at for m in volume.modifications if call.now < m.started_at + window]
    if len(begun) >= most:
        message = (
            "You've reached the maximum modification rate per volume limit."
            f" At most {most} in {window.total_seconds() / 3600:g} hours:"
            f" modify {volume.volume_id} again at {begun[-most] + window:%Y-%m-%dT%H:%M:%SZ} or later."
        )
        raise Ec2Error("VolumeModificationRateExceeded", message)


def _target(call: Call, volume: Volume) -> Shape:
    old = volume.shape
    kind, size = call.get("VolumeType", old.volume_type), call.get("Size", old.size_gib)
    same = kind == old.volume_type
    kept = old.iops if same else 3000
    iops = call.get("Iops", kept if limits_of(kind).iops in {"required", "default"} else None)
    return checked(kind, size, iops, call.get("Throughput", old.throughput_mibps if same else None))


def _check_change(state: State, volume: Volume, target: Shape) -> None:
    old, kind = volume.shape, target.volume_type
    if target.size_gib < old.size_gib:
        raise Ec2Error("InvalidParameterValue", "New size cannot be smaller than existing size")
    for one in (old.volume_type, kind):
        if not limits_of(one).modifiable:
            raise Ec2Error("UnsupportedOperation", f"Volumes of type {one} cannot be modified.")
    if not limits_of(kind).boot and _boots(state, volume):
        raise Ec2Error("InvalidParameterCombination", f"A boot volume cannot be of type {kind}.")
    same = old.size_gib if kind == old.volume_type else 0
    check_storage(state.volumes, state.ebs, target, already_gib=same)
    quota_tib = state.ebs.modification_tib.get(kind, limits_of(kind).numbers["modification_quota_tib"])
    if state.volumes.moving_gib(kind) + target.size_gib > quota_tib * GIB_PER_TIB:
        message = f"You've reached the limit on storage of {kind} volumes being modified in this region."
        raise Ec2Error("VolumeModificationSizeLimitExceeded", message)


def _boots(state: State, volume: Volume) -> bool:
    at = volume.attachment
    return at is not None and state.instances[at.instance_id].birth["RootDeviceName"] == at.device


def _turn(state: State, volume_id: str) -> None:
    """End ``modifying``: the volume takes its new shape and begins to optimize, or rarely nothing changes."""
    volume = state.volumes.get(volume_id)
    if volume is None:
        return
    last, number = volume.modifications[-1], len(volume.modifications)
    unlucky = state.chance.quirk("modification", volume_id, number) < state.timing.modification_failures
    if unlucky or volume_id in state.ebs.failing:
        state.ebs.failing.discard(volume_id)
        failed = replace(last, state="failed", ended_at=state.now, message="Internal failure; try again.")
        _put(state, volume, failed)
        tell_volume(state, volume_id, "modifyVolume", "failed", failed.message)
        return
    per_tib = state.chance.delay(state.timing.optimizing_per_tib)
    needed = state.chance.delay(state.timing.optimizing) + per_tib * (last.target.size_gib / GIB_PER_TIB)
    ends_at = state.now + needed
    moved = replace(last, state="optimizing", optimizing_at=state.now, completes_at=ends_at)
    _put(state, replace(volume, shape=last.target), moved)
    tell_volume(state, volume_id, "modifyVolume", "optimizing")
    state.agenda.at(ends_at, lambda _: _complete(state, volume_id))


def _complete(state: State, volume_id: str) -> None:
    volume = state.volumes.get(volume_id)
    if volume is not None:
        _put(state, volume, replace(volume.modifications[-1], state="completed", ended_at=state.now))


def _put(state: State, volume: Volume, last: Modification) -> None:
    state.volumes.put(replace(volume, modifications=(*volume.modifications[:-1], last)))


def _newest(call: Call) -> dict[str, Item]:
    """Return the newest modification of each volume that EC2 already shows."""
    ids = call.get("VolumeIds", ())
    volumes = find_volumes(call, ids) if ids else call.state.volumes.values()
    shown = ((v, [m for m in v.modifications if m.visible_at <= call.now]) for v in volumes if v.last)
    return {volume.volume_id: (volume, known[-1]) for volume, known in shown if known}


def _shown(call: Call, item: Item) -> Member:
    volume, modification = item
    begun, ends = modification.optimizing_at, modification.completes_at
    done = modification.state == "completed"
    return {
        "VolumeId": volume.volume_id,
        "ModificationState": modification.state,
        "Progress": 100 if done else percent(begun, ends, call.now),
        "StartTime": modification.started_at,
        **modification.original.members("Original"),
        **modification.target.members("Target"),
        **({"EndTime": modification.ended_at} if modification.ended_at else {}),
        **({"StatusMessage": modification.message} if modification.message else {}),
    }


OPERATIONS: dict[str, Operation] = {
    "ModifyVolume": modify_volume,
    "DescribeVolumesModifications": Listing[Item](
        member="VolumesModifications",
        store=_newest,
        show=_shown,
        kind=MODIFICATION,
        limits=Limits(1, 500),
        order=lambda item: item[0].sequence,
        tagged=False,
        filters="volume-id modification-state start-time original-size original-iops original-volume-type"
        " target-size target-iops target-volume-type originalMultiAttachEnabled=OriginalMultiAttachEnabled"
        " targetMultiAttachEnabled=TargetMultiAttachEnabled",
    ),
}
"""Source of the page: botocore 1.44.5, DescribeVolumesModifications (MaxResults)."""
