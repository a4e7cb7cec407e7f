"""DescribeVolumes and DescribeVolumeStatus: late, paged, found through indexes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from local.ec2.device_mappings import shown
from local.ec2.errors import Ec2Error
from local.ec2.filters import Fields, is_exact, matching
from local.ec2.paging import Limits, page
from local.ec2.state import Answer, Call
from local.ec2.tags import tag_list
from local.ec2.volume import Attachment, Volume
from local.ec2.volume_life import find_volumes, member
from local.ec2.world import zone_id

PAGES = Limits(lowest=5, highest=1000, default=1000)
_TIME = "%Y-%m-%dT%H:%M:%S.000Z"


def _attached(read: Callable[[Attachment], str]) -> Callable[[Volume], Iterable[str]]:
    return lambda volume: [read(a) for a in volume.attachments]


def _flag(value: bool) -> str:
    return "true" if value else "false"


FIELDS: Fields[Volume] = {
    "volume-id": lambda v: [v.volume_id],
    "attachment.attach-time": _attached(lambda a: a.attached_at.strftime(_TIME)),
    "attachment.instance-id": _attached(lambda a: a.instance_id),
    "attachment.device": _attached(lambda a: a.device),
    "attachment.status": _attached(lambda a: a.state),
    "attachment.delete-on-termination": _attached(lambda a: _flag(a.delete_on_termination)),
    "status": lambda v: [v.status],
    "availability-zone": lambda v: [v.zone],
    "availability-zone-id": lambda v: [zone_id(v.zone)],
    "create-time": lambda v: [v.created_at.strftime(_TIME)],
    "encrypted": lambda v: [_flag(v.encrypted)],
    "fast-restored": lambda _: ["false"],
    "multi-attach-enabled": lambda v: [_flag(v.shape.multi_attach)],
    "operator.managed": lambda _: ["false"],
    "size": lambda v: [str(v.shape.size_gib)],
    "snapshot-id": lambda v: [v.snapshot_id],
    "volume-type": lambda v: [v.shape.volume_type],
}


def describe_volumes(call: Call) -> Answer:
    """List volumes by id and filter, oldest first; a fresh one may not show yet."""
    filters = call.get("Filters", ())
    keep = matching(filters, FIELDS, lambda v: call.state.tags.of(v.volume_id, call.now))
    found, token = _page(call, _candidates(call, filters), keep)
    return {"Volumes": [_member(call, v) for v in found], **token}


def _page(
    call: Call, chosen: Callable[[], list[Volume]], keep: Callable[[Volume], bool]
) -> tuple[list[Volume], dict[str, str]]:
    ids = call.get("VolumeIds", ())
    if ids and call.get("MaxResults"):
        raise Ec2Error(
            "InvalidParameterCombination", "The parameter volumeSet cannot be used with maxResults"
        )
    by_age = sorted(find_volumes(call, ids) if ids else chosen(), key=lambda v: v.sequence)
    return page(
        by_age,
        call.parameters,
        PAGES,
        key=lambda v: v.sequence,
        keep=lambda v: call.now >= v.visible_at and keep(v),
    )


def _candidates(call: Call, filters: Sequence[Mapping[str, Any]]) -> Callable[[], list[Volume]]:
    """Return how to get the fewest volumes that an index can promise to hold every match."""
    volumes = call.state.volumes

    def choose() -> list[Volume]:
        best: Collection[str] = volumes
        for filter_ in filters:
            name, values = str(filter_["Name"]), filter_["Values"]
            indexed = [_indexed(call, name, value) for value in dict.fromkeys(values)]
            if None not in indexed and sum(len(i or ()) for i in indexed) < len(best):
                best = dict.fromkeys(one for ids in indexed for one in ids or ())
        return [volumes[i] for i in best if i in volumes]

    return choose


def _indexed(call: Call, name: str, value: str) -> Collection[str] | None:
    if not is_exact(value):
        return None
    if name.startswith("tag:"):
        return call.state.tags.holders(name.removeprefix("tag:"), value)
    if name == "attachment.instance-id":
        return call.state.volumes.at(value)
    return [value] if name == "volume-id" else None


def _member(call: Call, volume: Volume) -> dict[str, Any]:
    return member(volume) | {
        "Attachments": [shown(volume, a) for a in volume.attachments],
        "Tags": tag_list(call.state.tags.of(volume.volume_id, call.now)),
    }


def describe_volume_status(call: Call) -> Answer:
    """List the health of volumes: ok, impaired by the world's hand, or not known yet while creating."""
    fields: Fields[Volume] = {
        "availability-zone": lambda v: [v.zone],
        "volume-status.status": lambda v: [_health(call, v)],
        "volume-status.details-name": lambda _: ["io-enabled"],
        "volume-status.details-status": lambda v: [_IO[_health(call, v)]],
        "event.event-type": lambda v: [_INCONSISTENT] if v.volume_id in call.state.ebs.impaired else [],
        "action.code": lambda v: [_ENABLE] if v.volume_id in call.state.ebs.impaired else [],
    }
    keep = matching(call.get("Filters", ()), fields)
    found, token = _page(call, lambda: list(call.state.volumes.values()), keep)
    return {"VolumeStatuses": [_status(call, v) for v in found], **token}


_INCONSISTENT, _ENABLE = "potential-data-inconsistency", "enable-volume-io"
_IO = {"ok": "passed", "impaired": "failed", "insufficient-data": "insufficient-data"}


def _health(call: Call, volume: Volume) -> str:
    if volume.volume_id in call.state.ebs.impaired:
        return "impaired"
    return "insufficient-data" if volume.state == "creating" else "ok"


def _status(call: Call, volume: Volume) -> dict[str, Any]:
    health, event = _health(call, volume), call.state.ebs.impaired.get(volume.volume_id)
    trouble = {"EventId": event, "EventType": _INCONSISTENT}
    return {
        "VolumeId": volume.volume_id,
        "AvailabilityZone": volume.zone,
        "AvailabilityZoneId": zone_id(volume.zone),
        "VolumeStatus": {"Status": health, "Details": [{"Name": "io-enabled", "Status": _IO[health]}]},
        "Events": [trouble | {"Description": "The volume's data may be inconsistent."}] if event else [],
        "Actions": [trouble | {"Code": _ENABLE, "Description": "Enable volume I/O."}] if event else [],
    }


OPERATIONS = {"DescribeVolumes": describe_volumes, "DescribeVolumeStatus": describe_volume_status}
