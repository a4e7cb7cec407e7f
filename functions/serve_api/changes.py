"""What changes of pools and requesters have in common: who may make them, over what, and how a no is told."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from railyard.errors import Conflict
from railyard.model.pools import DEPLOYED, Pool, Requester
from serve_api.calls import Answer, Asked, error

TRIES = 3
M = TypeVar("M", Pool, Requester)


def refused(status: int, defects: Iterable[str]) -> Answer:
    """Return every defect, each ``path: what``; the error's own path is that of the first."""
    told = [dict(zip(("path", "message"), each.split(": ", 1), strict=True)) for each in defects]
    message = "; ".join(f"{each['path']}: {each['message']}" for each in told)
    whole = {"code": "invalid_request", "message": message, "path": told[0]["path"], "defects": told}
    return Answer(status=status, body={"error": whole})


def objection(seen: Pool | Requester | None, asked: Asked) -> Answer | None:
    """Return why *asked* may not change what was *seen*: it is not the API's, or not the one that the caller saw."""
    if seen and seen.managed == DEPLOYED:
        message = f"{seen.name} is written in railyard.toml: change it there and deploy"
        return error(409, "managed_by_deployment", message)
    if asked.if_match and (seen is None or asked.if_match not in ("*", tag(seen))):
        there = f"it is at {tag(seen)}" if seen else "there is none"
        return error(412, "precondition_failed", f"{there}, not at {asked.if_match}", path="If-Match")
    return None


def tag(of: Pool | Requester) -> str:
    """Return the tag that a change may be bound to."""
    return f'"{of.generation}"'


def tried(name: str, once: Callable[[], Answer]) -> Answer:
    """Do *once*, which reads and then writes over what it read, again if somebody was faster; raises Conflict."""
    for _ in range(TRIES):
        try:
            return once()
        except Conflict:
            continue
    raise Conflict(f"{name} was changed by others {TRIES} times: look, and try again", code="conflict")


def removed(seen: M | None, asked: Asked, write: Callable[[M, None], None]) -> Answer:
    """Remove what was *seen*: 204, also if there is nothing."""
    if seen is None:
        return Answer(status=204, body={})
    if no := objection(seen, asked):
        return no
    write(seen, None)
    return Answer(status=204, body={})
