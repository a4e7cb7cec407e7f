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
from railyard.errors import Conflict
from railyard.model.images import Release
from railyard.model.pools import Requester
from tests.builders import NOW
from tests.railyard.aws.stubs import a_table

RELEASE = Release(
    line="stable#amd64",
    release="3510.2.8",
    images={"us-east-1": "ami-1"},
    source="flatcar",
    signature="unsigned",
    released_at=NOW,
)


@pytest.fixture
def releases() -> Iterator[Releases]:
    """An empty table."""
    with mock_aws():
        yield Releases(a_table("releases", "line", "version"), "releases")


def test_the_first_publisher_of_a_line_wins(releases: Releases) -> None:
    assert releases.current("stable#amd64") is None
    releases.record(RELEASE, None)
    with pytest.raises(Conflict):
        releases.record(replace(RELEASE, release="0.0.0"), None)
    assert releases.current("stable#amd64") == RELEASE
    assert releases.all() == [RELEASE]


def test_a_release_is_recorded_only_over_the_one_that_was_read(releases: Releases) -> None:
    releases.record(RELEASE, None)
    newer = replace(RELEASE, sequence=2, release="3510.2.9", previous="3510.2.8")
    releases.record(newer, RELEASE)
    with pytest.raises(Conflict):
        releases.record(newer, RELEASE)
    assert releases.current("stable#amd64") == newer


def test_requesters_are_remembered_for_a_minute() -> None:
    with mock_aws():
        dynamodb: Any = a_table("requesters", "name")
        requesters = Requesters(dynamodb, "requesters")
        assert requesters.all(NOW) == ()
        one = Requester(name="ci", principals=("AROACI",))
        dynamodb.put_item(TableName="requesters", Item=encode(one))
        assert requesters.all(NOW + timedelta(seconds=59)) == ()
        assert requesters.all(NOW + timedelta(seconds=60)) == (one,)
