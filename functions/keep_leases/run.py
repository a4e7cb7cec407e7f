"""The hands of keep_leases: one read for the batch, one commit for each command that changes something."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from keep_leases.commands import Command, Unreadable, parse
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
    outcome = Outcome()
    parsed = [(message, parse(message.body)) for message in messages]
    known = dict(ledger.requests(each.request_id for _, each in parsed if not isinstance(each, Unreadable)))
    for message, each in parsed:
        requester = requester_of(message.sender, requesters)
        try:
            if isinstance(each, Unreadable):
                reason = Reason(code=Code(each.error.code), message=str(each.error), path=each.error.path)
                _refuse(message, each.fields, requester, reason, each.event, ledger, now, outcome)
            else:
                _carry_out(message, each, requester, known, ledger, now, outcome)
        except RailyardError:
            outcome.failed.append(message.message_id)
    if outcome.woken:
        waking.send({"pool": pool} for pool in sorted(outcome.woken))
    return outcome


def _carry_out(
    message: Message,
    command: Command,
    requester: str,
    known: dict[str, Request],
    ledger: Ledger,
    now: datetime,
    outcome: Outcome,
) -> None:
    """Decide and commit; a lost race reads again and decides anew."""
    for _ in range(_TRIES):
        before = known.get(command.request_id)
        after = _decide(before, command, requester, message, now)
        if after is None:
            outcome.repeated += 1
            return
        if isinstance(after, Reason):
            fields = {"request_id": command.request_id, "epoch": getattr(command, "epoch", 0)}
            event = "renew_refused" if isinstance(command, Renew) else "release_refused"
            _refuse(message, fields, requester, after, event, ledger, now, outcome, action=command.action)
            return
        try:
            _commit(before, after, ledger, now)
        except Conflict:
            known.update(ledger.requests([command.request_id]))
            continue
        known[command.request_id] = after
        _count(command, before, outcome)
        return
    raise Conflict(f"request {command.request_id} keeps changing")


def _decide(
    before: Request | None, command: Command, requester: str, message: Message, now: datetime
) -> Request | Reason | None:
    if isinstance(command, Cancel):
        return cancel(before, requester, command, now)
    if isinstance(command, Release) and repeated(before, requester, command):
        return None
    why_not = objection(before, requester, command)
    if why_not or before is None:
        return why_not
    return (
        renew(before, command, message.sent_at, now)
        if isinstance(command, Renew)
        else release(before, command, now)
    )


def _commit(before: Request | None, after: Request, ledger: Ledger, now: datetime) -> None:
    """Commit the request with the room that it gives back; what is too much for one write follows."""
    machines = ledger.instances(machines_of(before, after)).values() if before else ()
    for change in ending(before, after, machines, now):
        ledger.commit(change)


def _refuse(
    message: Message,
    fields: Mapping[str, Any],
    requester: str,
    reason: Reason,
    event: str,
    ledger: Ledger,
    now: datetime,
    outcome: Outcome,
    *,
    action: str | None = None,
) -> None:
    record = refusal(
        message.message_id,
        message.body,
        fields,
        requester,
        reason,
        now,
        event=event,
        action=action or str(fields.get("action") or "renew"),
    )
    try:
        ledger.commit(Commit(requests=((None, record),)))
    except Conflict:
        outcome.repeated += 1  # an earlier delivery of the same message said so already
    else:
        outcome.refused += 1


def _count(command: Command, before: Request | None, outcome: Outcome) -> None:
    if isinstance(command, Renew):
        outcome.renewed += 1
        return
    if isinstance(command, Release):
        outcome.released += 1
    else:
        outcome.cancelled += 1
    if before is not None and before.pool:
        outcome.woken.add(before.pool)
