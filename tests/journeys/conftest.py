"""The embedded AWS for whole stories: handlers in processes of their own, a clock that is turned."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from local.faults import Fault
from local.world import Options, World


class Yard:
    """A running world, seen by a requester."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.sqs = world.client("sqs")
        self.replies = self.sqs.get_queue_url(QueueName="railyard-replies-local")["QueueUrl"]
        self.heard: list[dict[str, Any]] = []

    def ask(self, request_id: str = "", **changes: Any) -> str:
        """Send an allocate for 2 vCPUs on demand; return its request id."""
        request_id = request_id or f"j-{uuid.uuid4().hex[:8]}"
        body = {
            "version": 1,
            "action": "allocate",
            "request_id": request_id,
            "pool": "default",
            "requirements": {"vcpus": 2, "memory_mib": 4096},
            "market": "on-demand",
            "sharing": "exclusive",
            "reply_to": "local",
        }
        self.send("RequestQueueUrl", body | changes)
        return request_id

    def lease(self, action: str, request_id: str, **more: Any) -> None:
        """Send renew, release or cancel."""
        self.send(
            "LeaseQueueUrl", {"version": 1, "action": action, "request_id": request_id, "epoch": 1} | more
        )

    def send(self, queue: str, body: object) -> None:
        """Send a message to a queue of the stack, by the name of its output."""
        text = body if isinstance(body, str) else json.dumps(body)
        self.sqs.send_message(QueueUrl=self.world.outputs[queue], MessageBody=text)

    def pass_time(self, seconds: float) -> list[dict[str, Any]]:
        """Turn the clock; return the answers that came meanwhile."""
        self.world.advance(seconds)
        came: list[dict[str, Any]] = []
        while found := self.sqs.receive_message(QueueUrl=self.replies, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            for message in found:
                came.append(json.loads(message["Body"]))
                self.sqs.delete_message(QueueUrl=self.replies, ReceiptHandle=message["ReceiptHandle"])
        self.heard += came
        return came

    def answers(self, request_id: str) -> list[dict[str, Any]]:
        """Every answer about *request_id* so far, oldest first."""
        return [answer for answer in self.heard if answer["request_id"] == request_id]

    def events(self, request_id: str) -> list[str]:
        """The events of *request_id* so far."""
        return [answer["event"] for answer in self.answers(request_id)]

    def alive(self) -> set[str]:
        """Machines that EC2 has alive."""
        return {each.instance_id for each in self.world.ec2.instances() if each.alive}

    def fault(self, error: str, operation: str = "CreateFleet", service: str = "ec2", times: int = 1) -> None:
        """Plan a fault for calls of handlers."""
        self.world.faults.add(Fault(service=service, operation=operation, error=error, times=times))

    def api(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Call the API as its front would."""
        event = {
            "httpMethod": method,
            "path": path,
            "body": json.dumps(body) if body is not None else None,
            "requestContext": {"identity": {"caller": "AIDALOCALTEST"}},
        }
        answer = self.world.invoke("serve_api", event)
        return answer["statusCode"], json.loads(answer["body"])

    def calm(self) -> None:
        """Give everything back and wait until nothing runs."""
        for answer in list(self.heard):
            if answer["event"] == "fulfilled" and self.events(answer["request_id"])[-1] in (
                "fulfilled",
                "renewed",
            ):
                self.lease("release", answer["request_id"])
        for _ in range(6):
            self.pass_time(300)
            if not self.alive():
                return


@pytest.fixture(scope="module")
def _world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with World(Options(clock="virtual", state=tmp_path_factory.mktemp("world"))) as world:
        world.drain()
        yield world


@pytest.fixture
def yard(_world: World) -> Iterator[Yard]:
    """The module's world, with nothing running before and after."""
    made = Yard(_world)
    made.pass_time(0)
    made.heard.clear()
    yield made
    _world.faults.clear()
    made.calm()
    assert made.alive() == set(), "a journey left machines behind"
