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
from allocate_instances.ports import Ledger, Ports
from allocate_instances.request import Asked, Pointer, parse
from allocate_instances.serving import Serving
from allocate_instances.settings import Settings
from railyard.errors import Ambiguous, Conflict, RailyardError, Throttled
from railyard.model.ledger import Commit, Known, RequestChange
from railyard.model.messages import Message
from railyard.model.requests import Request

Decision = tuple[Message, RequestChange | None]
"""(what came, what is written for it): ``None`` when there is nothing to say."""


@dataclass(slots=True)
class Outcome:
    """What a run did, and which messages must come again."""

    failed: list[str] = field(default_factory=list)
    accepted: int = 0
    answered: int = 0
    repeated: int = 0
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
    launching = Launching(ports, settings)
    serving = Serving(ports, settings, launching)
    waiting: list[Waiting] = []
    for message_id, pointer in batch.pointers:
        try:
            waiting += _resumed(pointer, launching, serving, ports, outcome)
        except (Conflict, Throttled, Ambiguous):
            outcome.failed.append(message_id)
    serving.serve(waiting, None)
    beaten = _served(batch.messages, serving, ports, outcome)
    # What another invocation wrote first is decided once more, on what it wrote. A second defeat is for the queue.
    outcome.failed += [message.message_id for message in _served(beaten, serving, ports, outcome)]
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


def _served(messages: Sequence[Message], serving: Serving, ports: Ports, outcome: Outcome) -> list[Message]:
    """Answer *messages* or find them a place; return those whose request another invocation wrote meanwhile."""
    beaten: list[Message] = []
    while messages:
        decided, twins, known = _decided(messages, ports)
        try:
            beaten += _done(decided, known, serving, ports.ledger, outcome)
        except (Throttled, Ambiguous) as trouble:
            outcome.trouble = str(trouble)
            outcome.failed += [
                message.message_id for message in messages if message.message_id not in outcome.failed
            ]
            break
        messages = twins
    return beaten


def _decided(messages: Sequence[Message], ports: Ports) -> tuple[list[Decision], list[Message], Known]:
    """Return what is to be written for each message, and twins for another pass.

    A twin names a request that came before in the same batch: it is decided when the first one is stored.
    """
    now = ports.clock()
    requesters = ports.requesters()
    parsed = [(message, parse(message, requesters, now)) for message in messages]
    asked = [each.request for _, each in parsed if isinstance(each, Asked)]
    known = ports.ledger.look((r.request_id for r in asked), (r.pool for r in asked))
    decided: list[Decision] = []
    twins: list[Message] = []
    seen: set[str] = set()
    for message, each in parsed:
        if isinstance(each, Request):
            decided.append((message, (None, each)))
        elif each.request.request_id in seen:
            twins.append(message)
        else:
            seen.add(each.request.request_id)
            before = known.requests.get(each.request.request_id)
            decided.append((message, accept(each, message, before, known.pools, now)))
    return decided, twins, known


def _done(
    decided: Sequence[Decision], known: Known, serving: Serving, ledger: Ledger, outcome: Outcome
) -> list[Message]:
    """Write what was decided, and serve what is new; return the messages that somebody else's write was faster than."""
    beaten: list[Message] = []
    new: list[tuple[Message, Waiting]] = []
    for message, change in decided:
        if change is None:
            outcome.repeated += 1
        elif change[0] is None and change[1].unanswered:
            new.append((message, change))
        elif not _saved(change, message, ledger, outcome):
            beaten.append(message)
    serving.serve([change for _, change in new], known)
    lost = [message for message, (_, request) in new if request.request_id not in serving.stored]
    outcome.accepted += len(new) - len(lost)
    return beaten + lost


def _saved(change: RequestChange, message: Message, ledger: Ledger, outcome: Outcome) -> bool:
    """Store an answer, or have the message come again; ``False`` if the request is not as it was read any more."""
    try:
        ledger.commit(Commit(requests=(change,)))
    except Conflict:
        if not change[1].unread:
            return False
        outcome.repeated += 1  # another delivery of the same message wrote it first
    except RailyardError:
        outcome.failed.append(message.message_id)
    else:
        outcome.answered += 1
    return True


def _overdue_answered(
    requests: Sequence[Request], serving: Serving, ports: Ports, outcome: Outcome
) -> list[Waiting]:
    """Answer those past their deadline; return those that still want a place."""
    now = ports.clock()
    waiting: list[Waiting] = []
    for request in requests:
        if request.deadline and request.deadline <= now:
            serving.try_commit(Commit(requests=((request, _last_word(request, now)),)))
            outcome.answered += 1
        elif any(not share.launch_id for share in request.shares):
            waiting.append((request, request))
    return waiting


def _last_word(request: Request, now: datetime) -> Request:
    """At the deadline: what runs is enough, or it is not."""
    return request.fulfilled(now) if request.running >= request.minimum_count else request.timed_out(now)
