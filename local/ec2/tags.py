"""Tags of every resource in one indexed store, and EC2's rules for them.

Tags given at birth become visible on their own time, apart from the resource: for some seconds EC2 may show
an instance without them, or find nothing by them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from local.ec2.errors import Ec2Error, invalid_value

TAGS_PER_RESOURCE = 50
"""Source: EC2 user guide, "Tag restrictions" (128 and 256 characters, too)."""

_IMDS_KEY = re.compile(r"[A-Za-z0-9+\-=._:@,]+")


class Tags:
    """The tags of all resources, found by resource or by (key, value)."""

    def __init__(self) -> None:
        self._tags: dict[str, dict[str, str]] = {}
        self._visible_at: dict[str, datetime] = {}
        self._holders: dict[tuple[str, str], dict[str, None]] = {}

    def put(self, resource: str, tags: Mapping[str, str], visible_at: datetime | None = None) -> None:
        """Add *tags* to *resource*, over those of the same keys."""
        present = self._tags.setdefault(resource, {})
        for key, value in tags.items():
            self.remove(resource, key)
            present[key] = value
            self._holders.setdefault((key, value), {})[resource] = None
        if visible_at is not None:
            self._visible_at[resource] = visible_at

    def remove(self, resource: str, key: str) -> None:
        """Take the tag *key* from *resource*, if it is there."""
        value = self._tags.get(resource, {}).pop(key, None)
        if value is not None:
            self._holders[key, value].pop(resource)

    def forget(self, resource: str) -> None:
        """Drop everything about *resource*."""
        for key in tuple(self._tags.get(resource, ())):
            self.remove(resource, key)
        self._tags.pop(resource, None)
        self._visible_at.pop(resource, None)

    def of(self, resource: str, now: datetime | None = None) -> Mapping[str, str]:
        """Return the tags of *resource*: those that show at *now*, or the true ones without it."""
        if now is not None and (at := self._visible_at.get(resource)) is not None and now < at:
            return {}
        return self._tags.get(resource, {})

    def holders(self, key: str, value: str) -> Collection[str]:
        """Return the resources that carry this tag, visible or not."""
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


def readable_from_metadata(tags: Mapping[str, str]) -> bool:
    """Tell whether the instance metadata service could serve *tags*."""
    return all(_IMDS_KEY.fullmatch(key) and key not in {".", "..", "_index"} for key in tags)
