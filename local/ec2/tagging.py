"""CreateTags, DeleteTags and DescribeTags on every resource of the account."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from local.ec2.errors import Ec2Error, invalid_value
from local.ec2.kinds import BY_PREFIX, NAMELESS, Kind, unknown
from local.ec2.listing import Listing
from local.ec2.paging import Member
from local.ec2.state import Answer, Call, Operation
from local.ec2.tags import TAGS_PER_RESOURCE, tag_map


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
    return call.state.soon(call.state.timing.tag_visibility)


def delete_tags(call: Call) -> Answer:
    """Remove tags; a tag with a value goes only if it has that value, and without Tags all of ours go."""
    for resource in _resources(call):
        present = call.state.tags.of(resource)
        ours = [{"Key": k} for k in present if not k.startswith("aws:")]
        for tag in call.get("Tags") or ours:
            if str(tag["Key"]).startswith("aws:"):
                raise invalid_value("Tag key", tag["Key"], "EC2's own tags stay.")
            if tag.get("Value") is None or present.get(tag["Key"]) == tag["Value"]:
                call.state.tags.remove(resource, tag["Key"], _shows_at(call))
    return {}


def _resources(call: Call) -> list[str]:
    """Return the resources of the call, all of which are known."""
    state, ids = call.state, call.need("Resources")
    stores: tuple[Mapping[str, Any], ...] = (
        *(state.instances, state.volumes, state.snapshots, state.groups, state.templates, state.fleets),
        *(state.subnets, state.images.get(call.region, {}), {state.vpc_id: None}),
    )
    for resource in ids:
        if not any(resource in store for store in stores) or not state.appears(resource):
            raise unknown(_kind(resource), resource)
    return list(ids)


def _kind(resource: str) -> Kind:
    return BY_PREFIX.get(resource.partition("-")[0], NAMELESS)


def _visible(call: Call) -> dict[str, Member]:
    """Return the visible tags of the account, by resource and key."""
    tags = call.state.tags
    return {
        f"{resource}\0{key}": {
            "ResourceId": resource,
            "ResourceType": _kind(resource).name,
            "Key": key,
            "Value": value,
        }
        for resource in tags.resources()
        for key, value in tags.of(resource, call.now).items()
    }


OPERATIONS: dict[str, Operation] = {
    "CreateTags": create_tags,
    "DeleteTags": delete_tags,
    "DescribeTags": Listing[Member](
        member="Tags", store=_visible, show=lambda _, tag: tag, filters="key value resource-id resource-type"
    ),
}
