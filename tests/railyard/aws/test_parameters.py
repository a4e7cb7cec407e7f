"""Parameters: written only where they differ, believed only when they show."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from railyard.aws.parameters import IMAGE, Parameters
from railyard.errors import Denied, RailyardError
from tests.railyard.aws.stubs import Recorder, refused

HOME = "us-east-1"


class Ssm:
    """moto's SSM of each region, its puts counted."""

    def __init__(self) -> None:
        self.puts: list[tuple[str, str, str]] = []
        self.regions: dict[str, Any] = {}

    def __call__(self, region: str) -> Any:
        real = self.regions.setdefault(region, boto3.client("ssm", region_name=region))

        def call(name: str, asked: dict[str, Any]) -> Any:
            if name == "put_parameter":
                self.puts.append((region, asked["Name"], asked["DataType"]))
            return getattr(real, name)(**asked)

        return Recorder(call)


@pytest.fixture
def ssm() -> Iterator[Ssm]:
    """An empty store in every region."""
    with mock_aws():
        yield Ssm()


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the code would have slept."""
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    return slept


def test_only_what_differs_is_written_with_the_type_that_ec2_resolves(ssm: Ssm, naps: list[float]) -> None:
    store = Parameters(ssm)
    first = {HOME: {"/r/image": "ami-1", "/r/release": "{}"}, "eu-west-1": {"/r/image": "ami-2"}}
    assert store.publish(first, frozenset({"/r/image"})) == first
    assert sorted(ssm.puts) == [
        ("eu-west-1", "/r/image", IMAGE),
        (HOME, "/r/image", IMAGE),
        (HOME, "/r/release", "text"),
    ]
    ssm.puts.clear()
    second = {HOME: {"/r/image": "ami-3", "/r/release": "{}"}, "eu-west-1": {"/r/image": "ami-2"}}
    assert store.publish(second, frozenset({"/r/image"})) == second
    assert ssm.puts == [(HOME, "/r/image", IMAGE)]
    assert naps == []


def test_more_names_than_one_call_takes_are_all_read(ssm: Ssm) -> None:
    values = {f"/r/{n}": str(n) for n in range(23)}
    store = Parameters(ssm)
    store.publish({HOME: values}, frozenset())
    assert store.read(HOME, [*values, "/r/absent"]) == values


def slow_ssm(*shown: str) -> Recorder:
    """An SSM that shows those values one after the other, then the last for good."""
    left = list(shown)

    def call(name: str, _: dict[str, Any]) -> Any:
        if name == "put_parameter":
            return {}
        value = left.pop(0) if len(left) > 1 else left[0]
        return {"Parameters": [{"Name": "/r/image", "Value": value}]}

    return Recorder(call)


def test_a_value_is_read_back_until_it_shows(naps: list[float]) -> None:
    values = {HOME: {"/r/image": "new"}}
    client = slow_ssm("old", "old", "old", "new")
    store = Parameters(lambda _: client)
    assert store.publish(values, frozenset({"/r/image"})) == values
    assert naps == [0.5, 1.0]


def test_a_value_that_ssm_dropped_is_told_as_it_shows(naps: list[float]) -> None:
    client = slow_ssm("old")
    shown = Parameters(lambda _: client).publish({HOME: {"/r/image": "new"}}, frozenset({"/r/image"}))
    assert shown == {HOME: {"/r/image": "old"}}
    assert sum(naps) < 20


def test_a_region_that_fails_does_not_hide_the_others() -> None:
    good = slow_ssm("new")
    bad = Recorder(lambda _, __: refused("AccessDeniedException"))
    values = {HOME: {"/r/image": "new"}, "eu-west-1": {"/r/image": "new"}}
    shown = Parameters(lambda region: good if region == HOME else bad).publish(values, frozenset())
    assert shown[HOME] == values[HOME]
    assert isinstance(shown["eu-west-1"], RailyardError)
    assert type(shown["eu-west-1"]) is Denied
