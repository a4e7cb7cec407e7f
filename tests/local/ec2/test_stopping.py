"""Stop, start, reboot, shutdown from within, and the attributes that change meanwhile."""

from __future__ import annotations

from typing import Any

import pytest

from local.ec2 import Timing
from tests.local.ec2.builders import ARM, REGION, World, an_image, an_override, ids_of

A = f"{REGION}a"
UNKNOWN = "i-0123456789abcdef0"
SLOW = Timing(
    pending=(20, 20), visibility=(0, 0), tag_visibility=(0, 0), shutting_down=(5, 5), stopping=(10, 60),
    state_visibility=(0, 0), throttled=False,
)  # fmt: skip


def stop(world: World, *ids: str, **more: Any) -> dict[str, Any]:
    """Stop instances and let them be stopped; return the first change."""
    answer = world.call("StopInstances", InstanceIds=list(ids), **more)
    world.wait(0)
    change: dict[str, Any] = answer["StoppingInstances"][0]
    return change


def start(world: World, *ids: str) -> dict[str, Any]:
    """Start instances and let them run; return the first change."""
    answer = world.call("StartInstances", InstanceIds=list(ids))
    world.wait(0)
    change: dict[str, Any] = answer["StartingInstances"][0]
    return change


def states(change: dict[str, Any]) -> tuple[str, str]:
    """Return a change's states, before and after."""
    return change["PreviousState"]["Name"], change["CurrentState"]["Name"]


def modify(world: World, instance_id: str, **attribute: Any) -> None:
    """Change one attribute."""
    world.call("ModifyInstanceAttribute", InstanceId=instance_id, **attribute)


def one(world: World, instance_id: str) -> dict[str, Any]:
    """Return what DescribeInstances shows of an instance."""
    (shown,) = world.shown(InstanceIds=[instance_id])
    return shown


def test_an_instance_stops_and_starts_step_by_step(world: World) -> None:
    (instance_id,) = world.launch()
    assert states(stop(world, instance_id)) == ("running", "stopping")
    assert one(world, instance_id)["State"]["Name"] == "stopped"
    assert states(start(world, instance_id)) == ("stopped", "pending")
    assert one(world, instance_id)["State"]["Name"] == "running"
    told = [e["detail"]["state"] for e in world.events]
    assert told == ["pending", "running", "stopping", "stopped", "pending", "running"]


def test_stopping_and_starting_twice_is_fine(world: World) -> None:
    (instance_id,) = world.launch()
    assert states(start(world, instance_id)) == ("running", "running")
    stop(world, instance_id)
    assert states(stop(world, instance_id)) == ("stopped", "stopped")


def test_capacity_is_free_while_an_instance_is_stopped(world: World) -> None:
    (instance_id,) = world.launch()
    stop(world, instance_id)
    assert world.ec2.capacity("c7g.large", A, "on-demand") == 1
    start(world, instance_id)
    assert world.ec2.capacity("c7g.large", A, "on-demand") == 0
    world.call("TerminateInstances", InstanceIds=[instance_id])
    assert world.ec2.capacity("c7g.large", A, "on-demand") == 1


def test_a_start_without_capacity_is_refused_and_starts_nothing(world: World) -> None:
    ids = world.launch(2)
    stop(world, *ids)
    world.ec2.set_capacity("c7g.large", A, "on-demand", 1)
    assert world.refused("StartInstances", InstanceIds=ids) == "InsufficientInstanceCapacity"
    assert {world.state_of(i) for i in ids} == {"stopped"}
    assert world.ec2.capacity("c7g.large", A, "on-demand") == 1


def test_an_instance_without_its_root_volume_does_not_start(world: World) -> None:
    (instance_id,) = world.launch()
    stop(world, instance_id)
    root = one(world, instance_id)["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    world.call("DetachVolume", VolumeId=root)
    world.wait(60)
    assert world.refused("StartInstances", InstanceIds=[instance_id]) == "InvalidParameterValue"
    world.call("AttachVolume", VolumeId=root, InstanceId=instance_id, Device="/dev/xvda")
    world.wait(60)
    start(world, instance_id)
    assert world.state_of(instance_id) == "running"


def test_a_stopped_instance_keeps_its_private_address_and_loses_its_public_one(world: World) -> None:
    (instance_id,) = world.launch()
    before = one(world, instance_id)
    stop(world, instance_id)
    stopped = one(world, instance_id)
    start(world, instance_id)
    after = one(world, instance_id)
    assert before["PrivateIpAddress"] == stopped["PrivateIpAddress"] == after["PrivateIpAddress"]
    assert "PublicIpAddress" not in stopped
    assert after["PublicIpAddress"] != before["PublicIpAddress"]


def test_a_start_is_a_new_launch_time(world: World) -> None:
    (instance_id,) = world.launch()
    before = one(world, instance_id)["LaunchTime"]
    world.wait(600)
    stop(world, instance_id)
    assert one(world, instance_id)["LaunchTime"] == before
    start(world, instance_id)
    assert (one(world, instance_id)["LaunchTime"] - before).total_seconds() == 600


@pytest.mark.parametrize("operation", ["StopInstances", "StartInstances", "RebootInstances"])
def test_one_unknown_id_fails_stop_start_and_reboot(world: World, operation: str) -> None:
    (instance_id,) = world.launch()
    assert world.refused(operation, InstanceIds=[instance_id, UNKNOWN]) == "InvalidInstanceID.NotFound"
    assert one(world, instance_id)["State"]["Name"] == "running"


def test_one_spot_instance_fails_a_stop(world: World) -> None:
    (kept,), (spot,) = world.launch(), world.launch(market="spot")
    assert world.refused("StopInstances", InstanceIds=[kept, spot]) == "UnsupportedOperation"
    assert [one(world, i)["State"]["Name"] for i in (kept, spot)] == ["running", "running"]


def test_an_instance_with_an_instance_store_root_cannot_be_stopped(world: World) -> None:
    image_id = "ami-0f1a7ca0000000001"
    world.ec2.add_image(REGION, an_image(image_id, "arm64", RootDeviceType="instance-store"))
    (instance_id,) = ids_of(world.fleet(an_override(ImageId=image_id)))
    world.wait(1)
    assert world.refused("StopInstances", InstanceIds=[instance_id]) == "UnsupportedOperation"


def test_only_what_runs_is_stopped_and_only_what_is_stopped_is_started() -> None:
    world = World(timing=SLOW)
    (instance_id,) = ids_of(world.fleet())
    asked = {"InstanceIds": [instance_id]}
    assert world.refused("StopInstances", **asked) == "IncorrectInstanceState"
    assert world.refused("RebootInstances", **asked) == "IncorrectInstanceState"
    world.wait(20)
    world.call("StopInstances", **asked)
    assert world.refused("StartInstances", **asked) == "IncorrectInstanceState"
    world.wait(60)
    assert world.refused("RebootInstances", **asked) == "IncorrectInstanceState"
    world.call("TerminateInstances", **asked)
    assert world.refused("StartInstances", **asked) == "IncorrectInstanceState"
    assert world.refused("StopInstances", **asked) == "IncorrectInstanceState"


def test_a_stopped_instance_is_terminated_at_once() -> None:
    world = World(timing=SLOW)
    (instance_id,) = ids_of(world.fleet())
    world.wait(20)
    world.call("StopInstances", InstanceIds=[instance_id])
    world.wait(60)
    (change,) = world.call("TerminateInstances", InstanceIds=[instance_id])["TerminatingInstances"]
    assert states(change) == ("stopped", "terminated")
    world.wait(60)
    assert world.call("DescribeVolumes")["Volumes"] == []


def test_a_stop_says_why_and_a_start_forgets_it(world: World) -> None:
    (instance_id,) = world.launch()
    stop(world, instance_id)
    shown = one(world, instance_id)
    assert shown["StateReason"]["Code"] == "Client.UserInitiatedShutdown"
    assert shown["StateTransitionReason"] == "User initiated (2026-11-20 09:00:00 GMT)"
    start(world, instance_id)
    shown = one(world, instance_id)
    assert "StateReason" not in shown
    assert shown["StateTransitionReason"] == ""


def test_a_forced_stop_takes_the_least_time() -> None:
    world = World(timing=SLOW)
    (instance_id,) = ids_of(world.fleet())
    world.wait(20)
    world.call("StopInstances", InstanceIds=[instance_id], Force=True)
    world.wait(9)
    assert world.state_of(instance_id) == "stopping"
    world.wait(1)
    assert world.state_of(instance_id) == "stopped"


def test_hibernation_is_refused_by_name(world: World) -> None:
    (instance_id,) = world.launch()
    assert world.refused("StopInstances", InstanceIds=[instance_id], Hibernate=True) == "UnsupportedOperation"


def test_stop_protection_saves_its_zone_and_no_other(world: World) -> None:
    here = ids_of(world.fleet(an_override(zone="a"), count=2))
    there = ids_of(world.fleet(an_override(zone="b")))
    world.wait(1)
    modify(world, here[0], DisableApiStop={"Value": True})
    assert world.refused("StopInstances", InstanceIds=[*here, *there]) == "OperationNotPermitted"
    world.wait(1)
    assert [one(world, i)["State"]["Name"] for i in (*here, *there)] == ["running", "running", "stopped"]


def test_stop_protection_is_termination_protection_too(world: World) -> None:
    (instance_id,) = world.launch()
    modify(world, instance_id, DisableApiStop={"Value": True})
    assert world.refused("TerminateInstances", InstanceIds=[instance_id]) == "OperationNotPermitted"


@pytest.mark.parametrize(("behavior", "state"), [("stop", "stopped"), ("terminate", "terminated")])
def test_a_shutdown_from_within_does_what_the_launch_said(world: World, behavior: str, state: str) -> None:
    world.template("told", ImageId=ARM, InstanceInitiatedShutdownBehavior=behavior)
    (instance_id,) = world.launch(template="told")
    world.ec2.shut_down(instance_id)
    world.wait(1)
    shown = one(world, instance_id)
    assert (shown["State"]["Name"], shown["StateReason"]["Code"]) == (
        state,
        "Client.InstanceInitiatedShutdown",
    )


def test_a_spot_instance_that_shuts_down_is_terminated(world: World) -> None:
    (instance_id,) = world.launch(market="spot")
    world.ec2.shut_down(instance_id)
    world.wait(1)
    assert world.state_of(instance_id) == "terminated"


def test_no_protection_holds_a_shutdown_from_within(world: World) -> None:
    told = {"InstanceInitiatedShutdownBehavior": "terminate", "DisableApiTermination": True}
    world.template("told", ImageId=ARM, **told, DisableApiStop=True)
    (instance_id,) = world.launch(template="told")
    world.ec2.shut_down(instance_id)
    world.wait(1)
    assert world.state_of(instance_id) == "terminated"


def test_a_reboot_changes_no_state_and_begins_the_checks_anew(world: World) -> None:
    (instance_id,), (ended,) = world.launch(), world.launch()
    world.call("TerminateInstances", InstanceIds=[ended])
    world.wait(600)
    told = len(world.events)
    assert world.call("RebootInstances", InstanceIds=[instance_id, ended]) == {}
    (status,) = world.call("DescribeInstanceStatus")["InstanceStatuses"]
    assert (status["InstanceState"]["Name"], status["InstanceStatus"]["Status"]) == (
        "running",
        "initializing",
    )
    assert len(world.events) == told


def test_the_type_changes_only_while_stopped(world: World) -> None:
    (instance_id,) = world.launch()
    change = {"InstanceId": instance_id, "InstanceType": {"Value": "c7g.8xlarge"}}
    assert world.refused("ModifyInstanceAttribute", **change) == "IncorrectInstanceState"
    stop(world, instance_id)
    world.call("ModifyInstanceAttribute", **change)
    start(world, instance_id)
    assert one(world, instance_id)["InstanceType"] == "c7g.8xlarge"


@pytest.mark.parametrize(
    ("name", "code"), [("p99.large", "InvalidInstanceAttributeValue"), ("m5.large", "InvalidParameterValue")]
)
def test_a_type_that_the_instance_cannot_have_is_refused(world: World, name: str, code: str) -> None:
    (instance_id,) = world.launch()
    stop(world, instance_id)
    change = {"InstanceId": instance_id, "InstanceType": {"Value": name}}
    assert world.refused("ModifyInstanceAttribute", **change) == code


def test_a_start_needs_capacity_of_the_new_type(world: World) -> None:
    (instance_id,) = world.launch()
    stop(world, instance_id)
    world.ec2.set_capacity("c7g.8xlarge", A, "on-demand", 0)
    modify(world, instance_id, InstanceType={"Value": "c7g.8xlarge"})
    assert world.refused("StartInstances", InstanceIds=[instance_id]) == "InsufficientInstanceCapacity"


def test_user_data_changes_only_while_stopped(world: World) -> None:
    (instance_id,) = world.launch()
    change = {"InstanceId": instance_id, "UserData": {"Value": b"#!/bin/sh"}}
    assert world.refused("ModifyInstanceAttribute", **change) == "IncorrectInstanceState"
    stop(world, instance_id)
    world.call("ModifyInstanceAttribute", **change)
    read = world.call("DescribeInstanceAttribute", InstanceId=instance_id, Attribute="userData")
    assert read["UserData"]["Value"] == "IyEvYmluL3No"


def test_one_attribute_is_changed_at_a_time(world: World) -> None:
    (instance_id,) = world.launch()
    both = {"DisableApiTermination": {"Value": True}, "DisableApiStop": {"Value": True}}
    code = world.refused("ModifyInstanceAttribute", InstanceId=instance_id, **both)
    assert code == "InvalidParameterCombination"
    assert world.refused("ModifyInstanceAttribute", InstanceId=instance_id) == "MissingParameter"


def test_an_attribute_may_be_named_with_its_value(world: World) -> None:
    (instance_id,) = world.launch()
    modify(world, instance_id, Attribute="disableApiTermination", Value="true")
    question = {"InstanceId": instance_id, "Attribute": "disableApiTermination"}
    assert world.call("DescribeInstanceAttribute", **question)["DisableApiTermination"] == {"Value": True}


def test_groups_change_on_instance_and_interface(world: World) -> None:
    (instance_id,) = world.launch()
    group = {"GroupName": "nodes", "Description": "Nodes"}
    group_id = world.call("CreateSecurityGroup", **group)["GroupId"]
    modify(world, instance_id, Groups=[group_id])
    shown = one(world, instance_id)["SecurityGroups"]
    filters = [{"Name": "group-id", "Values": [group_id]}]
    (interface,) = world.call("DescribeNetworkInterfaces", Filters=filters)["NetworkInterfaces"]
    for groups in (shown, interface["Groups"]):
        assert [g["GroupId"] for g in groups] == [group_id]
    assert world.refused("DeleteSecurityGroup", GroupId=group_id) == "DependencyViolation"
