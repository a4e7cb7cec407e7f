"""EC2 and Pricing of this account behind the endpoint, and EC2's events on the default bus.

Every thread goes through one lock: the endpoint's, the ticker's, a test's. Events leave inside that lock,
so they arrive in the order in which EC2 changed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from moto.events.models import events_backends
from moto.ssm.exceptions import ParameterVersionNotFound
from moto.ssm.models import ssm_backends

from local.ec2 import HARSH, Ec2, Instance, Timing, pricing, wire
from local.ec2.state import State
from local.endpoint import Service
from local.identity import ACCOUNT
from local.listener import Request, Response


class SharedEc2(Ec2):
    """The model for many threads."""

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

    def call(self, region: str, operation: str, parameters: Mapping[str, Any]) -> Any:
        """Answer one request."""
        with self.lock:
            return super().call(region, operation, parameters)

    def advance(self) -> datetime | None:
        """Apply what is due."""
        with self.lock:
            return super().advance()

    def set_capacity(self, instance_type: str, zone: str, market: str, available: int | None) -> None:
        """Say how many more instances fit."""
        with self.lock:
            super().set_capacity(instance_type, zone, market, available)

    def create_security_group(
        self, region: str, name: str, description: str, vpc_id: str, tags: Mapping[str, str] | None = None
    ) -> str:
        """Create a security group that every call knows at once."""
        with self.lock:
            return super().create_security_group(region, name, description, vpc_id, tags)

    def interrupt(self, instance_id: str, notice: timedelta = timedelta(minutes=2)) -> None:
        """Warn a spot instance and terminate it after the notice."""
        with self.lock:
            super().interrupt(instance_id, notice)

    def die(self, instance_id: str) -> None:
        """Let an instance end by itself."""
        with self.lock:
            super().die(instance_id)

    def present(self) -> State:
        """Return what there is now."""
        with self.lock:
            return super().present()

    @contextmanager
    def as_of(self, before: State) -> Iterator[None]:
        """Let reads see what there was; nobody else asks meanwhile."""
        with self.lock, super().as_of(before):
            yield

    def instances(self) -> tuple[Instance, ...]:
        """Return the truth about all instances."""
        with self.lock:
            return super().instances()


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
