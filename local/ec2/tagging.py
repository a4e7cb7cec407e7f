"""CreateTags, DeleteTags and DescribeTags on every resource of the account."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from local.ec2.errors import Ec2Error, invalid_value
from local.ec2.filters import Fields, matching
from local.ec2.paging import Limits, page
from local.ec2.state import Answer, Call, State
from local.ec2.tags import TAGS_PER_RESOURCE, tag_map

PAGES = Limits(lowest=5, highest=1000, default=1000)
LARGEST_BATCH = 1000
_KINDS = {
    "i": "instance",
    "vol": "volume",
    "snap": "snapshot",
    "sg": "security-group",
    "lt": "launch-template",
    "fleet": "fleet",
    "subnet": "subnet",
    "vpc": "vpc",
    "ami": "image",
    "eni": "network-interface",
    "sir": "spot-instances-request",
}
_NOT_FOUND = {
    "i": "InvalidInstanceID.NotFound",
    "vol": "InvalidVolume.NotFound",
    "snap": "InvalidSnapshot.NotFound",
    "ami": "InvalidAMIID.NotFound",
}


class Tag(NamedTuple):
    """One tag of one resource, in the order in which DescribeTags lists them."""

    resource_id: str
    key: str
    value: str


def create_tags(call: Call) -> Answer:
    """Add or change tags on resources that all exist."""
    tags = tag_map(call.need("Tags"))
    resources = _resources(call)
    for resource in resources:
        ours = {k for k in call.state.tags.of(resource) if not k.startswith("aws:")}
        if len(ours | tags.keys()) > TAGS_PER_RESOURCE:
            raise Ec2Error("TagLimitExceeded", f"{resource} would have more than {TAGS_PER_RESOURCE} tags.")
    for resource in resources:
        for key, value in tags.items():
            call.state.tags.put(resource, {key: value}, _shows_at(call))
    return {}


def _shows_at(call: Call) -> datetime:
    """Return when a change of one tag of one resource shows."""
    return call.now + call.state.chance.delay(call.state.timing.tag_visibility)


def delete_tags(call: Call) -> Answer:
    """Remove tags; a tag with a value goes only if it has that value, and without Tags all of ours go."""
    for resource in _resources(call):
        present = call.state.tags.of(resource)
        asked: list[Mapping[str, Any]] = call.get("Tags") or [
            {"Key": k} for k in present if not k.startswith("aws:")
        ]
        for tag in list(asked):
            if str(tag["Key"]).startswith("aws:"):
                raise invalid_value("Tag key", tag["Key"], "EC2's own tags stay.")
            if tag.get("Value") is None or present.get(tag["Key"]) == tag["Value"]:
                call.state.tags.remove(resource, tag["Key"], _shows_at(call))
    return {}


def _resources(call: Call) -> list[str]:
    ids: list[str] = call.need("Resources")
    if len(ids) > LARGEST_BATCH:
        raise invalid_value("Resources", len(ids), f"At most {LARGEST_BATCH} in one request.")
    for resource in ids:
        if not _exists(call, resource):
            code = _NOT_FOUND.get(resource.partition("-")[0], "InvalidID")
            raise Ec2Error(code, f"The ID '{resource}' is not valid")
    return ids


def _exists(call: Call, resource: str) -> bool:
    state = call.state
    late = state.instances.get(resource) or state.volumes.get(resource) or state.snapshots.get(resource)
    if late is not None:
        return call.now >= late.visible_at
    places = (state.groups, state.templates, state.fleets, state.subnets, state.images.get(call.region, {}))
    known = resource == state.vpc_id or any(resource in place for place in places)
    return known and state.appears(resource)


def describe_tags(call: Call) -> Answer:
    """List the visible tags of the account, by resource and key."""
    fields: Fields[Tag] = {
        "key": lambda t: [t.key],
        "value": lambda t: [t.value],
        "resource-id": lambda t: [t.resource_id],
        "resource-type": lambda t: [_kind(t)],
    }
    keep = matching(call.get("Filters", ()), fields, lambda t: {t.key: t.value})
    tags = sorted(_visible(call.state, call))
    found, token = page(tags, call.parameters, PAGES, key=lambda t: f"{t.resource_id}\0{t.key}", keep=keep)
    shown = [
        {"ResourceId": t.resource_id, "ResourceType": _kind(t), "Key": t.key, "Value": t.value} for t in found
    ]
    return {"Tags": shown, **token}


def _visible(state: State, call: Call) -> Iterator[Tag]:
    for resource in state.tags.resources():
        for key, value in state.tags.of(resource, call.now).items():
            yield Tag(resource, key, value)


def _kind(tag: Tag) -> str:
    return _KINDS[tag.resource_id.partition("-")[0]]


OPERATIONS = {"CreateTags": create_tags, "DeleteTags": delete_tags, "DescribeTags": describe_tags}
