"""DescribeVolumesModifications: the newest modification of each volume, late as everything new in EC2."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from local.ec2.errors import Ec2Error
from local.ec2.filters import Fields, matching
from local.ec2.paging import Limits, page
from local.ec2.state import Answer, Call
from local.ec2.volume import Modification, Volume
from local.ec2.volume_life import find_volumes

PAGES = Limits(lowest=1, highest=500, default=500)
"""Source: botocore 1.44.5, DescribeVolumesModifications (MaxResults)."""


def describe_volumes_modifications(call: Call) -> Answer:
    """Show the most recent modification of each volume that ever had one, oldest volume first."""
    ids = call.get("VolumeIds", ())
    volumes = find_volumes(call, ids) if ids else call.state.volumes.values()
    shown = {v.volume_id: m for v in volumes if (m := _visible(v, call.now)) is not None}
    if absent := [i for i in ids if i not in shown]:
        message = f"Modification for volume '{absent[0]}' does not exist."
        raise Ec2Error("InvalidVolumeModification.NotFound", message)
    by_age = sorted(shown.items(), key=lambda item: call.state.volumes[item[0]].sequence)
    found, token = page(
        by_age,
        call.parameters,
        PAGES,
        key=lambda item: call.state.volumes[item[0]].sequence,
        keep=matching(call.get("Filters", ()), FIELDS),
    )
    return {"VolumesModifications": [member(i, m, call.now) for i, m in found], **token}


def _visible(volume: Volume, now: datetime) -> Modification | None:
    """Return the newest modification that EC2 already shows."""
    return next((m for m in reversed(volume.modifications) if now >= m.visible_at), None)


def member(volume_id: str, modification: Modification, now: datetime) -> dict[str, Any]:
    """Return a modification as EC2 shows it now."""
    ended = {"EndTime": modification.ended_at} if modification.ended_at else {}
    told = {"StatusMessage": modification.message} if modification.message else {}
    return {
        "VolumeId": volume_id,
        "ModificationState": modification.state,
        "Progress": _progress(modification, now),
        "StartTime": modification.started_at,
        **modification.original.members("Original"),
        **modification.target.members("Target"),
        **ended,
        **told,
    }


def _progress(modification: Modification, now: datetime) -> int:
    """Return percent: nothing while modifying, 100 only when completed."""
    if modification.state == "completed":
        return 100
    begun, ends = modification.optimizing_at, modification.completes_at
    if begun is None or ends is None:
        return 0
    return min(99, int(100 * ((now - begun) / (ends - begun)))) if ends > begun else 99


def _text(member: str) -> Any:
    def read(item: tuple[str, Modification]) -> Iterable[str]:
        _, modification = item
        values = modification.original.members("original") | modification.target.members("target")
        value = values.get(member)
        return [] if value is None else [str(value).lower() if isinstance(value, bool) else str(value)]

    return read


FIELDS: Fields[tuple[str, Modification]] = {
    "volume-id": lambda item: [item[0]],
    "modification-state": lambda item: [item[1].state],
    "start-time": lambda item: [item[1].started_at.strftime("%Y-%m-%dT%H:%M:%S.000Z")],
    **{
        name.format(side): _text(member.format(side))
        for side in ("original", "target")
        for name, member in (
            ("{}-size", "{}Size"),
            ("{}-iops", "{}Iops"),
            ("{}-volume-type", "{}VolumeType"),
            ("{}MultiAttachEnabled", "{}MultiAttachEnabled"),
        )
    },
}

OPERATIONS = {"DescribeVolumesModifications": describe_volumes_modifications}
