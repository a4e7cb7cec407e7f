"""The life of an instance as DescribeInstances and EventBridge tell it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from local.ec2 import HARSH, Timing
from tests.local.ec2.builders import REGION, World, ids_of, members

TAG = {"railyard:pool": "default"}
BY_TAG = [{"Name": "tag:railyard:pool", "Values": ["default"]}]


def states_of(world: World, instance_id: str) -> list[str]:
    """Return the states that events told of an instance."""
    changes = (e["detail"] for e in world.events if e["detail-type"].endswith("State-change Notification"))
    return [d["state"] for d in changes if d["instance-id"] == instance_id]


def test_a_fresh_instance_does_not_show_yet() -> None:
    world = World(timing=Timing(visibility=(4, 4), tag_visibility=(0, 0)))
    (instance_id,) = ids_of(world.fleet())
    assert world.shown() == []
    assert world.refused("DescribeInstances", InstanceIds=[instance_id]) == "InvalidInstanceID.NotFound"
    assert world.refused("TerminateInstances", InstanceIds=[instance_id]) == "InvalidInstanceID.NotFound"
    world.wait(4)
    assert [i["InstanceId"] for i in world.shown()] == [instance_id]


def test_an_instance_may_show_before_its_tags() -> None:
    world = World(timing=Timing(visibility=(2, 2), tag_visibility=(8, 8)))
    world.fleet(tags=TAG)
    world.wait(3)
    assert [i["Tags"] for i in world.shown()] == [[]]
    assert world.shown(Filters=BY_TAG) == []
    world.wait(5)
    assert len(world.shown(Filters=BY_TAG)) == 1


def test_an_instance_is_pending_then_running() -> None:
    world = World(timing=HARSH)
    (instance_id,) = ids_of(world.fleet())
    assert world.state_of(instance_id) == "pending"
    world.wait(4.9)
    assert world.state_of(instance_id) == "pending"
    world.wait(15.2)
    assert world.state_of(instance_id) == "running"


def test_capacity_returns_when_an_instance_is_terminated_not_before() -> None:
    world = World(
        timing=Timing(pending=(0, 0), visibility=(0, 0), tag_visibility=(0, 0), shutting_down=(10, 10))
    )
    (instance_id,) = world.launch()
    world.call("TerminateInstances", InstanceIds=[instance_id])
    world.wait(9)
    assert (world.state_of(instance_id), world.ec2.capacity("c7g.large", f"{REGION}a", "on-demand")) == (
        "shutting-down",
        0,
    )
    world.wait(1)
    assert (world.state_of(instance_id), world.ec2.capacity("c7g.large", f"{REGION}a", "on-demand")) == (
        "terminated",
        1,
    )


def test_a_terminated_instance_stays_describable_for_an_hour(world: World) -> None:
    (instance_id,) = world.launch()
    world.call("TerminateInstances", InstanceIds=[instance_id])
    world.wait(3599)
    (shown,) = world.shown(InstanceIds=[instance_id])
    assert shown["State"]["Name"] == "terminated"
    assert shown["StateReason"]["Code"] == "Client.UserInitiatedShutdown"
    assert "PrivateIpAddress" not in shown
    world.wait(1)
    assert world.shown() == []


def test_every_state_is_told_once_and_in_order(world: World) -> None:
    (instance_id,) = world.launch()
    world.call("TerminateInstances", InstanceIds=[instance_id])
    world.wait(1)
    assert states_of(world, instance_id) == ["pending", "running", "shutting-down", "terminated"]


def test_events_carry_the_time_they_were_due_when_the_clock_jumps() -> None:
    world = World(timing=Timing(pending=(7, 7)))
    world.fleet()
    world.wait(3600)
    assert [e["time"] for e in world.events] == ["2026-11-20T09:00:00Z", "2026-11-20T09:00:07Z"]
    assert {(e["account"], e["region"], e["source"]) for e in world.events} == {
        ("123456789012", REGION, "aws.ec2")
    }


def test_advance_says_when_the_next_thing_is_due() -> None:
    world = World(timing=Timing(pending=(7, 7)))
    assert world.ec2.advance() is None
    world.fleet()
    assert world.ec2.advance() == world.now + timedelta(seconds=7)


def test_a_spot_instance_is_warned_and_then_terminated(world: World) -> None:
    (instance_id,) = world.launch(market="spot")
    world.ec2.interrupt(instance_id)
    warning = world.events[-1]
    assert warning["detail"] == {"instance-id": instance_id, "instance-action": "terminate"}
    world.wait(119)
    assert world.state_of(instance_id) == "running"
    world.wait(1)
    (shown,) = world.shown(InstanceIds=[instance_id])
    assert shown["StateReason"]["Code"] == "Server.SpotInstanceTermination"


def test_an_on_demand_instance_is_never_interrupted(world: World) -> None:
    (instance_id,) = world.launch()
    with pytest.raises(ValueError, match="no spot instance"):
        world.ec2.interrupt(instance_id)


def test_an_instance_that_dies_by_itself_has_a_server_reason(world: World) -> None:
    (instance_id,) = world.launch()
    world.ec2.die(instance_id)
    world.wait(1)
    (shown,) = world.shown(InstanceIds=[instance_id])
    assert (shown["State"]["Name"], shown["StateReason"]["Code"]) == ("terminated", "Server.InternalError")


def test_pages_hold_instances_not_reservations(world: World) -> None:
    launched = world.launch(12)
    first = world.call("DescribeInstances", MaxResults=5)
    second = world.call("DescribeInstances", MaxResults=5, NextToken=first["NextToken"])
    third = world.call("DescribeInstances", MaxResults=5, NextToken=second["NextToken"])
    pages = [members(first), members(second), members(third)]
    assert [len(p) for p in pages] == [5, 5, 2]
    assert [i["InstanceId"] for p in pages for i in p] == launched
    assert "NextToken" not in third


def test_a_page_has_5_to_1000_instances_and_no_ids(world: World) -> None:
    (instance_id,) = world.launch()
    assert world.refused("DescribeInstances", MaxResults=4) == "InvalidParameterValue"
    assert world.refused("DescribeInstances", MaxResults=1001) == "InvalidParameterValue"
    code = world.refused("DescribeInstances", MaxResults=5, InstanceIds=[instance_id])
    assert code == "InvalidParameterCombination"


def test_a_token_of_another_question_is_refused(world: World) -> None:
    world.launch(6)
    token = world.call("DescribeInstances", MaxResults=5)["NextToken"]
    filters = [{"Name": "instance-state-name", "Values": ["running"]}]
    assert (
        world.refused("DescribeInstances", MaxResults=5, NextToken=token, Filters=filters)
        == "InvalidNextToken"
    )
    assert world.refused("DescribeInstances", NextToken="rubbish") == "InvalidNextToken"


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("tag:railyard:pool", "default", 2),
        ("tag:railyard:pool", "def*", 2),
        ("tag:railyard:pool", "d?fault", 2),
        ("tag:railyard:pool", "other", 0),
        ("tag-key", "railyard:pool", 2),
        ("instance-state-name", "running", 3),
        ("instance-state-name", "terminated", 0),
        ("instance-type", "c7g.*", 3),
        ("client-token", "*", 3),
    ],
)
def test_filters_find_by_tag_state_and_wildcard(world: World, name: str, value: str, found: int) -> None:
    world.launch(2, tags=TAG)
    world.launch(1)
    assert len(world.shown(Filters=[{"Name": name, "Values": [value]}])) == found


def test_an_unknown_filter_is_refused(world: World) -> None:
    assert world.refused("DescribeInstances", Filters=[{"Name": "colour", "Values": ["red"]}]) == (
        "InvalidParameterValue"
    )


def test_the_fleets_token_is_not_the_token_of_its_instances(world: World) -> None:
    world.launch(ClientToken="launch-1")
    assert world.shown(Filters=[{"Name": "client-token", "Values": ["launch-1"]}]) == []


def test_an_instance_says_where_and_what_it_is(world: World) -> None:
    (instance_id,) = world.launch(market="spot")
    (shown,) = world.shown(InstanceIds=[instance_id])
    assert shown["Placement"]["AvailabilityZone"] == f"{REGION}a"
    assert shown["InstanceLifecycle"] == "spot"
    assert shown["PrivateDnsName"] == f"ip-{shown['PrivateIpAddress'].replace('.', '-')}.ec2.internal"
    assert shown["RootDeviceName"] == shown["BlockDeviceMappings"][0]["DeviceName"]
    assert [g["GroupName"] for g in shown["SecurityGroups"]] == ["default"]


def test_status_is_ok_two_minutes_after_launch(world: World) -> None:
    (instance_id,) = world.launch()
    (status,) = world.call("DescribeInstanceStatus")["InstanceStatuses"]
    assert status["InstanceStatus"]["Status"] == "initializing"
    world.wait(120)
    (status,) = world.call("DescribeInstanceStatus", InstanceIds=[instance_id])["InstanceStatuses"]
    assert status["SystemStatus"]["Status"] == "ok"


def test_volumes_come_and_go_with_their_instance(world: World) -> None:
    extra = {"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 50, "VolumeType": "gp3"}}
    kept = {"DeviceName": "/dev/sdg", "Ebs": {"VolumeSize": 1, "DeleteOnTermination": False}}
    world.template("disks", ImageId="ami-0f1a7ca5466655be0", BlockDeviceMappings=[extra, kept])
    (instance_id,) = world.launch(template="disks")
    filters = [{"Name": "attachment.instance-id", "Values": [instance_id]}]
    volumes = world.call("DescribeVolumes", Filters=filters)["Volumes"]
    assert [(v["Size"], v["VolumeType"], v["Iops"]) for v in volumes] == [
        (16, "gp2", 100),
        (50, "gp3", 3000),
        (1, "gp2", 100),
    ]
    world.call("TerminateInstances", InstanceIds=[instance_id])
    left = world.call("DescribeVolumes")["Volumes"]
    assert [(v["Size"], v["State"], v["Attachments"]) for v in left] == [(1, "available", [])]
