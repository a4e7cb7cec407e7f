"""What a committed change has to say, and to whom."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from railyard.model.requests import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """One body to send: as an event of *detail_type*, and to the reply queue of *requester* if it asked for that."""

    detail_type: str
    body: str
    requester: str | None


def words(request: Request) -> tuple[Word, ...]:
    """Return what the write that made *request* wants said; nothing if its outbox is of an earlier write.

    A reply goes to the requester's own queue or nowhere, whatever name the message gave.
    """
    if request.told != request.sequence:
        return ()
    requester = request.requester if request.reply_to else None
    return tuple(
        Word(detail_type=_detail_type(json.loads(body)), body=body, requester=requester)
        for body in request.outbox
    )


def _detail_type(body: Mapping[str, str]) -> str:
    """``renew_refused`` -> ``Allocation Renew Refused``."""
    return "Allocation " + body["event"].replace("_", " ").title()
