"""Switches shown and turned."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from moto import mock_aws

from railyard.aws.tables.switches import Switches
from railyard.errors import Conflict, InvalidRequest
from railyard.model.switches import EVERYWHERE, Stops, Switch, off
from serve_api.calls import Answer, Asked
from serve_api.switches import TRIES, show_switch, show_switches, turn_switch
from tests.builders import NOW
from tests.railyard.aws.stubs import a_table


@pytest.fixture
def switches() -> Iterator[Switches]:
    """No switch was ever touched."""
    with mock_aws():
        a_table("pools", "pool", "part")
        yield Switches(a_table("releases", "line", "version"), "pools", "releases")


def turn(
    switches: Any, body: object, stops: Stops = Stops.LAUNCH, pool: str = EVERYWHERE, by: str = "ops"
) -> Answer:
    asked = Asked(method="PUT", path="", query={}, body=json.dumps(body), sender="", by=by)
    return turn_switch(switches, asked, stops, pool, NOW)


def test_what_nobody_touched_is_on(switches: Switches) -> None:
    assert show_switches(switches).body["items"] == []
    assert show_switch(switches, Stops.REAP, "default").body["on"] is True


@pytest.mark.parametrize("stops", list(Stops))
def test_a_switch_says_who_turned_it_and_why(switches: Switches, stops: Stops) -> None:
    answer = turn(switches, {"on": False, "reason": "an incident"}, stops)
    assert (answer.status, answer.body["on"], answer.body["by"]) == (200, False, "ops")
    assert show_switch(switches, stops, EVERYWHERE).body["reason"] == "an incident"
    (found,) = switches.all()
    assert off([found], stops, "any-pool") == found
    turn(switches, {"on": True}, stops)
    assert off(switches.all(), stops) is None


def test_the_same_turn_again_changes_nothing(switches: Switches) -> None:
    turn(switches, {"on": False, "reason": "first"})
    assert turn(switches, {"on": False, "reason": "second"}, by="other").body["reason"] == "first"
    assert turn(switches, {"on": True}, Stops.REAP).body["on"] is True
    assert len(switches.all()) == 1


def test_the_switch_of_a_pool_stops_that_pool_alone(switches: Switches) -> None:
    turn(switches, {"on": False}, pool="gpu")
    assert off(switches.all(), Stops.LAUNCH, "gpu")
    assert off(switches.all(), Stops.LAUNCH, "default") is None


def test_images_have_no_switch_of_a_pool(switches: Switches) -> None:
    assert turn(switches, {"on": False}, Stops.IMAGES, "default").status == 404


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "on"),
        ({"on": "no"}, "on"),
        ({"on": False, "why": ""}, "why"),
        ({"on": False, "reason": "x" * 257}, "reason"),
    ],
)
def test_a_turn_that_is_none_is_refused_with_its_path(switches: Switches, body: object, path: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        turn(switches, body)
    assert path in f"{refused.value.path} {refused.value}"
    assert switches.all() == []


class Contended:
    """A table on which somebody else is always faster, *times* times."""

    def __init__(self, times: int) -> None:
        self.left = times

    def all(self) -> Sequence[Switch]:
        return []

    def write(self, switch: Switch, over: Switch | None) -> None:
        if self.left:
            self.left -= 1
            raise Conflict("first")


def test_a_lost_race_is_tried_again_and_not_for_ever() -> None:
    assert turn(Contended(TRIES - 1), {"on": False}).status == 200
    with pytest.raises(Conflict):
        turn(Contended(TRIES), {"on": False})
