"""From requests that wait to machines: use what runs, reserve and launch the rest, round by round.

Order is safety here: a launch is written, with its call already counted as open, before CreateFleet is asked; what EC2
gave is bound to the record before anybody is told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from allocate_instances.launching import Launching
from allocate_instances.plan.placing import Draft, Facts, Placement, Waiting, place
from allocate_instances.plan.reusing import least_vcpus, reuse
from allocate_instances.ports import Ports
from allocate_instances.settings import Settings
from railyard.errors import Conflict, LimitExceeded
from railyard.model.ledger import MAX_ITEMS, Commit, Known, together
from railyard.model.reasons import Code, Reason
from railyard.model.requests import Request

MAX_ROUNDS = 4
"""Launches that one request may try in one invocation; then it waits for the next tick."""

Refusal = Conflict | LimitExceeded


class Serving:
    """Serves waiting requests within one invocation; counts what waits and what was launched."""

    def __init__(self, ports: Ports, settings: Settings, launching: Launching) -> None:
        self._ports = ports
        self._settings = settings
        self._launching = launching
        self.waiting = 0
        self.launched = 0
        self.stored: dict[str, Request] = {}
        """What our commits wrote last, by request: a new request that is not here is somebody else's."""

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
            drafts, again = self._reserved(placement, facts)
            waiting = again + self._launched(drafts, tried)
        self._committed([Commit(requests=(change,)) for change in waiting if change[0] is None])

    def try_commit(self, change: Commit) -> bool:
        """Commit, or leave it to whoever was first."""
        return self._refusal(change) is None

    def _refusal(self, change: Commit, limits: Mapping[tuple[str, str], int] | None = None) -> Refusal | None:
        """Commit, or return why not."""
        try:
            self._ports.ledger.commit(change, limits)
        except (Conflict, LimitExceeded) as why:
            return why
        self.stored |= {request.request_id: request for _, request in change.requests}
        return None

    def _committed(
        self, changes: Sequence[Commit], limits: Mapping[tuple[str, str], int] | None = None
    ) -> list[Refusal | None]:
        """Commit *changes* in one transaction, or else one by one; return why not, of each.

        What builds on a change that failed fails with it: the sequence that ours would have left may be another's now.
        """
        whole = together(changes)
        if len(changes) > 1 and whole.size <= MAX_ITEMS and self._refusal(whole, limits) is None:
            return [None] * len(changes)
        failed: set[str] = set()
        refusals: list[Refusal | None] = []
        for change in changes:
            records = _changed(change)
            alone = failed.isdisjoint(records)
            why = self._refusal(change, limits) if alone else Conflict("it builds on a change that failed")
            if why:
                failed |= records
            refusals.append(why)
        return refusals

    def _facts(self, waiting: Sequence[Waiting], known: Known | None) -> Facts:
        ports = self._ports
        if known is None:
            known = ports.ledger.look((), (request.pool for _, request in waiting))
        now = ports.clock()
        return Facts(
            stack=self._settings.stack,
            now=now,
            lock=self._settings.lock,
            pools=known.pools,
            counters=known.counters,
            catalogue=ports.supplies.catalogue(now),
            images=ports.supplies.images(known.pools.values(), known.deployments, now),
            templates={name: ports.fleets.template(pool) for name, pool in known.pools.items()},
            deployments=known.deployments,
            switches=known.switches,
        )

    def _reused(self, waiting: list[Waiting], facts: Facts) -> list[Waiting]:
        """Put what fits on machines that run; return the rest. A lost race is no harm: that one is launched for."""
        machines = [
            machine
            for (pool, architecture), vcpus in sorted(least_vcpus(waiting, facts).items())
            for machine in self._ports.ledger.roomy(pool, architecture, vcpus)
        ]
        self._committed(reuse(waiting, machines, facts))
        left = [
            (self.stored.get(r.request_id, before), self.stored.get(r.request_id, r)) for before, r in waiting
        ]
        return [(before, request) for before, request in left if request.unanswered]

    def _reserved(self, placement: Placement, facts: Facts) -> tuple[list[Draft], list[Waiting]]:
        """Commit the drafts that the limits allow, and what is settled; return those drafts, and what tries again."""
        limits = {
            (request.pool, request.requester): facts.pools[request.pool].limits.requester_instances
            for draft in placement.drafts
            for _, request in draft.requests
        }
        drafts = [
            Commit(requests=draft.requests, launches=((None, draft.launch),)) for draft in placement.drafts
        ]
        settled = [Commit(requests=(change,)) for change in placement.settled]
        refusals = self._committed([*drafts, *settled], limits)
        self.waiting += sum(
            request.unanswered
            for _, request in placement.settled
            if self.stored.get(request.request_id) is request
        )
        held = [draft for draft, why in zip(placement.drafts, refusals, strict=False) if not why]
        failed = [(draft, why) for draft, why in zip(drafts, refusals, strict=False) if why]
        return held, self._unreserved(failed)

    def _unreserved(self, failed: Sequence[tuple[Commit, Refusal]]) -> list[Waiting]:
        """Store the requests of drafts that failed without them; return those that only lost a race and try again.

        What stands in the way of one request of a draft fails it whole: the others are stored by themselves then.
        """
        # Backwards: of a request's drafts the first one says why, those after it failed because it did.
        obstacles = {
            request.request_id: Reason(Code(why.code), str(why)) if isinstance(why, LimitExceeded) else None
            for draft, why in reversed(failed)
            for _, request in draft.requests
        }
        return [
            (after, after)
            for before, request in together(draft for draft, _ in failed).requests
            for after in (_unplaced(before, request, obstacles[request.request_id]),)
            if self.try_commit(Commit(requests=((before, after),))) and after.obstacle is None
        ]

    def _launched(self, drafts: Sequence[Draft], tried: dict[str, frozenset[str]]) -> list[Waiting]:
        """Make the calls of *drafts*; return the requests that want another launch, and note what was refused them."""
        waiting: list[Waiting] = []
        for draft in drafts:
            if self._ports.time_left() < self._settings.call_margin:
                self._launching.postpone(draft.launch)
                continue
            self.launched += 1
            unserved = self._launching.start(draft.launch, self.stored)
            for request in unserved.requests:
                tried[request.request_id] = tried.get(request.request_id, frozenset()) | unserved.refused
                waiting.append((request, request))
        return waiting


def _changed(change: Commit) -> set[str]:
    """Return what later changes may build on; a launch is new, and changed once."""
    return {after.request_id for _, after in change.requests} | {
        after.instance_id for _, after in change.instances
    }


def _unplaced(before: Request | None, request: Request, obstacle: Reason | None) -> Request:
    """Return *request* without the launches that it was given since *before*."""
    kept = {share.launch_id for share in before.shares} if before else set()
    given = frozenset(share.index for share in request.shares if share.launch_id not in kept)
    return request.unplaced(given, obstacle)
