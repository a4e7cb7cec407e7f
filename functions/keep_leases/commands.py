"""Messages of the lease queue: renew, release, cancel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from railyard.errors import InvalidRequest
from railyard.wire.decoding import read_message, read_object
from railyard.wire.requests import Cancel, Release, Renew

Command = Renew | Release | Cancel
KINDS: dict[str, type[Command]] = {"cancel": Cancel, "release": Release, "renew": Renew}


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """Why a message is no command, with the fields that could be read."""

    error: InvalidRequest
    fields: Mapping[str, Any]


def refused_event(action: object) -> str:
    """Return the event that refuses a message with this *action*: that of the command which it wanted to be."""
    return "renew_refused" if action == "renew" else "release_refused"


def parse(body: str) -> Command | Unreadable:
    """Return the command in *body*, or why there is none."""
    fields: Mapping[str, Any] = {}
    try:
        fields = read_object(body)
        return read_message(fields, KINDS)
    except InvalidRequest as wrong:
        return Unreadable(error=wrong, fields=fields)
