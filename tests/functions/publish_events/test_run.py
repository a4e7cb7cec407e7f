"""Committed words go to the bus and to reply queues, byte for byte."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from publish_events.run import Outcome, run
from railyard.errors import Denied, Gone, RailyardError, Throttled
from railyard.model.requests import Request
from tests.builders import NOW, a_request, fulfilled

QUEUES = {
    "ci": "arn:aws:sqs:us-east-1:123456789012:ci",
    "lab": "arn:aws:sqs:us-east-1:123456789012:lab",
    "mute": "",
}


class Bus:
    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []

    def put(self, events: Sequence[tuple[str, str]]) -> None:
        self.heard += events


class Replies:
    def __init__(self, broken: Mapping[str, RailyardError] | None = None) -> None:
        self.broken = broken or {}
        self.heard: dict[str, list[str]] = {}

    def send(self, arn: str, bodies: Sequence[str]) -> None:
        if arn in self.broken:
            raise self.broken[arn]
        self.heard[arn] = [*self.heard.get(arn, []), *bodies]


def publish(*changes: Request, bus: Bus | None = None, replies: Replies | None = None) -> Outcome:
    return run(changes, bus or Bus(), replies or Replies(), QUEUES)


def test_a_body_is_the_same_bytes_on_the_bus_and_in_the_reply_queue() -> None:
    bus, replies, done = Bus(), Replies(), fulfilled(labels={"é": "ü"})
    outcome = publish(done, bus=bus, replies=replies)
    assert bus.heard == [("Allocation Fulfilled", done.answer)]
    assert replies.heard == {QUEUES["ci"]: [done.answer]}
    assert (outcome.published, outcome.replied) == (1, 1)


def test_of_several_writes_of_one_request_each_says_its_own_and_in_order() -> None:
    bus = Bus()
    waiting = a_request()
    done = fulfilled()
    renewed = done.renewed(NOW, NOW, acknowledge=False)
    publish(waiting, done, renewed, renewed.expired(NOW), bus=bus)
    assert [kind for kind, _ in bus.heard] == ["Allocation Fulfilled", "Allocation Expired"]


def test_a_batch_that_says_nothing_calls_nobody() -> None:
    class Silent(Bus):
        def put(self, events: Sequence[tuple[str, str]]) -> None:
            raise AssertionError(events)

    assert publish(a_request(), bus=Silent()) == Outcome()


@pytest.mark.parametrize("error", [Gone("deleted"), Denied("closed")])
def test_a_queue_out_of_reach_does_not_hold_up_the_others(error: RailyardError) -> None:
    bus, replies = Bus(), Replies({QUEUES["ci"]: error})
    other = replace(fulfilled("lab-1"), requester="lab")
    outcome = publish(fulfilled(), other, bus=bus, replies=replies)
    assert (outcome.unreachable, outcome.replied, len(bus.heard)) == ([QUEUES["ci"]], 1, 2)
    assert list(replies.heard) == [QUEUES["lab"]]


def test_a_queue_that_is_busy_brings_the_batch_again() -> None:
    with pytest.raises(Throttled):
        publish(fulfilled(), replies=Replies({QUEUES["ci"]: Throttled("slow down")}))


@pytest.mark.parametrize("requester", ["nobody", "mute", "default"])
def test_a_requester_without_a_queue_is_heard_on_the_bus(requester: str) -> None:
    bus, replies = Bus(), Replies()
    publish(replace(fulfilled(), requester=requester), bus=bus, replies=replies)
    assert (len(bus.heard), replies.heard) == (1, {})
