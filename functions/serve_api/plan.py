"""Routes: what a method and a path ask for, and what is not built."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import unquote


class Route(StrEnum):
    """What this function answers."""

    STATUS = "status"
    POOLS = "pools"
    POOL = "pool"
    ALLOCATIONS = "allocations"
    ALLOCATION = "allocation"
    INSTANCES = "instances"
    INSTANCE = "instance"
    ALLOCATE = "allocate"
    LEASE = "lease"
    NOT_BUILT = "not_built"
    NOT_FOUND = "not_found"
    BAD_NAME = "bad_name"


POOL_NAME = r"[a-z0-9][a-z0-9-]{0,62}"
REQUEST_ID = r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}"
INSTANCE_ID = r"i-[0-9a-f]{8,17}"

ROUTES: tuple[tuple[str, str, Route, str], ...] = (
    ("GET", "status", Route.STATUS, ""),
    ("GET", "pools", Route.POOLS, ""),
    ("GET", "pools", Route.POOL, POOL_NAME),
    ("GET", "allocations", Route.ALLOCATIONS, ""),
    ("GET", "allocations", Route.ALLOCATION, REQUEST_ID),
    ("GET", "instances", Route.INSTANCES, ""),
    ("GET", "instances", Route.INSTANCE, INSTANCE_ID),
    ("POST", "allocations", Route.ALLOCATE, ""),
    ("POST", "leases", Route.LEASE, ""),
)
"""Method, collection, what it is, and the pattern of the name that follows (none: the collection itself)."""

PLANNED = frozenset(
    [
        "amis",
        "volumes",
        "pools",
        "ami-sets",
        "requesters",
        "instances",
        "deployments",
        "resources",
        "allocations",
        "leases",
        "probes",
        "switches",
        "openapi.json",
    ]
)
"""Collections of the contract: what is not answered of them is not built yet; all else does not exist."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A route and the name in its path."""

    route: Route
    name: str = ""


def route(method: str, path: str) -> Call:
    """Return what *method* on *path* asks. Names come from the decoded path and must match their pattern whole."""
    parts = [unquote(part) for part in path.strip("/").split("/")]
    collection, names = parts[0], parts[1:]
    for verb, known, found, pattern in ROUTES:
        if verb != method or known != collection or len(names) != bool(pattern):
            continue
        if not pattern:
            return Call(route=found)
        if re.fullmatch(pattern, names[0]):
            return Call(route=found, name=names[0])
        return Call(route=Route.BAD_NAME, name=names[0])
    return Call(route=Route.NOT_BUILT if collection in PLANNED else Route.NOT_FOUND)
