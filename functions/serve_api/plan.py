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
    LINES = "lines"
    LINE = "line"
    HISTORY = "history"
    PIN = "pin"
    UNPIN = "unpin"
    ROLL_BACK = "roll_back"
    DISMISS = "dismiss"
    SETS = "sets"
    SET = "set"
    SET_HISTORY = "set_history"
    SET_VERSION = "set_version"
    SET_VALIDATION = "set_validation"
    SET_IMAGE = "set_image"
    CREATE_SET = "create_set"
    UPDATE_SET = "update_set"
    ROLL_BACK_SET = "roll_back_set"
    VALIDATE_SET = "validate_set"
    REMOVE_SET = "remove_set"
    DEPLOY = "deploy"
    WITHDRAW = "withdraw"
    PUT_POOL = "put_pool"
    DELETE_POOL = "delete_pool"
    REQUESTERS = "requesters"
    REQUESTER = "requester"
    PUT_REQUESTER = "put_requester"
    DELETE_REQUESTER = "delete_requester"
    SWITCHES = "switches"
    SWITCH = "switch"
    TURN = "turn"
    DESCRIPTION = "description"
    NOT_BUILT = "not_built"
    NOT_FOUND = "not_found"
    BAD_NAME = "bad_name"


NAMES = {
    "<pool>": r"[a-z0-9][a-z0-9-]{0,62}",
    "<request>": r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}",
    "<instance>": r"i-[0-9a-f]{8,17}",
    "<channel>": r"stable|beta|alpha|lts(-20[0-9]{2})?",
    "<architecture>": r"amd64|arm64",
    "<requester>": r"[a-z0-9][a-z0-9-]{0,62}",
    "<stops>": r"launch|reap|images",
    "<set>": r"[a-z0-9][a-z0-9-]{0,62}",
    "<number>": r"[1-9][0-9]{0,7}",
}
"""What a name in a path must match whole. Channels are those of ``railyard.flatcar``, which is not loaded for them."""

ROUTES: tuple[tuple[str, str, Route], ...] = (
    ("GET", "status", Route.STATUS),
    ("GET", "pools", Route.POOLS),
    ("GET", "pools/<pool>", Route.POOL),
    ("GET", "allocations", Route.ALLOCATIONS),
    ("GET", "allocations/<request>", Route.ALLOCATION),
    ("GET", "instances", Route.INSTANCES),
    ("GET", "instances/<instance>", Route.INSTANCE),
    ("POST", "allocations", Route.ALLOCATE),
    ("POST", "leases", Route.LEASE),
    ("GET", "amis", Route.LINES),
    ("GET", "amis/<channel>/<architecture>", Route.LINE),
    ("GET", "amis/<channel>/<architecture>/history", Route.HISTORY),
    ("PUT", "amis/<channel>/<architecture>/pin", Route.PIN),
    ("DELETE", "amis/<channel>/<architecture>/pin", Route.UNPIN),
    ("POST", "amis/<channel>/<architecture>/rollback", Route.ROLL_BACK),
    ("DELETE", "amis/<channel>/<architecture>/candidate", Route.DISMISS),
    ("GET", "ami-sets", Route.SETS),
    ("GET", "ami-sets/<set>", Route.SET),
    ("GET", "ami-sets/<set>/history", Route.SET_HISTORY),
    ("GET", "ami-sets/<set>/versions/<number>", Route.SET_VERSION),
    ("GET", "ami-sets/<set>/validation", Route.SET_VALIDATION),
    ("GET", "ami-sets/<set>/image", Route.SET_IMAGE),
    ("PUT", "ami-sets/<set>", Route.CREATE_SET),
    ("POST", "ami-sets/<set>/update", Route.UPDATE_SET),
    ("POST", "ami-sets/<set>/rollback", Route.ROLL_BACK_SET),
    ("POST", "ami-sets/<set>/validate", Route.VALIDATE_SET),
    ("DELETE", "ami-sets/<set>", Route.REMOVE_SET),
    ("PUT", "deployments/<set>/<pool>", Route.DEPLOY),
    ("DELETE", "deployments/<set>/<pool>", Route.WITHDRAW),
    ("PUT", "pools/<pool>", Route.PUT_POOL),
    ("DELETE", "pools/<pool>", Route.DELETE_POOL),
    ("GET", "requesters", Route.REQUESTERS),
    ("GET", "requesters/<requester>", Route.REQUESTER),
    ("PUT", "requesters/<requester>", Route.PUT_REQUESTER),
    ("DELETE", "requesters/<requester>", Route.DELETE_REQUESTER),
    ("GET", "switches", Route.SWITCHES),
    ("GET", "switches/<stops>", Route.SWITCH),
    ("GET", "switches/<stops>/<pool>", Route.SWITCH),
    ("PUT", "switches/<stops>", Route.TURN),
    ("PUT", "switches/<stops>/<pool>", Route.TURN),
    ("GET", "openapi.json", Route.DESCRIPTION),
)

PLANNED = frozenset(
    [
        "volumes",
        "instances",
        "resources",
        "allocations",
        "leases",
        "probes",
    ]
)
"""Collections of the contract: what is not answered of them is not built yet; all else does not exist."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A route and the name in its path; several are joined, as in ``channel#architecture``, the key of a line."""

    route: Route
    name: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The names in the path, from left to right."""
        return tuple(self.name.split("#"))


def route(method: str, path: str) -> Call:
    """Return what *method* on *path* asks; a name must match its pattern whole.

    IAM has judged the path as it is, so nothing is decoded that would make another resource of it, and a slash more at
    either end is another path too. Only a request's id is decoded: clients write its colon in more than one way.
    """
    parts = path.removeprefix("/").split("/")
    for verb, form, found in ROUTES:
        words = form.split("/")
        if verb != method or len(words) != len(parts):
            continue
        pairs = list(zip(words, parts, strict=True))
        if any(word != part for word, part in pairs if word not in NAMES):
            continue
        named = [
            (word, unquote(part) if word == "<request>" else part) for word, part in pairs if word in NAMES
        ]
        wrong = [name for word, name in named if not re.fullmatch(NAMES[word], name)]
        if wrong:
            return Call(route=Route.BAD_NAME, name=wrong[0])
        return Call(route=found, name="#".join(name for _, name in named))
    return Call(route=Route.NOT_BUILT if parts[0] in PLANNED else Route.NOT_FOUND)
