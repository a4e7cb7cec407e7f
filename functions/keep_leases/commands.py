"""Messages of the lease queue: renew, release, cancel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from railyard.errors import InvalidRequest
from railyard.model.reasons import Code
from railyard.wire.decoding import check, read_object
from railyard.wire.requests import Cancel, Release, Renew

KINDS: dict[str, type[Renew | Release | Cancel]] = {
    "renew": Renew,
    "release": Release,
    "cancel": Cancel,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """Why a message is no command, with the fields that could be read."""

    error: InvalidRequest
    fields: Mapping[str, Any]

    @property
    def event(self) -> str:
        """The refusal's event: that of the command it wanted to be."""
        return {"renew": "renew_refused"}.get(str(self.fields.get("action")), "release_refused")


Command = Renew | Release | Cancel


def parse(body: str) -> Command | Unreadable:
    """Return the command in *body*, or why there is none."""
    fields: Mapping[str, Any] = {}
    try:
        fields = read_object(body)
        if fields.get("version") != 1:
            code = Code.UNSUPPORTED_VERSION
            raise InvalidRequest(f"version {fields.get('version')!r}, expected 1", code=code, path="version")
        action = fields.get("action")
        if not isinstance(action, str) or action not in KINDS:
            code = Code.UNSUPPORTED_ACTION
            raise InvalidRequest(
                f"action {action!r}, expected one of {sorted(KINDS)}", code=code, path="action"
            )
        return check(KINDS[action], fields)
    except InvalidRequest as wrong:
        return Unreadable(error=wrong, fields=fields)
