"""Requests for machines in the canary pool: sent like anybody's, and looked up where everybody's are."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Protocol

from railyard.aws.queues import Pointers
from railyard.aws.tables.ledger import Ledger
from railyard.model.releases import Candidate, Line
from railyard.model.requests import Request, RequestState
from refresh_amis.plan.trying import Trial
from refresh_amis.settings import CANARY_SLACK

DELAY = timedelta(seconds=90)
"""allocate_instances remembers images for a minute; a machine of the old one would prove nothing."""


class Machines(Protocol):
    """EC2's status checks."""

    def health(self, instance_id: str) -> tuple[bool | None, str]:
        """Return whether a machine is healthy, None while nobody knows, and EC2's words."""
        ...


class CanaryPool:
    """The pool in which releases are tried; without a name there is none, and leases end by themselves."""

    def __init__(
        self,
        ledger: Ledger,
        machines: Machines,
        requests: Pointers,
        leases: Pointers,
        *,
        pool: str,
        bake: timedelta,
    ) -> None:
        self._ledger, self._machines = ledger, machines
        self._requests, self._leases = requests, leases
        self._pool, self._bake = pool, bake

    def look(self, request_ids: Iterable[str]) -> dict[str, Trial]:
        """Return what became of those requests that have arrived."""
        ids = [key for key in request_ids if self._pool]
        found = self._ledger.requests(ids) if ids else {}
        return {key: self._trial(request) for key, request in found.items()}

    def ask(self, line: Line, candidate: Candidate) -> None:
        """Ask for a machine of *candidate*, as small as there is; the same request again changes nothing."""
        body = {
            "version": 1,
            "action": "allocate",
            "request_id": candidate.request_id(line.line),
            "pool": self._pool,
            "requirements": {"vcpus": 1, "memory_mib": 512, "architecture": line.architecture},
            "sharing": "exclusive",
            "lease_seconds": int((self._bake + CANARY_SLACK).total_seconds()),
            "labels": {"canary": line.line, "release": candidate.release.release},
        }
        self._requests.send([body], delay_seconds=int(DELAY.total_seconds()))

    def cancel(self, request_ids: Iterable[str]) -> None:
        """Give the machines of those requests back, or take the requests back."""
        words = ({"version": 1, "action": "cancel", "request_id": key} for key in request_ids)
        if self._pool:
            self._leases.send(words)

    def _trial(self, request: Request) -> Trial:
        if request.state is not RequestState.FULFILLED:
            said: dict[str, Any] = json.loads(request.answer) if request.answer else {}
            reason = said.get("reason") or {}
            code = request.obstacle.code if request.obstacle else reason.get("code", "")
            last = [json.loads(body).get("message", "") for body in request.outbox]
            return Trial(state=request.state, code=code, detail=reason.get("message") or "".join(last[-1:]))
        (allocation,) = (share.allocation for share in request.shares if share.allocation)
        machine = self._ledger.instances([allocation.instance_id]).get(allocation.instance_id)
        healthy, said_so = self._machines.health(allocation.instance_id)
        return Trial(
            state=request.state,
            detail=said_so,
            image=allocation.image_id,
            since=machine.ready_at if machine else None,
            healthy=healthy,
        )
