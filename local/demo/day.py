"""The requester's and the operator's view of a world: what was asked, what was answered, what runs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from local.aws import reply_queue_name
from local.demo.telling import Teller
from local.world import World


class Day:
    """The requester's view of a world: what it asked, what it was answered."""

    def __init__(self, world: World, teller: Teller) -> None:
        self.world, self.teller = world, teller
        self.answers: list[dict[str, Any]] = []
        self.ended: dict[str, datetime] = {}
        world.ec2.listeners.append(self._watch)
        self._sqs = world.client("sqs")
        self._replies = self._sqs.get_queue_url(QueueName=reply_queue_name("railyard"))["QueueUrl"]

    def ask(self, request_id: str, vcpus: int, memory_mib: int, **more: Any) -> None:
        """Send an allocate; *more* are fields of the message, except requirements, which go by ``need``."""
        need = {"vcpus": vcpus, "memory_mib": memory_mib} | more.pop("need", {})
        body = {
            "version": 1,
            "action": "allocate",
            "request_id": request_id,
            "pool": "default",
            "reply_to": "local",
        }
        self.send("RequestQueueUrl", body | {"requirements": need} | more)

    def lease(self, action: str, request_id: str, **more: Any) -> None:
        """Send renew, release or cancel."""
        self.send(
            "LeaseQueueUrl", {"version": 1, "action": action, "request_id": request_id, "epoch": 1} | more
        )

    def send(self, queue: str, body: dict[str, Any] | str) -> None:
        """Send a message to one of the stack's queues, by the name of its output."""
        text = body if isinstance(body, str) else json.dumps(body)
        self._sqs.send_message(QueueUrl=self.world.outputs[queue], MessageBody=text)

    def pass_time(self, seconds: float) -> list[dict[str, Any]]:
        """Let time pass; return the answers that came, and tell them."""
        self.world.advance(seconds)
        came: list[dict[str, Any]] = []
        while True:
            found = self._sqs.receive_message(QueueUrl=self._replies, MaxNumberOfMessages=10).get(
                "Messages", []
            )
            if not found:
                break
            for message in found:
                came.append(json.loads(message["Body"]))
                self._sqs.delete_message(QueueUrl=self._replies, ReceiptHandle=message["ReceiptHandle"])
        for answer in came:
            self.teller.say(_told(answer))
        self.answers += came
        return came

    def events(self, event: str) -> dict[str, dict[str, Any]]:
        """Return the answers of one kind, by request id."""
        return {answer["request_id"]: answer for answer in self.answers if answer["event"] == event}

    def _watch(self, event: dict[str, Any]) -> None:
        """Note when a machine begins to end."""
        if event["detail"].get("state") == "shutting-down":
            self.ended[event["detail"]["instance-id"]] = self.world.clock.now()

    def machines(self) -> list[Any]:
        """Return the machines that EC2 has alive."""
        return [each for each in self.world.ec2.instances() if each.state in ("pending", "running")]

    def api(self, method: str, path: str, body: object = None) -> Any:
        """Call the API as its front would; return the body."""
        event = {
            "httpMethod": method,
            "path": path,
            "body": json.dumps(body) if body is not None else None,
            "requestContext": {"identity": {"caller": "AIDALOCALTEST"}},
        }
        return json.loads(self.world.invoke("serve_api", event)["body"])

    def parameter(self, architecture: str, kind: str) -> str:
        """Return what a parameter of the stable channel holds at home."""
        name = f"{self.world.outputs['ParameterPrefix']}/flatcar/stable/{architecture}/{kind}"
        return str(self.world.client("ssm").get_parameter(Name=name)["Parameter"]["Value"])


def _told(answer: dict[str, Any]) -> str:
    name, event = answer["request_id"] or "(no id)", answer["event"]
    if event == "fulfilled":
        shares = answer["allocations"]
        machines = ", ".join(
            _unique(f"{s['instance_type']} {s['market']} {s['availability_zone']}" for s in shares)
        )
        return f"[green]{event:10}[/green] {name}: {machines}"
    if "reason" in answer:
        path = f" at {answer['reason']['path']}" if answer["reason"]["path"] else ""
        return f"[yellow]{event:10}[/yellow] {name}: {answer['reason']['code']}{path}"
    return f"[cyan]{event:10}[/cyan] {name}" + (f": {answer['message']}" if "message" in answer else "")


def _unique(texts: Iterable[str]) -> list[str]:
    return [f"{count} x {text}" if count > 1 else text for text, count in Counter(texts).items()]
