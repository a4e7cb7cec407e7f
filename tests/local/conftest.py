"""A world for each file of tests: our own small stack, on a virtual clock."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from local.world import Options, World
from tests.local.stand import a_stack


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    options = Options(state=folder / "state", clock="virtual")
    with World(options, assembly=a_stack(folder)) as world:
        yield world


@pytest.fixture
def world(running: World) -> Iterator[World]:
    """The running world, quiet before and without faults after."""
    running.drain()
    yield running
    running.faults.clear()


@pytest.fixture
def send(world: World) -> Callable[..., None]:
    """Send bodies to the mapped queue."""
    url = world.client("sqs").get_queue_url(QueueName="railyard-in")["QueueUrl"]

    def to_in(*bodies: str, **more: Any) -> None:
        for body in bodies:
            world.client("sqs").send_message(QueueUrl=url, MessageBody=body, **more)

    return to_in


@pytest.fixture
def out(world: World) -> Callable[[str], list[dict[str, Any]]]:
    """Take every message that a queue shows."""
    sqs = world.client("sqs")

    def take(name: str = "railyard-out") -> list[dict[str, Any]]:
        url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
        taken: list[dict[str, Any]] = []
        while got := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in got:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                taken.append(_document(message["Body"]))
        return taken

    take("railyard-out")
    take("railyard-in-dead")
    return take


def _document(body: str) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except ValueError:
        return {"body": body}
    return document if isinstance(document, dict) else {"body": body}
