"""The hands of allocate_instances: answer what is answered, use what runs, launch the rest, let wait what must.

Order is safety here. What a message asks is written before anything happens on its account; a launch is written,
with its call already counted as open, before CreateFleet is asked; what EC2 gave is bound to the record before
anybody is told. A crash between any two lines leaves records from which the next invocation goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from allocate_instances.launching import Launches, Launching, Records
from allocate_instances.plan.accepting import accept
from allocate_instances.plan.placing import Draft, Facts, Placement, Waiting, place
from allocate_instances.plan.reusing import reuse
from allocate_instances.request import Asked, Pointer, parse
from allocate_instances.settings import Settings
from railyard.errors import Ambiguous, Conflict, LimitExceeded, RailyardError, Throttled
from railyard.model.catalogue import Catalogue
from railyard.model.instances import Instance
from railyard.model.ledger import Commit, RequestChange
from railyard.model.messages import Message
from railyard.model.pools import Counters, Pool, Requester
from railyard.model.reasons import Code, Reason
from railyard.model.requests import Request

MAX_ROUNDS = 4
"""Launches that one request may try in one invocation; then it waits for the next tick."""


class Known(Protocol):
    """What the ledger says about some requests and their pools."""

    @property
    def requests(self) -> Mapping[str, Request]: ...
    @property
    def pools(self) -> Mapping[str, Pool]: ...
    @property
    def counters(self) -> Mapping[str, Counters]: ...
    @property
    def held(self) -> Mapping[tuple[str, str], int]: ...


class Ledger(Records, Protocol):
    """The records, read consistently and changed by whole commits (Conflict, LimitExceeded)."""

    def look(self, requests: Iterable[str], pools: Iterable[str], requesters: Iterable[str]) -> Known: ...
    def waiting(self, pool: str) -> list[Request]: ...
    def roomy(self, pool: str, architecture: str, vcpus: int) -> list[Instance]: ...
    def commit(self, change: Commit, limits: Mapping[tuple[str, str], int] | None = None) -> None: ...


class Supplies(Protocol):
    """What launches are made of: the catalogue, published images, launch templates."""

    def catalogue(self) -> Catalogue | None: ...
    def images(self, pools: Iterable[Pool]) -> Mapping[str, str]: ...
    def template(self, pool: Pool) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Everything that a run touches. *time_left* is what Lambda still gives this invocation."""

    ledger: Ledger
    launches: Launches
    supplies: Supplies
    requesters: Callable[[], tuple[Requester, ...]]
    clock: Callable[[], datetime]
    time_left: Callable[[], timedelta]


@dataclass(slots=True)
class Outcome:
    """What a run did, and which messages must come again."""

    failed: list[str] = field(default_factory=list)
    refused: int = 0
    repeated: int = 0
    accepted: int = 0
    waiting: int = 0
    launched: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What woke us: messages of requesters, pointers of our own (with the message that each came in)."""

    messages: Sequence[Message] = ()
    pointers: Sequence[tuple[str, Pointer]] = ()


def run(batch: Batch, ports: Ports, settings: Settings) -> Outcome:
    """Serve *batch*; the outcome names the messages that could not be committed."""
    outcome = Outcome()
    launching = Launching(ports.launches, ports.ledger, ports.clock, ports.time_left, settings)
    waiting: list[Waiting] = []
    for message_id, pointer in batch.pointers:
        try:
            waiting += _resumed(pointer, launching, ports, outcome)
        except (Conflict, Throttled, Ambiguous):
            outcome.failed.append(message_id)
    messages = batch.messages
    while messages or waiting:
        accepted, messages = _accept(messages, ports, outcome)
        _serve(waiting + accepted, ports, settings, launching, outcome)
        waiting = []
    return outcome


def _resumed(pointer: Pointer, launching: Launching, ports: Ports, outcome: Outcome) -> list[Waiting]:
    """Follow a pointer; return the requests that want a place because of it."""
    waiting: list[Waiting] = []
    if pointer.launch_id:
        waiting += [(request, request) for request in launching.resume(pointer.launch_id)]
    if pointer.pool:
        waiting += _overdue_answered(ports.ledger.waiting(pointer.pool), ports, outcome)
    return waiting


def _accept(
    messages: Sequence[Message], ports: Ports, outcome: Outcome
) -> tuple[list[Waiting], list[Message]]:
    """Answer what can be answered at once; return the requests that want a place, and twins for another pass.

    A twin names a request that came before in the same batch: it is decided when the first one is stored.
    """
    if not messages:
        return [], []
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
    return waiting, twins


def _save(changes: Sequence[RequestChange], message: Message, ledger: Ledger, outcome: Outcome) -> None:
    try:
        ledger.commit(Commit(requests=tuple(changes)))
    except Conflict:
        outcome.repeated += 1  # another delivery of the same message wrote it first
    except RailyardError:
        outcome.failed.append(message.message_id)
    else:
        outcome.refused += 1


def _overdue_answered(requests: Sequence[Request], ports: Ports, outcome: Outcome) -> list[Waiting]:
    """Answer those past their deadline; return those that still want a place."""
    now = ports.clock()
    waiting: list[Waiting] = []
    for request in requests:
        if request.deadline and request.deadline <= now:
            _try(Commit(requests=((request, _last_word(request, now)),)), ports.ledger)
            outcome.refused += 1
        elif any(not share.launch_id for share in request.shares):
            waiting.append((request, request))
    return waiting


def _last_word(request: Request, now: datetime) -> Request:
    """At the deadline: what runs is enough, or it is not."""
    ready = sum(1 for share in request.shares if share.allocation)
    return request.fulfilled(now) if ready >= request.minimum_count else request.timed_out(now)


def _serve(
    waiting: list[Waiting], ports: Ports, settings: Settings, launching: Launching, outcome: Outcome
) -> None:
    """Place *waiting*, round by round: offerings that EC2 refuses are left out of the next round."""
    tried: dict[str, frozenset[str]] = {}
    for attempt in range(MAX_ROUNDS):
        if not waiting:
            return
        facts = _facts(waiting, ports, settings)
        if attempt == 0:
            waiting = _reused(waiting, facts, ports)
        if ports.time_left() < settings.call_margin:
            break
        placement = place(waiting, facts, tried)
        outcome.waiting += sum(1 for _, request in placement.settled if request.unanswered)
        drafts = _reserved(placement, facts, ports)
        _settle(placement, ports)
        waiting = []
        for draft in drafts:
            outcome.launched += 1
            again, refused = launching.start(draft.launch, {r.request_id: r for _, r in draft.requests})
            for request in again:
                tried[request.request_id] = tried.get(request.request_id, frozenset()) | refused
                waiting.append((request, request))
    _keep(waiting, ports)


def _facts(waiting: Sequence[Waiting], ports: Ports, settings: Settings) -> Facts:
    known = ports.ledger.look((), (r.pool for _, r in waiting), (r.requester for _, r in waiting))
    return Facts(
        stack=settings.stack,
        now=ports.clock(),
        lock=settings.lock,
        pools=known.pools,
        counters=known.counters,
        catalogue=ports.supplies.catalogue(),
        images=ports.supplies.images(known.pools.values()),
        templates={name: ports.supplies.template(pool) for name, pool in known.pools.items()},
    )


def _reused(waiting: list[Waiting], facts: Facts, ports: Ports) -> list[Waiting]:
    """Put what fits on machines that run; return the rest. A lost race is no harm: that request is launched for."""
    least: dict[tuple[str, str], int] = {}
    for _, request in waiting:
        for architecture in facts.pools[request.pool].architectures if request.pool in facts.pools else ():
            if request.need.architecture in (architecture, "any"):
                key = request.pool, architecture
                least[key] = min(least.get(key, request.need.vcpus), request.need.vcpus)
    machines = [
        m for (pool, arch), vcpus in sorted(least.items()) for m in ports.ledger.roomy(pool, arch, vcpus)
    ]
    done: dict[str, Request] = {}
    for commit in reuse(waiting, machines, facts):
        if _try(commit, ports.ledger):
            done[commit.requests[0][1].request_id] = commit.requests[0][1]
    left = [(done.get(r.request_id, b), done.get(r.request_id, r)) for b, r in waiting]
    return [(before, request) for before, request in left if request.unanswered]


def _reserved(placement: Placement, facts: Facts, ports: Ports) -> list[Draft]:
    """Commit the drafts that the limits allow; the requests of the others wait with what stood in their way."""
    limits = {
        (pool.name, request.requester): pool.limits.requester_instances
        for draft in placement.drafts
        for _, request in draft.requests
        for pool in (facts.pools[request.pool],)
    }
    held = []
    for draft in placement.drafts:
        change = Commit(requests=draft.requests, launches=((None, draft.launch),))
        try:
            ports.ledger.commit(change, limits)
        except LimitExceeded as full:
            obstacle = Reason(code=Code(full.code), message=str(full))
            _each(((b, _unreserved(r, draft, obstacle)) for b, r in draft.requests), ports)
        except Conflict:
            continue  # somebody else serves one of these; the rest is found by the next tick
        else:
            held.append(draft)
    return held


def _unreserved(request: Request, draft: Draft, obstacle: Reason) -> Request:
    indexes = frozenset(s.index for s in request.shares if s.launch_id == draft.launch.launch_id)
    return request.unplaced(indexes, obstacle)


def _settle(placement: Placement, ports: Ports) -> None:
    _each(placement.settled, ports)


def _keep(waiting: Sequence[Waiting], ports: Ports) -> None:
    """Store new requests that no round has stored yet: from here on they wait in the table."""
    _each(((before, request) for before, request in waiting if before is None), ports)


def _each(changes: Iterable[RequestChange], ports: Ports) -> None:
    for change in changes:
        _try(Commit(requests=(change,)), ports.ledger)


def _try(commit: Commit, ledger: Ledger) -> bool:
    """Commit, or leave it to whoever was first."""
    try:
        ledger.commit(commit)
    except (Conflict, LimitExceeded):
        return False
    return True
