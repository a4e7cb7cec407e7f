"""A tick, and a batch of events, tell what became of the sets."""

from __future__ import annotations

import json
from typing import Any

import pytest

from railyard.aws.bus import Bus
from railyard.model.ami_sets import Content
from tests.functions.doors import CONTEXT, assert_each_variable_is_needed, wire
from tests.functions.validate_ami_sets.world import HOME, SETTINGS, World, content
from tests.railyard.aws.stubs import Recorder
from validate_ami_sets import handler as door
from validate_ami_sets.run import Outcome
from validate_ami_sets.settings import Settings


def test_each_variable_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert_each_variable_is_needed(door, Settings, monkeypatch)


def tick(monkeypatch: pytest.MonkeyPatch, outcome: Outcome) -> tuple[Any, list[tuple[str, Any]]]:
    """Let a run come to *outcome*; return the door's answer and the events that it put."""
    events = Recorder(lambda _, __: {"FailedEntryCount": 0})
    wire(door, monkeypatch, SETTINGS, None, Bus(events, "railyard"))
    monkeypatch.setattr(door, "home_region", lambda: HOME)
    monkeypatch.setattr(door, "run", lambda *_: outcome)
    answer = door.handler({}, CONTEXT)
    put = [
        (entry["DetailType"], json.loads(entry["Detail"])) for _, c in events.calls for entry in c["Entries"]
    ]
    return answer, put


def test_a_set_that_moved_and_one_that_turned_invalid_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.make("bad", content(us_east_1="ami-2"))
    world.validate()
    del world.images[HOME]["ami-2"]
    answer, put = tick(monkeypatch, world.validate(hours=1))
    assert put == [
        ("AMI Set Invalid", {"version": 1, "ami_set": "bad", "images": ["us-east-1/amd64/hvm: missing"]})
    ]
    assert (answer["invalid"], answer["turned"], answer["batchItemFailures"]) == (1, 1, [])


def test_a_new_version_says_who_made_it_and_why(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.release("stable", us_east_1="ami-1")
    world.make("base", Content(images=(), tracks="stable"))
    _, put = tick(monkeypatch, world.validate())
    assert put == [
        (
            "AMI Set Changed",
            {
                "version": 1,
                "ami_set": "base",
                "action": "tracked",
                "number": 2,
                "pool": "",
                "by": "validate_ami_sets",
                "reason": "channel stable",
            },
        )
    ]


def test_with_nothing_to_tell_the_bus_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert tick(monkeypatch, Outcome(validated=3))[1] == []
