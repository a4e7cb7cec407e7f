"""Committed writes come through the stream, and go to the bus and the reply queue as they were frozen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from publish_events import handler as door
from publish_events.settings import Settings
from railyard.aws import clients
from railyard.aws.bus import Bus
from railyard.aws.queues import Replies
from railyard.aws.tables.items import encode
from railyard.aws.tables.requesters import Requesters
from railyard.errors import RailyardError
from railyard.model.requests import Request
from tests.bench import CI
from tests.builders import a_request, fulfilled
from tests.functions.doors import CONTEXT, assert_each_variable_is_needed, wire
from tests.railyard.aws.stubs import Recorder, a_table


class World:
    """A bus that notes its entries, and moto's reply queue of ``ci``."""

    def __init__(self) -> None:
        self.failed = 0
        self.events = Recorder(lambda _, __: {"FailedEntryCount": self.failed})
        self.sqs = boto3.client("sqs", region_name="us-east-1")
        self.queue = self.sqs.create_queue(QueueName="ci")["QueueUrl"]
        self.dynamodb = a_table("requesters", "name")
        self.dynamodb.put_item(TableName="requesters", Item=encode(CI))

    def replies(self) -> list[str]:
        found = self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10)
        return [message["Body"] for message in found.get("Messages", [])]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The door in its world."""
    with mock_aws():
        clients.client.cache_clear()
        made = World()
        replies = Replies(lambda region: clients.client("sqs", region))
        requesters = Requesters(made.dynamodb, "requesters")
        wire(door, monkeypatch, Bus(made.events, "railyard"), replies, requesters)
        yield made
        clients.client.cache_clear()


def written(*requests: Request) -> dict[str, Any]:
    return {"Records": [{"dynamodb": {"NewImage": encode(request)}} for request in requests]}


def test_each_variable_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert_each_variable_is_needed(door, Settings, monkeypatch)


def test_an_answer_goes_to_the_bus_and_to_its_requester_byte_for_byte(world: World) -> None:
    request = fulfilled()
    assert door.handler(written(request), CONTEXT) == {"batchItemFailures": []}
    ((_, put),) = world.events.calls
    (entry,) = put["Entries"]
    assert (entry["Source"], entry["DetailType"]) == ("railyard", "Allocation Fulfilled")
    assert entry["Detail"] == request.answer
    assert world.replies() == [request.answer]


def test_a_write_that_says_nothing_and_a_deletion_are_silent(world: World) -> None:
    event = written(a_request())
    event["Records"].append({"dynamodb": {"OldImage": encode(fulfilled())}})
    assert door.handler(event, CONTEXT) == {"batchItemFailures": []}
    assert (world.events.calls, world.replies()) == ([], [])


def test_a_reply_queue_that_is_gone_holds_nobody_up(world: World) -> None:
    world.sqs.delete_queue(QueueUrl=world.queue)
    assert door.handler(written(fulfilled()), CONTEXT) == {"batchItemFailures": []}
    assert len(world.events.calls) == 1


@pytest.mark.filterwarnings("ignore:No application metrics")  # a failed run has none
def test_a_bus_that_took_nothing_fails_the_batch(world: World) -> None:
    world.failed = 1
    with pytest.raises(RailyardError):
        door.handler(written(fulfilled()), CONTEXT)
    assert world.replies() == []
