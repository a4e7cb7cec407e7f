"""Kill switches: shown, and turned by whoever may."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Protocol

import msgspec

from railyard.errors import Conflict
from railyard.model.switches import EVERYWHERE, Stops, Switch
from railyard.wire.decoding import check, read_object
from serve_api.calls import Answer, Asked, error, plain

TRIES = 3


class Switches(Protocol):
    """Where switches lie."""

    def all(self) -> Sequence[Switch]:
        """Return every switch that somebody has touched."""
        ...

    def write(self, switch: Switch, over: Switch | None) -> None:
        """Write *switch* over the one that was read; raises Conflict if somebody was first."""
        ...


class Turn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a turn."""

    on: bool
    reason: Annotated[str, msgspec.Meta(max_length=256)] = ""


def show_switches(switches: Switches) -> Answer:
    """Show every switch that somebody has touched; the others are on."""
    return Answer(status=200, body={"items": [view(each) for each in switches.all()], "next_token": None})


def show_switch(switches: Switches, stops: Stops, pool: str) -> Answer:
    """Show one switch; one that nobody touched is on."""
    found = _find(switches, stops, pool)
    return Answer(status=200, body=view(found) if found else {"stops": stops, "pool": pool, "on": True})


def turn_switch(switches: Switches, asked: Asked, stops: Stops, pool: str, now: datetime) -> Answer:
    """Turn a switch; the same turn again changes nothing. Raises InvalidRequest, Conflict."""
    if stops is Stops.IMAGES and pool != EVERYWHERE:
        return error(404, "not_found", "images are published for all pools at once", path="path")
    turn = check(Turn, read_object(asked.body))
    for _ in range(TRIES):
        was = _find(switches, stops, pool)
        if (was.on if was else True) == turn.on:
            return show_switch(switches, stops, pool)
        new = Switch(stops=stops, pool=pool, on=turn.on, by=asked.by, at=now, reason=turn.reason)
        new = replace(new, sequence=was.sequence + 1) if was else new
        try:
            switches.write(new, was)
        except Conflict:
            continue
        return Answer(status=200, body=view(new))
    raise Conflict("the switch was turned by others: look, and try again", code="conflict")


def view(switch: Switch) -> dict[str, Any]:
    """Return *switch* for its reader."""
    return {name: value for name, value in plain(switch).items() if name not in ("schema", "sequence")}


def _find(switches: Switches, stops: Stops, pool: str) -> Switch | None:
    return next((each for each in switches.all() if (each.stops, each.pool) == (stops, pool)), None)
