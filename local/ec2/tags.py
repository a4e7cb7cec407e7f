"""Tags of every resource in one indexed store, and EC2's rules for them.

Tags become visible on their own time, those given at birth apart from the resource: for some seconds EC2 may
show an instance without them, with a value that has changed, or find nothing by them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from local.ec2.errors import Ec2Error, invalid_value
from local.ec2.lateness import Late

TAGS_PER_RESOURCE = 50
"""Source: EC2 user guide, "Tag restrictions" (128 and 256 characters, too)."""

TAGGED_AT_LAUNCH = frozenset({"instance", "volume", "network-interface", "spot-instances-request"})
_IMDS_KEY = re.compile(r"[A-Za-z0-9+\-=._:@,]+")


class Tags:
    """The tags of all resources, found by resource or by (key, value)."""

    def __init__(self) -> None:
        self._tags: dict[str, dict[str, str]] = {}
        self._late: dict[str, Late[str | None]] = {}
        self._holders: dict[tuple[str, str], dict[str, None]] = {}
        self._carried: dict[str, set[tuple[str, str]]] = {}

    def put(self, resource: str, tags: Mapping[str, str], visible_at: datetime | None = None) -> None:
        """Add *tags* to *resource*, over those of the same keys; without *visible_at* they show at once."""
        present = self._tags.setdefault(resource, {})
        for key, value in tags.items():
            self._delay(resource, key, value, visible_at)
            present.pop(key, None)
            present[key] = value
            self._holders.setdefault((key, value), {})[resource] = None
            self._carried.setdefault(resource, set()).add((key, value))

    def remove(self, resource: str, key: str, visible_at: datetime | None = None) -> None:
        """Take the tag *key* from *resource*, if it is there."""
        if key in self._tags.get(resource, {}):
            self._delay(resource, key, None, visible_at)
            del self._tags[resource][key]

    def _delay(self, resource: str, key: str, value: str | None, visible_at: datetime | None) -> None:
        late = self._late.setdefault(resource, Late())
        if visible_at is None:
            late.forget(key)
        else:
            late.change(key, self._tags[resource].get(key), value, visible_at)

    def forget(self, resource: str) -> None:
        """Drop everything about *resource*."""
        for carried in self._carried.pop(resource, ()):
            self._holders[carried].pop(resource, None)
        self._late.pop(resource, None)
        self._tags.pop(resource, None)

    def of(self, resource: str, now: datetime | None = None) -> Mapping[str, str]:
        """Return the tags of *resource*: those that show at *now*, or the true ones without it."""
        true, late = self._tags.get(resource, {}), self._late.get(resource)
        if now is None or late is None:
            return true
        unsettled = late.unsettled(now)
        if not unsettled:
            del self._late[resource]
            return true
        changing = {str(key): late.shown(key, true.get(str(key)), now) for key in list(unsettled)}
        shown: dict[str, str | None] = {**true, **changing}
        return {key: value for key, value in shown.items() if value is not None}

    def holders(self, key: str, value: str) -> Collection[str]:
        """Return the resources that carry this tag or did, visible or not: no other can show it."""
        return self._holders.get((key, value), {})

    def resources(self) -> Collection[str]:
        """Return every resource that has or had tags."""
        return self._tags.keys()


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Return *tags* as EC2 writes them."""
    return [{"Key": k, "Value": v} for k, v in tags.items()]


def tag_map(tags: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return a request's tag list, checked against EC2's rules for tags that a caller writes."""
    checked: dict[str, str] = {}
    for tag in tags:
        key, value = str(tag.get("Key", "")), str(tag.get("Value", ""))
        if not 1 <= len(key) <= 128 or key.lower().startswith("aws:"):
            raise invalid_value("Tag key", key, "It has 1 to 128 characters and does not begin with aws:.")
        if len(value) > 256:
            raise invalid_value("Tag value", value, "It has at most 256 characters.")
        if key in checked:
            raise invalid_value("Tag key", key, "Duplicate tag keys.")
        checked[key] = value
    if len(checked) > TAGS_PER_RESOURCE:
        raise Ec2Error("TagLimitExceeded", f"More than {TAGS_PER_RESOURCE} tags.")
    return checked


def tag_specifications(
    specifications: Sequence[Mapping[str, Any]], allowed: Collection[str]
) -> dict[str, dict[str, str]]:
    """Return a request's TagSpecifications by resource type, refusing types that the call does not create."""
    by_type: dict[str, dict[str, str]] = {}
    for specification in specifications:
        kind = str(specification.get("ResourceType", ""))
        if kind not in allowed or kind in by_type:
            raise invalid_value("ResourceType", kind, "Not a type that this call tags, or named twice.")
        by_type[kind] = tag_map(specification.get("Tags", ()))
    return by_type


def tags_at_birth(
    data: Mapping[str, Any], asked: Mapping[str, Mapping[str, str]], own: Mapping[str, str]
) -> dict[str, Mapping[str, str]]:
    """Return tags by resource type: the template's, over them the request's, over them EC2's own."""
    known = tag_specifications(data.get("TagSpecifications", ()), TAGGED_AT_LAUNCH)
    tags: dict[str, Mapping[str, str]] = dict(known)
    for kind, more in asked.items():
        tags[kind] = {**tags.get(kind, {}), **more}
    return tags | {"instance": {**tags.get("instance", {}), **own}}


def readable_from_metadata(tags: Mapping[str, str]) -> bool:
    """Tell whether the instance metadata service could serve *tags*."""
    return all(_IMDS_KEY.fullmatch(key) and key not in {".", "..", "_index"} for key in tags)
