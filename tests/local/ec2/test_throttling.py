"""Token buckets: how often the API may be asked, and what a refused request leaves behind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from local.ec2 import PROMPT, Ec2Error
from tests.local.ec2.builders import ARM, REGION, World, an_override, fleet_request, ids_of

LIMITED = "RequestLimitExceeded"
NAMED = [{"Name": "instance-state-name", "Values": ["running"]}]


@pytest.fixture
def world() -> World:
    """Return a prompt world whose API is throttled, with its buckets full."""
    return World(timing=replace(PROMPT, throttled=True))


def passed(ask: Callable[[], Any], tries: int) -> int:
    """Return how many of *tries* requests at one moment are not throttled."""
    through = 0
    for _ in range(tries):
        through += _passes(ask)
    return through


def _passes(ask: Callable[[], Any]) -> bool:
    try:
        ask()
    except Ec2Error as error:
        if error.code != LIMITED:
            raise
        return False
    return True


def test_a_bucket_of_reading_calls_holds_100_and_gets_20_a_second(world: World) -> None:
    assert passed(lambda: world.call("DescribeInstances", MaxResults=5), 103) == 100
    world.wait(1)
    assert passed(lambda: world.call("DescribeVpcs"), 23) == 20


def test_a_listing_without_filter_and_pages_has_a_smaller_bucket(world: World) -> None:
    assert passed(lambda: world.call("DescribeInstances"), 53) == 50
    world.wait(1)
    assert passed(lambda: world.call("DescribeVolumes"), 13) == 10
    assert passed(lambda: world.call("DescribeInstances", Filters=NAMED), 3) == 3


def test_ids_are_no_filter(world: World) -> None:
    (instance_id,) = world.launch()
    assert passed(lambda: world.call("DescribeInstances", InstanceIds=[instance_id]), 53) == 50


def test_calls_that_change_something_share_a_bucket_of_50(world: World) -> None:
    question = {"LaunchTemplateName": "absent", "LaunchTemplateData": {"ImageId": ARM}, "DryRun": True}

    def ask() -> None:
        with pytest.raises(Ec2Error) as refusal:
            world.call("CreateLaunchTemplate", **question)
        if refusal.value.code == LIMITED:
            raise refusal.value

    assert passed(ask, 53) == 50
    assert world.refused("CreateFleet", **fleet_request()) == LIMITED
    world.wait(1)
    assert passed(ask, 8) == 5


def test_some_operations_have_a_bucket_of_their_own(world: World) -> None:
    (instance_id,) = world.launch()
    change = {"Resources": [instance_id], "Tags": [{"Key": "k", "Value": "v"}]}
    assert passed(lambda: world.call("CreateTags", **change), 103) == 100
    assert passed(lambda: world.call("DeleteTags", **change), 3) == 3


def test_a_throttled_call_changes_nothing_and_keeps_its_token(world: World) -> None:
    world.ec2.set_capacity("c7g.large", f"{REGION}a", "on-demand", 100)
    passed(lambda: world.fleet(), 60)
    before = len(world.ec2.instances())
    request = fleet_request(ClientToken="t")
    assert world.refused("CreateFleet", **request) == LIMITED
    assert len(world.ec2.instances()) == before
    world.wait(1)
    changed = fleet_request(count=2, ClientToken="t")
    assert len(ids_of(world.call("CreateFleet", **changed))) == 2


def test_a_throttled_call_takes_no_token_either(world: World) -> None:
    passed(lambda: world.call("DescribeVpcs"), 101)
    world.wait(0.04)
    assert world.refused("DescribeVpcs") == LIMITED
    world.wait(0.01)
    world.call("DescribeVpcs")


def test_a_fleet_draws_on_the_bucket_of_launched_instances(world: World) -> None:
    nothing = an_override("c7g.large")
    world.ec2.set_capacity("c7g.large", f"{REGION}a", "on-demand", 0)
    world.fleet(nothing, count=999)
    assert world.refused("CreateFleet", **fleet_request(nothing, count=2)) == LIMITED
    world.wait(1)
    world.fleet(nothing, count=3)
    assert world.refused("CreateFleet", **fleet_request(nothing, count=1)) == LIMITED


def test_a_fleet_larger_than_the_bucket_needs_a_full_one(world: World) -> None:
    world.ec2.set_capacity("c7g.large", f"{REGION}a", "on-demand", 0)
    world.fleet(count=5000)
    world.wait(499)
    assert world.refused("CreateFleet", **fleet_request(count=5000)) == LIMITED
    world.wait(1)
    world.fleet(count=5000)


def test_terminating_draws_on_a_bucket_of_instances(world: World) -> None:
    ids = [f"i-{number:017x}" for number in range(1000)]
    assert world.refused("TerminateInstances", InstanceIds=ids) == "InvalidInstanceID.NotFound"
    assert world.refused("TerminateInstances", InstanceIds=ids[:1]) == LIMITED
    world.wait(1)
    assert world.refused("TerminateInstances", InstanceIds=ids[:20]) == "InvalidInstanceID.NotFound"
    assert world.refused("TerminateInstances", InstanceIds=ids[:1]) == LIMITED


def test_each_region_has_its_buckets(world: World) -> None:
    passed(lambda: world.call("DescribeImages"), 110)
    assert world.refused("DescribeImages") == LIMITED
    assert passed(lambda: world.call("DescribeImages", "eu-west-1"), 3) == 3


def test_a_dry_run_is_throttled_like_the_call_itself(world: World) -> None:
    passed(lambda: world.fleet(), 60)
    assert world.refused("CreateFleet", **fleet_request(DryRun=True)) == LIMITED
