"""What shows late: tags, states, new groups and templates; each on its own time, and never back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.ec2 import HARSH, PROMPT, Timing
from tests.local.ec2.builders import REGION, World, codes_of, members

LIFE = ("pending", "running", "shutting-down", "terminated")
HOLD = "railyard:hold"


def late(**delays: Any) -> Timing:
    """Return a prompt timing with some delays."""
    return replace(PROMPT, **delays)


def tag(world: World, instance_id: str, value: str, key: str = HOLD) -> None:
    """Write one tag."""
    world.call("CreateTags", Resources=[instance_id], Tags=[{"Key": key, "Value": value}])


def value_of(world: World, instance_id: str, key: str = HOLD) -> str | None:
    """Return a tag's value as DescribeInstances shows it."""
    (instance,) = world.shown(InstanceIds=[instance_id])
    return {t["Key"]: t["Value"] for t in instance["Tags"]}.get(key)


def held(world: World, value: str) -> int:
    """Return how many instances a search by tag finds."""
    return len(world.shown(Filters=[{"Name": f"tag:{HOLD}", "Values": [value]}]))


def shown_state(world: World, instance_id: str) -> str:
    """Return the state that DescribeInstances shows."""
    (instance,) = world.shown(InstanceIds=[instance_id])
    return str(instance["State"]["Name"])


def test_a_tag_written_later_shows_late() -> None:
    world = World(timing=late(tag_visibility=(5, 5)))
    (instance_id,) = world.launch()
    tag(world, instance_id, "a")
    assert (value_of(world, instance_id), held(world, "a")) == (None, 0)
    world.wait(5)
    assert (value_of(world, instance_id), held(world, "a")) == ("a", 1)


def test_a_changed_tag_shows_its_old_value_for_a_while() -> None:
    world = World(timing=late(tag_visibility=(5, 5)))
    (instance_id,) = world.launch(tags={HOLD: "old"})
    world.wait(5)
    tag(world, instance_id, "new")
    assert (value_of(world, instance_id), held(world, "old"), held(world, "new")) == ("old", 1, 0)
    world.wait(5)
    assert (value_of(world, instance_id), held(world, "old"), held(world, "new")) == ("new", 0, 1)


def test_a_deleted_tag_shows_for_a_while() -> None:
    world = World(timing=late(tag_visibility=(5, 5)))
    (instance_id,) = world.launch(tags={HOLD: "old"})
    world.wait(5)
    world.call("DeleteTags", Resources=[instance_id], Tags=[{"Key": HOLD}])
    named = {"Filters": [{"Name": "key", "Values": [HOLD]}]}
    assert (held(world, "old"), len(world.call("DescribeTags", **named)["Tags"])) == (1, 1)
    world.wait(5)
    assert (held(world, "old"), len(world.call("DescribeTags", **named)["Tags"])) == (0, 0)


def test_each_tag_shows_on_its_own_time() -> None:
    world = World(timing=late(tag_visibility=(0, 60)))
    (instance_id,) = world.launch()
    world.wait(60)
    keys = [f"k{number}" for number in range(10)]
    world.call("CreateTags", Resources=[instance_id], Tags=[{"Key": key, "Value": ""} for key in keys])
    world.wait(30)
    shown = [key for key in keys if value_of(world, instance_id, key) is not None]
    assert 0 < len(shown) < len(keys)


@pytest.mark.ways("direct")
@given(st.lists(st.integers(0, 9), min_size=1, max_size=12), st.integers(0, 5))
def test_a_tag_never_goes_back_to_an_older_value(pauses: list[int], seed: int) -> None:
    world = World(timing=late(tag_visibility=(0, 20)), seed=seed)
    (instance_id,) = world.launch()
    seen = [-1]
    for number, pause in enumerate(pauses):
        tag(world, instance_id, str(number))
        for _ in range(pause):
            world.wait(1)
            seen.append(int(value_of(world, instance_id) or -1))
    world.wait(20)
    seen.append(int(value_of(world, instance_id) or -1))
    assert seen == sorted(seen)
    assert seen[-1] == len(pauses) - 1


def test_a_state_shows_late() -> None:
    world = World(timing=late(state_visibility=(3, 3), shutting_down=(60, 60)))
    (instance_id,) = world.launch()
    world.wait(10)
    running = {"Filters": [{"Name": "instance-state-name", "Values": ["running"]}]}
    world.call("TerminateInstances", InstanceIds=[instance_id])
    assert (shown_state(world, instance_id), len(world.shown(**running))) == ("running", 1)
    world.wait(3)
    assert (shown_state(world, instance_id), len(world.shown(**running))) == ("shutting-down", 0)


def test_an_instance_in_two_states_is_listed_once() -> None:
    world = World(timing=late(state_visibility=(3, 3), shutting_down=(60, 60)))
    world.call("TerminateInstances", InstanceIds=world.launch(8))
    world.wait(100)
    (instance_id,) = world.launch()
    world.wait(10)
    world.call("TerminateInstances", InstanceIds=[instance_id])
    both = [{"Name": "instance-state-name", "Values": ["running", "shutting-down"]}]
    assert [i["InstanceId"] for i in world.shown(Filters=both)] == [instance_id]


@pytest.mark.parametrize("seed", range(5))
def test_no_observer_sees_a_state_go_back(seed: int) -> None:
    timing = late(state_visibility=(0, 20), pending=(2, 4), shutting_down=(2, 4))
    world = World(timing=timing, seed=seed)
    (instance_id,) = world.launch()
    seen = []
    for second in range(40):
        if second == 5:
            world.call("TerminateInstances", InstanceIds=[instance_id])
        seen.append(LIFE.index(shown_state(world, instance_id)))
        world.wait(1)
    assert seen == sorted(seen)
    assert seen[-1] == LIFE.index("terminated")


def test_an_event_may_come_before_the_listing_shows_it() -> None:
    world = World(timing=late(state_visibility=(3, 3), pending=(5, 5)))
    (instance_id,) = world.launch()
    world.wait(5)
    assert [event["detail"]["state"] for event in world.events] == ["pending", "running"]
    assert shown_state(world, instance_id) == "pending"


def test_a_status_listing_is_as_late_as_the_state() -> None:
    world = World(timing=late(state_visibility=(3, 3), pending=(5, 5)))
    (instance_id,) = world.launch()
    world.wait(5)
    assert world.call("DescribeInstanceStatus")["InstanceStatuses"] == []
    world.wait(3)
    (status,) = world.call("DescribeInstanceStatus")["InstanceStatuses"]
    assert status["InstanceId"] == instance_id


def test_a_new_security_group_is_unknown_for_a_moment() -> None:
    world = World(timing=late(group_visibility=(2, 2)))
    question = {"GroupName": "nodes", "Description": "Nodes"}
    group_id = world.call("CreateSecurityGroup", **question)["GroupId"]
    rule = {"GroupId": group_id, "IpProtocol": "tcp", "CidrIp": "10.0.0.0/8", "FromPort": 22, "ToPort": 22}
    world.template("grouped", ImageId="ami-0f1a7ca5466655be0", SecurityGroupIds=[group_id])
    assert world.refused("DescribeSecurityGroups", GroupIds=[group_id]) == "InvalidGroup.NotFound"
    assert world.refused("AuthorizeSecurityGroupIngress", **rule) == "InvalidGroup.NotFound"
    assert world.refused("CreateSecurityGroup", **question) == "InvalidGroup.Duplicate"
    assert codes_of(world.fleet(template="grouped")) == ["InvalidGroup.NotFound"]
    world.wait(2)
    world.call("AuthorizeSecurityGroupIngress", **rule)
    assert codes_of(world.fleet(template="grouped")) == []


def test_a_new_launch_template_may_be_unknown_for_a_moment() -> None:
    world = World(timing=late(template_visibility=(2, 2)))
    template_id = world.template("pool-1", ImageId="ami-0f1a7ca5466655be0")
    absent = world.refused("DescribeLaunchTemplates", LaunchTemplateIds=[template_id])
    assert absent == "InvalidLaunchTemplateId.NotFound"
    names = [t["LaunchTemplateName"] for t in world.call("DescribeLaunchTemplates")["LaunchTemplates"]]
    assert names == ["arm"]
    world.wait(2)
    assert codes_of(world.fleet(template="pool-1")) == []


@pytest.mark.ways("direct")
@pytest.mark.parametrize("seed", range(3))
def test_on_a_bad_day_everything_shows_in_the_end(seed: int) -> None:
    world = World(timing=HARSH, seed=seed)
    (instance_id,) = world.launch(tags={HOLD: "a"})
    world.wait(60)
    tag(world, instance_id, "b")
    world.call("TerminateInstances", InstanceIds=[instance_id])
    world.wait(60)
    (found,) = members(world.call("DescribeInstances", InstanceIds=[instance_id]))
    assert found["State"]["Name"] == "terminated"
    assert {"Key": HOLD, "Value": "b"} in found["Tags"]
    assert found["Placement"]["AvailabilityZone"] == f"{REGION}a"
