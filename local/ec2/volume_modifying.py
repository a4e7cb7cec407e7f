"""ModifyVolume: modifying, optimizing, completed; rarely failed.

The volume has its new shape from ``optimizing`` on. The next modification may begin when this one is
completed and the allowance of the rolling window is not used up. There is no client token, so every accepted
call counts, even one that changes nothing: EC2 does not say that it refuses that.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from local.ec2.ebs_events import tell_volume
from local.ec2.errors import Ec2Error, missing
from local.ec2.state import Answer, Call, State
from local.ec2.volume import Modification, Shape, Volume
from local.ec2.volume_life import find_volumes
from local.ec2.volume_limits import GIB_PER_TIB, check_storage, checked, limits_of
from local.ec2.volume_modifications import member

_CHANGES = ("Size", "VolumeType", "Iops", "Throughput", "MultiAttachEnabled")


def modify_volume(call: Call) -> Answer:
    """ModifyVolume: accept a new shape, and make it so later."""
    state, (volume,) = call.state, find_volumes(call, [call.need("VolumeId")])
    if all(call.get(name) is None for name in _CHANGES):
        raise missing("Size, VolumeType, Iops, Throughput or MultiAttachEnabled")
    _check_turn(call, volume)
    target = _target(call, volume)
    _check_change(call, volume, target)
    modification = Modification(
        original=volume.shape,
        target=target,
        started_at=call.now.replace(microsecond=0),
        visible_at=call.now + state.chance.delay(state.timing.visibility),
    )
    state.volumes.put(replace(volume, modifications=(*volume.modifications, modification)))
    turns_at = call.now + state.chance.delay(state.timing.modifying)
    state.agenda.at(turns_at, lambda when: _turn(state, volume.volume_id, when))
    return {"VolumeModification": member(volume.volume_id, modification, call.now)}


def _check_turn(call: Call, volume: Volume) -> None:
    last = volume.modifications[-1] if volume.modifications else None
    if last is not None and last.running:
        message = f"Volume {volume.volume_id} cannot be modified in modification state {last.state.upper()}"
        raise Ec2Error("IncorrectModificationState", message)
    if volume.state != "available":
        raise Ec2Error("IncorrectState", f"The volume '{volume.volume_id}' is '{volume.state}'.")
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
    limits, same = limits_of(kind), call.get("VolumeType", old.volume_type) == old.volume_type
    kept = old.iops if same else 3000
    return checked(
        kind,
        size,
        call.get("Iops", kept if limits.iops in {"required", "default"} else None),
        call.get("Throughput", old.throughput_mibps if same else None),
        multi_attach=call.get("MultiAttachEnabled", old.multi_attach),
    )


def _check_change(call: Call, volume: Volume, target: Shape) -> None:
    old, state = volume.shape, call.state
    if target.size_gib < old.size_gib:
        raise Ec2Error("InvalidParameterValue", "New size cannot be smaller than existing size")
    for kind in (old.volume_type, target.volume_type):
        if not limits_of(kind).modifiable:
            raise Ec2Error("UnsupportedOperation", f"Volumes of type {kind} cannot be modified.")
    if not limits_of(target.volume_type).boot and _boots(state, volume):
        message = f"A boot volume cannot be of type {target.volume_type}."
        raise Ec2Error("InvalidParameterCombination", message)
    if target.multi_attach != old.multi_attach and (volume.attachments or target.volume_type != "io2"):
        message = "Multi-Attach can be switched for io2 volumes that are attached to no instance, only."
        raise Ec2Error("UnsupportedOperation", message)
    same = old.size_gib if target.volume_type == old.volume_type else 0
    check_storage(state.volumes, state.ebs, target, already_gib=same)
    _check_quota(state, target)


def _boots(state: State, volume: Volume) -> bool:
    roots = {a.instance_id: a.device for a in volume.attachments}
    return any(state.instances[i].birth["RootDeviceName"] == device for i, device in roots.items())


def _check_quota(state: State, target: Shape) -> None:
    kind = target.volume_type
    quota_tib = state.ebs.modification_tib.get(kind, limits_of(kind).numbers["modification_quota_tib"])
    if state.volumes.moving_gib(kind) + target.size_gib > quota_tib * GIB_PER_TIB:
        message = f"You've reached the limit on storage of {kind} volumes being modified in this region."
        raise Ec2Error("VolumeModificationSizeLimitExceeded", message)


def _turn(state: State, volume_id: str, when: datetime) -> None:
    """End ``modifying``: the volume takes its new shape and begins to optimize, or rarely nothing changes."""
    volume = state.volumes.get(volume_id)
    if volume is None:
        return
    last, number = volume.modifications[-1], len(volume.modifications)
    unlucky = state.chance.quirk("modification", volume_id, number) < state.timing.modification_failures
    if unlucky or volume_id in state.ebs.failing:
        state.ebs.failing.discard(volume_id)
        failed = replace(last, state="failed", ended_at=when, message="Internal failure; try again.")
        _put(state, volume, failed)
        tell_volume(state, volume, when, "modifyVolume", "failed", failed.message)
        return
    per_tib = state.chance.delay(state.timing.optimizing_per_tib)
    needed = state.chance.delay(state.timing.optimizing) + per_tib * (last.target.size_gib / GIB_PER_TIB)
    moved = replace(last, state="optimizing", optimizing_at=when, completes_at=when + needed)
    _put(state, replace(volume, shape=last.target), moved)
    tell_volume(state, volume, when, "modifyVolume", "optimizing")
    state.agenda.at(when + needed, lambda then: _complete(state, volume_id, then))


def _complete(state: State, volume_id: str, when: datetime) -> None:
    volume = state.volumes.get(volume_id)
    if volume is not None:
        _put(state, volume, replace(volume.modifications[-1], state="completed", ended_at=when))


def _put(state: State, volume: Volume, last: Modification) -> None:
    state.volumes.put(replace(volume, modifications=(*volume.modifications[:-1], last)))


OPERATIONS = {"ModifyVolume": modify_volume}
