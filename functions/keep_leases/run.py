"""The hands of keep_leases: one read for the batch, one commit for each command that changes something."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from keep_leases.commands import Command, Unreadable, parse, refused_event
from keep_leases.plan import cancel, objection, release, renew, repeated
from railyard.errors import Conflict, RailyardError
from railyard.model.instances import Instance
from railyard.model.ledger import Commit
from railyard.model.messages import Message
from railyard.model.pools import Requester, requester_of
from railyard.model.reasons import Code, Reason
from railyard.model.requests import Request
from railyard.model.room import ending, machines_of
from railyard.wire.refusals import refusal
from railyard.wire.requests import Cancel, Release, Renew

_TRIES = 5


class Ledger(Protocol):
    """The records of requests and machines."""

    def requests(self, ids: Iterable[str]) -> Mapping[str, Request]: ...
    def instances(self, ids: Iterable[str]) -> Mapping[str, Instance]: ...
    def commit(self, change: Commit) -> None: ...


class Waking(Protocol):
    """The queue that wakes a pool's waiting requests."""

    def send(self, pointers: Iterable[Mapping[str, Any]]) -> None: ...


@dataclass(slots=True)
class Outcome:
    """What a run did, and which messages must come again."""

    failed: list[str] = field(default_factory=list)
    renewed: int = 0
    released: int = 0
    cancelled: int = 0
    refused: int = 0
    repeated: int = 0
    woken: set[str] = field(default_factory=set)


def run(
    messages: Sequence[Message],
    ledger: Ledger,
    waking: Waking,
    requesters: tuple[Requester, ...],
    now: datetime,
) -> Outcome:
    """Carry out *messages* in their order; then wake the pools that have room again."""
    parsed = [(message, parse(message.body)) for message in messages]
    known = ledger.requests(each.request_id for _, each in parsed if not isinstance(each, Unreadable))
    keeping = _Keeping(ledger, dict(known), now)
    for message, each in parsed:
        requester = requester_of(message.sender, requesters).name
        try:
            if isinstance(each, Unreadable):
                keeping.refuse_unread(message, each, requester)
            else:
                keeping.carry_out(message, each, requester)
        except RailyardError:
            keeping.outcome.failed.append(message.message_id)
    if keeping.outcome.woken:
        waking.send({"pool": pool} for pool in sorted(keeping.outcome.woken))
    return keeping.outcome


class _Keeping:
    """One run: the records as last seen, and what has been done."""

    def __init__(self, ledger: Ledger, known: dict[str, Request], now: datetime) -> None:
        self._ledger = ledger
        self._known = known
        self._now = now
        self.outcome = Outcome()

    def carry_out(self, message: Message, command: Command, requester: str) -> None:
        """Decide and commit; a lost race reads again and decides anew."""
        for _ in range(_TRIES):
            before = self._known.get(command.request_id)
            after = self._decide(before, command, requester, message)
            if after is None:
                self.outcome.repeated += 1
                return
            if isinstance(after, Reason):
                fields = {"request_id": command.request_id, "epoch": getattr(command, "epoch", 0)}
                self._refuse(message, fields | {"action": command.action}, requester, after)
                return
            try:
                self._commit(before, after)
            except Conflict:
                self._known.update(self._ledger.requests([command.request_id]))
                continue
            self._known[command.request_id] = after
            self._count(command, before)
            return
        raise Conflict(f"request {command.request_id} keeps changing")

    def refuse_unread(self, message: Message, unread: Unreadable, requester: str) -> None:
        """Answer a message that is no command."""
        error = unread.error
        reason = Reason(Code(error.code), str(error), path=error.path)
        self._refuse(message, unread.fields, requester, reason)

    def _decide(
        self, before: Request | None, command: Command, requester: str, message: Message
    ) -> Request | Reason | None:
        if isinstance(command, Cancel):
            return cancel(before, requester, command, self._now)
        if isinstance(command, Release) and repeated(before, requester, command):
            return None
        why_not = objection(before, requester, command)
        if why_not or before is None:
            return why_not
        if isinstance(command, Renew):
            return renew(before, command, message.sent_at, self._now)
        return release(before, command, self._now)

    def _commit(self, before: Request | None, after: Request) -> None:
        """Commit the request with the room that it gives back; what is too much for one write follows."""
        machines = self._ledger.instances(machines_of(before, after)).values() if before else ()
        for change in ending(before, after, machines, self._now):
            self._ledger.commit(change)

    def _refuse(self, message: Message, fields: Mapping[str, Any], requester: str, reason: Reason) -> None:
        action = fields.get("action")
        said = {"event": refused_event(action), "action": str(action or "renew")}
        record = refusal(message, fields, requester, reason, self._now, **said)
        try:
            self._ledger.commit(Commit(requests=((None, record),)))
        except Conflict:
            self.outcome.repeated += 1  # an earlier delivery of the same message said so already
        else:
            self.outcome.refused += 1

    def _count(self, command: Command, before: Request | None) -> None:
        if isinstance(command, Renew):
            self.outcome.renewed += 1
            return
        if isinstance(command, Release):
            self.outcome.released += 1
        else:
            self.outcome.cancelled += 1
        if before is not None and before.pool:
            self.outcome.woken.add(before.pool)
