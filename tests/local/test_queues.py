"""Mappings do what Lambda's pollers promise."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from typing import Any

from local.identity import USER_SENDER_ID
from local.pollers import reported_failures
from local.world import World


def control(world: World, path: str, body: dict[str, Any]) -> Any:
    """Ask ``/_local``."""
    request = urllib.request.Request(f"{world.front_url}/_local/{path}", json.dumps(body).encode())
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


Out = Callable[..., list[dict[str, Any]]]
Send = Callable[..., None]


def test_every_message_reaches_the_function_with_its_sender(world: World, send: Send, out: Out) -> None:
    send("a", "b", MessageAttributes={"kind": {"DataType": "String", "StringValue": "k"}})
    world.drain()
    taken = out()
    assert sorted(one["body"] for one in taken) == ["a", "b"]
    assert {one["attributes"]["SenderId"] for one in taken} == {USER_SENDER_ID}
    assert {one["messageAttributes"]["kind"]["stringValue"] for one in taken} == {"k"}


def test_a_function_s_messages_carry_its_role_and_name(world: World, out: Out) -> None:
    url = world.client("sqs").get_queue_url(QueueName="railyard-in")["QueueUrl"]
    world.invoke("echo", {"call": ["sqs", "send_message", {"QueueUrl": url, "MessageBody": "m"}]})
    world.drain()
    role, _, session = out()[0]["attributes"]["SenderId"].partition(":")
    assert role == world.stack.resource("Role").id
    assert session == "railyard-echo"


def test_messages_that_wait_together_come_as_one_batch_of_at_most_its_size(world: World, out: Out) -> None:
    url = world.client("sqs").get_queue_url(QueueName="railyard-in")["QueueUrl"]
    entries = [{"Id": str(n), "MessageBody": f"m{n}"} for n in range(10)]
    for _ in range(3):
        world.client("sqs").send_message_batch(QueueUrl=url, Entries=entries)
    world.drain()
    batches = [one["batch"] for one in out()]
    assert len(batches) == 30
    assert max(batches) == 10


def test_only_what_failed_stays_and_ends_in_the_dead_letter_queue(world: World, send: Send, out: Out) -> None:
    send("good", "poison pill")
    world.drain()
    assert [one["body"] for one in out()] == ["good"]
    world.advance(31)
    world.advance(31)
    assert [one["body"] for one in out("railyard-in-dead")] == ["poison pill"]


def test_a_delayed_message_comes_when_its_time_has_come(world: World, send: Send, out: Out) -> None:
    send("later", DelaySeconds=300)
    world.drain()
    assert out() == []
    world.advance(301)
    (came,) = [one for one in out() if one.get("body") == "later"]
    sent = int(came["attributes"]["SentTimestamp"])
    received = int(came["attributes"]["ApproximateFirstReceiveTimestamp"])
    assert received - sent >= 300_000


def test_a_message_is_delivered_twice_when_asked(world: World, send: Send, out: Out) -> None:
    told = control(world, "queues/railyard-in", {"duplicate": 1})
    assert told == {"duplicate": 1}
    send("twice")
    world.drain()
    send("once")
    world.drain()
    assert sorted(one["body"] for one in out()) == ["once", "twice", "twice"]


def test_a_message_is_late_when_asked(world: World, send: Send, out: Out) -> None:
    control(world, "queues/railyard-in", {"delay_seconds": 60})
    send("late", "prompt")
    world.drain()
    assert [one["body"] for one in out()] == ["prompt"]
    world.advance(61)
    assert [one["body"] for one in out()] == ["late"]


def test_an_answer_that_cannot_be_read_fails_the_whole_batch() -> None:
    assert reported_failures(b"not json") is None
    assert reported_failures(b'{"batchItemFailures": [{"wrong": 1}]}') is None
    assert reported_failures(b'{"batchItemFailures": [{"itemIdentifier": ""}]}') is None
    assert reported_failures(b'{"batchItemFailures": [{"itemIdentifier": "m"}]}') == {"m"}
    assert reported_failures(b"null") == set()


def test_stream_records_come_in_order_and_the_bad_one_is_given_up(world: World, out: Out) -> None:
    table = world.client("dynamodb")
    for key in ("s1", "s2", "poison", "s3", "s4"):
        table.put_item(TableName="things", Item={"id": {"S": key}})
    world.drain()
    # What came after the bad record in its batch is delivered again: at least once, and never out of order.
    assert list(dict.fromkeys(one["body"] for one in out())) == ["s1", "s2", "s3", "s4"]
    (given_up,) = out("railyard-in-dead")
    assert given_up["DDBStreamBatchInfo"]["batchSize"] == 1


def test_ec2_events_reach_the_queue_of_their_rule(world: World, out: Out) -> None:
    world.ec2.listeners[0](
        {
            "source": "aws.ec2",
            "detail-type": "EC2 Instance State-change Notification",
            "time": "2026-01-01T00:00:00Z",
            "region": "us-east-1",
            "resources": [],
            "detail": {"instance-id": "i-1", "state": "running"},
        }
    )
    (event,) = out()
    assert event["detail"] == {"instance-id": "i-1", "state": "running"}
    assert (event["source"], event["account"], event["time"]) == (
        "aws.ec2",
        "123456789012",
        "2026-01-01T00:00:00Z",
    )
