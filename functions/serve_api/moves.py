"""What people may do to a release line, and how a line looks to them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any

import msgspec

from railyard.errors import InvalidRequest
from railyard.model.images import ordered
from railyard.model.releases import Entry, Line, Mark, Move, Release, dismiss, pin, roll_back, unpin
from railyard.wire.decoding import check, read_object
from serve_api.calls import Asked, plain
from serve_api.plan import Route

MOVES = {Route.UNPIN: unpin, Route.ROLL_BACK: roll_back, Route.DISMISS: dismiss}


class Wish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a change: why it is made."""

    reason: Annotated[str, msgspec.Meta(max_length=256)] = ""


class PinWish(Wish, frozen=True, forbid_unknown_fields=True):
    """The body of a pin: without a *release* the one in force."""

    release: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None = None


def wish_of(act: Route, asked: Asked) -> Wish:
    """Return what the body says, or the query's ``reason`` if there is none; raises InvalidRequest."""
    query = {name: value for name, value in asked.query.items() if name == "reason"}
    return check(PinWish if act is Route.PIN else Wish, read_object(asked.body or json.dumps(query)))


def moved(act: Route, line: Line, wish: Wish, history: Iterable[Entry], *, by: str, now: datetime) -> Move:
    """Return *line* after *act*; *history*, newest first, is read for a pin alone.

    Raises Conflict (``pinned``, ``no_previous``), InvalidRequest (``unknown_release``).
    """
    if isinstance(wish, PinWish):
        release = _chosen(line, wish.release or line.release, history)
        return pin(line, release, by=by, reason=wish.reason, now=now)
    return MOVES[act](line, by=by, reason=wish.reason, now=now)


def _chosen(line: Line, version: str, history: Iterable[Entry]) -> Release:
    """Return the release *version*: of several as pinned, else as in force, else as it was last known."""
    pinned = line.pin.release if line.pin else None
    tried = line.candidate.release if line.candidate else None
    published = (each.published for each in history)
    newest_first = (pinned, line.current, line.previous, tried, *published)
    known = {each.release: each for each in reversed(newest_first) if each}
    if version not in known:
        choice = ", ".join(sorted(known, key=ordered, reverse=True)) or "none"
        message = f"{line.line} never had release {version!r}; known are {choice}"
        raise InvalidRequest(message, code="unknown_release", path="release")
    return known[version]


def view(line: Line, now: datetime) -> dict[str, Any]:
    """Return *line* for its reader."""
    current = plain(line.current) if line.current else {}
    left = line.current.remaining(now) if line.current else None
    return {
        "line": line.line,
        "channel": line.channel,
        "architecture": line.architecture,
        "generation": line.sequence,
        "release": current.get("release"),
        "source": current.get("source"),
        "signature": current.get("signature"),
        "signer": current.get("signer"),
        "channel_of_origin": current.get("channel"),
        "released_at": current.get("found_at"),
        "remaining_life_days": None if left is None else left.days,
        "previous": line.previous.release if line.previous else None,
        "candidate": _part(line.candidate, "release", "since", "attempt", "failed"),
        "pin": _part(line.pin, "release", "by", "at", "reason"),
        "hold": _part(line.hold, "why", "detail", "regions", "since"),
        "feed": _part(line.feed, "release", "url", "looked_at"),
        "publishing": _part(line.publishing, "release", "until"),
        "images": plain(line.placed),
    }


def summary(line: Line) -> dict[str, Any]:
    """Return what the status says of *line*."""
    return {
        "version": line.release,
        "regions": len(line.placed),
        "source": line.current.source if line.current else None,
        "signature": line.current.signature if line.current else None,
        "withdrawn": sorted(line.marked(Mark.WITHDRAWN)),
        "behind": sorted(line.marked(Mark.BEHIND)),
        "pinned": line.pin.release.release if line.pin else None,
        "candidate": line.candidate.release.release if line.candidate else None,
        "held": line.hold.why if line.hold else None,
    }


def entry_view(entry: Entry) -> dict[str, Any]:
    """Return *entry* for its reader; its key is called ``id``."""
    said: dict[str, Any] = plain(entry)
    return {"id": said.pop("version")} | {name: value for name, value in said.items() if name != "schema"}


def _part(record: object, *names: str) -> dict[str, Any] | None:
    """Return the fields *names* of *record*, a release by its version; None of none."""
    if record is None:
        return None
    found = {name: getattr(record, name) for name in names}
    return {name: plain(each.release if isinstance(each, Release) else each) for name, each in found.items()}
