"""From requests that wait to machines: use what runs, reserve and launch the rest, round by round.

Order is safety here: a launch is written, with its call already counted as open, before CreateFleet is asked; what EC2
gave is bound to the record before anybody is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from allocate_instances.launching import Launches, Launching, Records
from allocate_instances.plan.placing import Draft, Facts, Placement, Waiting, place
from allocate_instances.plan.reusing import reuse
from allocate_instances.settings import Settings
from railyard.errors import Conflict, LimitExceeded
from railyard.model.catalogue import Catalogue
from railyard.model.instances import Instance
from railyard.model.ledger import MAX_ITEMS, Commit, RequestChange, together
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


class Serving:
    """Serves waiting requests within one invocation; counts what waits and what was launched."""

    def __init__(self, ports: Ports, settings: Settings, launching: Launching) -> None:
        self._ports = ports
        self._settings = settings
        self._launching = launching
        self.waiting = 0
        self.launched = 0

    def serve(self, waiting: list[Waiting], known: Known | None) -> None:
        """Place *waiting*: offerings that EC2 refuses in one round are left out of the next.

        *known* is what was just read about their pools, if anything.
        """
        tried: dict[str, frozenset[str]] = {}
        for attempt in range(MAX_ROUNDS):
            if not waiting:
                return
            facts = self._facts(waiting, known)
            known = None  # counters have moved: later rounds read again
            if attempt == 0:
                waiting = self._reused(waiting, facts)
            if self._ports.time_left() < self._settings.call_margin:
                break
            placement = place(waiting, facts, tried)
            self.waiting += sum(1 for _, request in placement.settled if request.unanswered)
            self._each(placement.settled)
            drafts, again = self._reserved(placement, facts)
            waiting = again + self._launched(drafts, tried)
        self._each((before, request) for before, request in waiting if before is None)

    def try_commit(self, change: Commit) -> bool:
        """Commit, or leave it to whoever was first."""
        try:
            self._ports.ledger.commit(change)
        except (Conflict, LimitExceeded):
            return False
        return True

    def _try_together(
        self, changes: Sequence[Commit], limits: Mapping[tuple[str, str], int] | None = None
    ) -> bool:
        """Commit *changes* in one transaction, if that is more than one and not too much; else they go one by one."""
        whole = together(changes)
        if len(changes) < 2 or whole.size > MAX_ITEMS:
            return False
        try:
            self._ports.ledger.commit(whole, limits)
        except (Conflict, LimitExceeded):
            return False
        return True

    def _facts(self, waiting: Sequence[Waiting], known: Known | None) -> Facts:
        ports = self._ports
        if known is None:
            known = ports.ledger.look((), (r.pool for _, r in waiting), (r.requester for _, r in waiting))
        return Facts(
            stack=self._settings.stack,
            now=ports.clock(),
            lock=self._settings.lock,
            pools=known.pools,
            counters=known.counters,
            catalogue=ports.supplies.catalogue(),
            images=ports.supplies.images(known.pools.values()),
            templates={name: ports.supplies.template(pool) for name, pool in known.pools.items()},
        )

    def _reused(self, waiting: list[Waiting], facts: Facts) -> list[Waiting]:
        """Put what fits on machines that run; return the rest. A lost race is no harm: that one is launched for."""
        machines = [
            machine
            for (pool, architecture), vcpus in sorted(least_vcpus(waiting, facts).items())
            for machine in self._ports.ledger.roomy(pool, architecture, vcpus)
        ]
        commits = reuse(waiting, machines, facts)
        if not self._try_together(commits):
            commits = tuple(commit for commit in commits if self.try_commit(commit))
        done = {after.request_id: after for commit in commits for _, after in commit.requests}
        left = [(done.get(r.request_id, before), done.get(r.request_id, r)) for before, r in waiting]
        return [(before, request) for before, request in left if request.unanswered]

    def _reserved(self, placement: Placement, facts: Facts) -> tuple[list[Draft], list[Waiting]]:
        """Commit the drafts that the limits allow; return them, and the requests that lost a race and try again.

        What stands in the way of one request of a draft fails it whole: the others are stored by themselves then.
        """
        limits = {
            (request.pool, request.requester): facts.pools[request.pool].limits.requester_instances
            for draft in placement.drafts
            for _, request in draft.requests
        }
        changes = [
            Commit(requests=draft.requests, launches=((None, draft.launch),)) for draft in placement.drafts
        ]
        if self._try_together(changes, limits):
            return list(placement.drafts), []
        held: list[Draft] = []
        obstacles: dict[str, Reason | None] = {}
        for draft, change in zip(placement.drafts, changes, strict=True):
            try:
                self._ports.ledger.commit(change, limits)
            except LimitExceeded as full:
                reason = Reason(code=Code(full.code), message=str(full))
                obstacles |= dict.fromkeys((request.request_id for _, request in draft.requests), reason)
            except Conflict:
                for _, request in draft.requests:
                    obstacles.setdefault(request.request_id, None)
            else:
                held.append(draft)
        stored = {request.request_id for draft in held for _, request in draft.requests}
        lost = together(changes).requests
        return held, [
            (after, after)
            for before, request in lost
            if request.request_id in obstacles and request.request_id not in stored
            for after in (_unreserved(before, request, obstacles[request.request_id]),)
            if self.try_commit(Commit(requests=((before, after),))) and after.obstacle is None
        ]

    def _launched(self, drafts: Sequence[Draft], tried: dict[str, frozenset[str]]) -> list[Waiting]:
        """Make the calls of *drafts*; return the requests that want another launch, and note what was refused them."""
        waiting: list[Waiting] = []
        stored = {request.request_id: request for draft in drafts for _, request in draft.requests}
        for draft in drafts:
            if self._ports.time_left() < self._settings.call_margin:
                self._launching.postpone(draft.launch)
                continue
            self.launched += 1
            again, refused = self._launching.start(draft.launch, stored)
            for request in again:
                tried[request.request_id] = tried.get(request.request_id, frozenset()) | refused
                waiting.append((request, request))
        return waiting

    def _each(self, changes: Iterable[RequestChange]) -> None:
        for change in changes:
            self.try_commit(Commit(requests=(change,)))


def least_vcpus(waiting: Sequence[Waiting], facts: Facts) -> dict[tuple[str, str], int]:
    """Return the fewest vCPUs that would help, by (pool, architecture) in which any machine may run at all."""
    least: dict[tuple[str, str], int] = {}
    for _, request in waiting:
        pool, left = facts.pools.get(request.pool), facts.counters.get(request.pool)
        if pool is None or left is None or left.slots_free == pool.limits.instances:
            continue  # nothing runs there
        for architecture in pool.architectures:
            if request.need.architecture in (architecture, "any"):
                key = request.pool, architecture
                least[key] = min(least.get(key, request.need.vcpus), request.need.vcpus)
    return least


def _unreserved(before: Request | None, request: Request, obstacle: Reason | None) -> Request:
    """Return *request* without the launches that it was given since *before*."""
    kept = {share.launch_id for share in before.shares} if before else set()
    given = frozenset(share.index for share in request.shares if share.launch_id not in kept)
    return request.unplaced(given, obstacle)
