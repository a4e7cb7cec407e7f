"""EC2 and Pricing of this account behind the endpoint, and EC2's events on the default bus.

Every thread goes through one lock: the endpoint's, the ticker's, a test's. Events leave inside that lock,
so they arrive in the order in which EC2 changed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import wraps
from inspect import getmembers, isfunction
from typing import Any

from moto.events.models import events_backends
from moto.ssm.exceptions import ParameterVersionNotFound
from moto.ssm.models import ssm_backends

from local.ec2 import HARSH, Ec2, Timing, pricing, wire
from local.ec2.state import State
from local.endpoint import Service
from local.identity import ACCOUNT
from local.listener import Request, Response


class SharedEc2(Ec2):
    """The model for many threads: each of its methods is under the lock (below)."""

    def __init__(self, clock: Callable[[], datetime], *, seed: int = 0, timing: Timing = HARSH) -> None:
        self.lock = wire.LOCK
        self.listeners: list[Callable[[dict[str, Any]], None]] = [publish]
        super().__init__(
            clock,
            seed=seed,
            account=ACCOUNT,
            on_event=self._tell,
            timing=timing,
            parameters=image_parameter,
        )

    def _tell(self, event: dict[str, Any]) -> None:
        for listener in self.listeners:
            listener(event)

    @contextmanager
    def as_of(self, before: State) -> Iterator[None]:
        """Let reads see what there was; nobody else asks meanwhile."""
        with self.lock, super().as_of(before):
            yield


def _under_lock(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def locked(self: SharedEc2, *given: Any, **named: Any) -> Any:
        with self.lock:
            return method(self, *given, **named)

    return locked


for _name, _method in getmembers(Ec2, isfunction):
    if not _name.startswith("_") and _name not in vars(SharedEc2):
        setattr(SharedEc2, _name, _under_lock(_method))


def image_parameter(region: str, name: str) -> str | None:
    """Return the SSM parameter that a launch names as its image, if it exists and is one of an image."""
    try:
        found = ssm_backends[ACCOUNT][region].get_parameter(name)
    except ParameterVersionNotFound:
        return None
    return found.value if found and found.data_type == "aws:ec2:image" else None


def publish(event: dict[str, Any]) -> None:
    """Put an event of EC2 on its region's default bus; moto's rules bring it to the queues."""
    at = datetime.fromisoformat(event["time"])
    entry = {
        "Source": event["source"],
        "DetailType": event["detail-type"],
        "Detail": json.dumps(event["detail"]),
        "Resources": event["resources"],
        "Time": at.timestamp(),
    }
    events_backends[ACCOUNT][event["region"]].put_events([entry])


def ec2_service(model: Ec2) -> Service:
    """Return EC2 behind its wire format."""

    def answer(request: Request, region: str) -> Response:
        status, headers, body = wire.respond(
            model,
            method=request.method,
            url=request.target,
            headers=dict(request.headers.items()),
            body=request.body,
            region=region,
        )
        return Response(status, body, headers)

    return answer


def pricing_service(request: Request, _region: str) -> Response:
    """Answer the Price List API from the project's price table."""
    status, headers, body = pricing.respond(headers=dict(request.headers.items()), body=request.body)
    return Response(status, body, headers)
