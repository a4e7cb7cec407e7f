"""Hands for release lines: show them, and write what people tell them.

A change is written over the record that was read, with its entry in the history. refresh_amis carries it out: at
once if it can be woken, else when its hour comes.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from railyard.errors import Conflict, InvalidRequest, RailyardError
from railyard.model.releases import Entry, Line
from serve_api.calls import MAX_PAGE, Answer, Asked, Token, page
from serve_api.moves import entry_view, moved, view, wish_of
from serve_api.plan import Call, Route
from serve_api.ports import Lines, Ports

TRIES = 3


def show_lines(call: Call, asked: Asked, lines: Lines, now: datetime) -> Answer:
    """Show every line, or one, whose tag a change may be bound to, or a page of its history, newest first."""
    if call.route is Route.LINES:
        found = sorted(lines.all(), key=lambda line: line.line)
        return Answer(status=200, body={"items": [view(line, now) for line in found], "next_token": None})
    line = _read(lines, call.name)
    if call.route is Route.LINE:
        return _shown(200, line, now)
    return page(
        asked, lambda limit, token: lines.history(line.line, limit, _of(line.line, token)), entry_view
    )


def change_line(call: Call, asked: Asked, ports: Ports, now: datetime) -> Answer:
    """Do what people ask of a line: 202 if refresh_amis has something to do now, 200 if it was so already.

    Raises InvalidRequest, Conflict (``pinned``, ``no_previous``; ``conflict`` if others were faster each time).
    """
    wish = wish_of(call.route, asked)
    for _ in range(TRIES):
        line = _read(ports.lines, call.name)
        if asked.if_match not in ("", "*", _tag(line)):
            message = f"{line.line} is at {_tag(line)}, not at {asked.if_match}"
            raise InvalidRequest(message, code="precondition_failed", path="If-Match")
        after, told = moved(call.route, line, wish, _history(ports.lines, line), by=asked.by, now=now)
        if told is None:
            return _shown(200, line, now, warnings=[])
        try:
            ports.lines.record(after, line, [told])
        except Conflict:
            continue
        return _shown(202, after, now, warnings=_waked(ports))
    raise Conflict(f"{call.name} was changed by others {TRIES} times: look, and try again", code="conflict")


def _waked(ports: Ports) -> list[str]:
    """Wake refresh_amis; return why the change must wait for its hour, if it must."""
    try:
        ports.wake()
    except RailyardError as failed:
        return [f"carried out within the hour, not at once: {failed}"]
    return []


def _read(lines: Lines, name: str) -> Line:
    found = lines.read([name]).get(name)
    if found is None:
        raise InvalidRequest(f"there is no line {name}", code="not_found", path="path")
    return found


def _history(lines: Lines, line: Line) -> Iterator[Entry]:
    """Yield the whole history, page by page as it is asked for."""
    token: Token = None
    while True:
        entries, token = lines.history(line.line, MAX_PAGE, token)
        yield from entries
        if not token:
            return


def _of(line: str, token: Token) -> Token:
    """Return *token* if it is a key in the history of *line*: DynamoDB fails on any other."""
    match token:
        case None:
            return None
        case {"line": {"S": of}, "version": {"S": str(key)}} if of == line and key.startswith("log#"):
            return {"line": {"S": line}, "version": {"S": key}}
    raise InvalidRequest("next_token is not one of ours", path="next_token")


def _shown(status: int, line: Line, now: datetime, **more: Any) -> Answer:
    return Answer(status=status, body=view(line, now) | more, headers={"ETag": _tag(line)})


def _tag(line: Line) -> str:
    return f'"{line.sequence}"'
