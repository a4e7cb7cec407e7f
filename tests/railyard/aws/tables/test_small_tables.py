"""Releases and requesters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from moto import mock_aws

from railyard.aws.tables.items import encode
from railyard.aws.tables.releases import Releases
from railyard.aws.tables.requesters import Requesters
from railyard.aws.tables.switches import Switches
from railyard.errors import Conflict
from railyard.model.pools import Requester
from railyard.model.releases import Entry, Line, Release, What, entry
from railyard.model.switches import Stops, Switch
from tests.builders import NOW
from tests.railyard.aws.stubs import a_table

LINE = Line(line="stable#amd64")
RELEASE = Release(
    release="3510.2.8",
    images={"us-east-1": "ami-1"},
    source="feed",
    channel="stable",
    signature="verified",
    found_at=NOW,
)
FIRST = replace(LINE, sequence=1, current=RELEASE)


@pytest.fixture
def releases() -> Iterator[Releases]:
    """An empty table."""
    with mock_aws():
        yield Releases(a_table("releases", "line", "version"), "releases")


def told(line: Line) -> Entry:
    """An entry of *line*."""
    return replace(
        entry(line, What.PUBLISHED, "3510.2.8", by="refresh_amis", now=NOW), published=line.current
    )


def test_the_first_publisher_of_a_line_wins(releases: Releases) -> None:
    assert releases.read(["stable#amd64", "stable#arm64"]) == {}
    releases.record(FIRST, LINE, [told(FIRST)])
    with pytest.raises(Conflict):
        releases.record(replace(FIRST, current=None), LINE)
    assert releases.read(["stable#amd64", "stable#arm64"]) == {"stable#amd64": FIRST}
    assert releases.all() == [FIRST]


def test_a_look_tells_of_the_switch_too(releases: Releases) -> None:
    assert releases.look(["stable#amd64"]) == ({}, None)
    releases.record(FIRST, LINE)
    switch = Switch(stops=Stops.IMAGES, on=False, by="ops", at=NOW)
    Switches(releases._db, "releases", "releases").write(switch, None)
    assert releases.look(["stable#amd64"]) == ({"stable#amd64": FIRST}, switch)
    assert releases.all() == [FIRST]


def test_a_line_is_recorded_only_over_the_one_that_was_read(releases: Releases) -> None:
    releases.record(FIRST, LINE)
    newer = replace(FIRST, sequence=2, previous=RELEASE)
    releases.record(newer, FIRST)
    with pytest.raises(Conflict):
        releases.record(newer, FIRST)
    assert releases.all() == [newer]


def test_a_record_whose_entry_is_there_already_is_not_written(releases: Releases) -> None:
    releases.record(FIRST, LINE, [told(FIRST)])
    newer = replace(FIRST, sequence=2)
    with pytest.raises(Conflict):
        releases.record(newer, FIRST, [told(FIRST)])
    assert releases.all() == [FIRST]


def test_the_history_comes_newest_first_page_by_page(releases: Releases) -> None:
    line, other = LINE, replace(LINE, line="stable#arm64")
    releases.record(replace(other, sequence=1), other, [told(replace(other, sequence=1))])
    for number in range(1, 4):
        after = replace(line, sequence=number, current=RELEASE)
        releases.record(after, line, [told(after)])
        line = after
    first, token = releases.history("stable#amd64", 2)
    rest, end = releases.history("stable#amd64", 2, token)
    assert [each.version for each in (*first, *rest)] == [f"log#{n:010d}#published" for n in (3, 2, 1)]
    assert (first[0], end) == (told(line), None)


def test_requesters_are_remembered_for_a_minute() -> None:
    with mock_aws():
        dynamodb: Any = a_table("requesters", "name")
        requesters = Requesters(dynamodb, "requesters")
        assert requesters.all(NOW) == ()
        one = Requester(name="ci", principals=("AROACI",))
        dynamodb.put_item(TableName="requesters", Item=encode(one))
        assert requesters.all(NOW + timedelta(seconds=59)) == ()
        assert requesters.all(NOW + timedelta(seconds=60)) == (one,)
