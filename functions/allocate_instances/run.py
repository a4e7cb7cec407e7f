"""The hands of allocate_instances: answer what is answered, follow our pointers, serve what wants a machine.

What a message asks is written before anything happens on its account. A crash between any two lines leaves records from
which the next invocation goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from allocate_instances.launching import Launching
from allocate_instances.plan.accepting import accept
from allocate_instances.plan.placing import Waiting
from allocate_instances.request import Asked, Pointer, parse
from allocate_instances.serving import Known, Ledger, Ports, Serving
from allocate_instances.settings import Settings
from railyard.errors import Ambiguous, Conflict, RailyardError, Throttled
from railyard.model.ledger import Commit, RequestChange
from railyard.model.messages import Message
from railyard.model.requests import Request


@dataclass(slots=True)
class Outcome:
    """What a run did, and which messages must come again."""

    failed: list[str] = field(default_factory=list)
    refused: int = 0
    repeated: int = 0
    accepted: int = 0
    waiting: int = 0
    launched: int = 0
    trouble: str = ""
    """What kept a table from taking what was accepted: those messages come again, and find what was stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What woke us: messages of requesters, pointers of our own (with the message that each came in)."""

    messages: Sequence[Message] = ()
    pointers: Sequence[tuple[str, Pointer]] = ()


def run(batch: Batch, ports: Ports, settings: Settings) -> Outcome:
    """Serve *batch*; the outcome names the messages that could not be committed."""
    outcome = Outcome()
    launching = Launching(ports.launches, ports.ledger, ports.clock, ports.time_left, settings)
    serving = Serving(ports, settings, launching)
    waiting: list[Waiting] = []
    for message_id, pointer in batch.pointers:
        try:
            waiting += _resumed(pointer, launching, serving, ports, outcome)
        except (Conflict, Throttled, Ambiguous):
            outcome.failed.append(message_id)
    serving.serve(waiting, None)
    messages = batch.messages
    while messages:
        accepted, twins, known = _accept(messages, ports, outcome)
        try:
            serving.serve(accepted, known)
        except (Throttled, Ambiguous) as trouble:
            outcome.trouble = str(trouble)
            outcome.failed += [
                message.message_id for message in messages if message.message_id not in outcome.failed
            ]
            break
        messages = twins
    outcome.waiting, outcome.launched = serving.waiting, serving.launched
    return outcome


def _resumed(
    pointer: Pointer, launching: Launching, serving: Serving, ports: Ports, outcome: Outcome
) -> list[Waiting]:
    """Follow a pointer; return the requests that want a place because of it."""
    waiting: list[Waiting] = []
    if pointer.launch_id:
        waiting += [(request, request) for request in launching.resume(pointer.launch_id)]
    if pointer.pool:
        waiting += _overdue_answered(ports.ledger.waiting(pointer.pool), serving, ports, outcome)
    return waiting


def _accept(
    messages: Sequence[Message], ports: Ports, outcome: Outcome
) -> tuple[list[Waiting], list[Message], Known]:
    """Answer what can be answered at once; return the requests that want a place, and twins for another pass.

    A twin names a request that came before in the same batch: it is decided when the first one is stored.
    """
    now = ports.clock()
    requesters = ports.requesters()
    parsed = [(message, parse(message, requesters, now)) for message in messages]
    asked = [each.request for _, each in parsed if isinstance(each, Asked)]
    known = ports.ledger.look(
        (r.request_id for r in asked), (r.pool for r in asked), (r.requester for r in asked)
    )
    waiting: list[Waiting] = []
    twins: list[Message] = []
    seen: set[str] = set()
    for message, each in parsed:
        if isinstance(each, Request):
            _save(((None, each),), message, ports.ledger, outcome)
            continue
        if each.request.request_id in seen:
            twins.append(message)
            continue
        seen.add(each.request.request_id)
        change = accept(each, message, known.requests.get(each.request.request_id), known.pools, now)
        if change is None:
            outcome.repeated += 1
        elif change[0] is None and change[1].unanswered:
            outcome.accepted += 1
            waiting.append(change)
        else:
            _save((change,), message, ports.ledger, outcome)
    return waiting, twins, known


def _save(changes: Sequence[RequestChange], message: Message, ledger: Ledger, outcome: Outcome) -> None:
    try:
        ledger.commit(Commit(requests=tuple(changes)))
    except Conflict:
        outcome.repeated += 1  # another delivery of the same message wrote it first
    except RailyardError:
        outcome.failed.append(message.message_id)
    else:
        outcome.refused += 1


def _overdue_answered(
    requests: Sequence[Request], serving: Serving, ports: Ports, outcome: Outcome
) -> list[Waiting]:
    """Answer those past their deadline; return those that still want a place."""
    now = ports.clock()
    waiting: list[Waiting] = []
    for request in requests:
        if request.deadline and request.deadline <= now:
            serving.try_commit(Commit(requests=((request, _last_word(request, now)),)))
            outcome.refused += 1
        elif any(not share.launch_id for share in request.shares):
            waiting.append((request, request))
    return waiting


def _last_word(request: Request, now: datetime) -> Request:
    """At the deadline: what runs is enough, or it is not."""
    ready = sum(1 for share in request.shares if share.allocation)
    return request.fulfilled(now) if ready >= request.minimum_count else request.timed_out(now)
