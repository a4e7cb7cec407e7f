"""TerminateInstances: idempotent, all or nothing for unknown ids, zone by zone for protected instances."""

from __future__ import annotations

import pytest

from tests.local.ec2.builders import World, an_override, ids_of

UNKNOWN = "i-0123456789abcdef0"


def protect(world: World, instance_id: str, value: bool = True) -> None:
    """Switch termination protection."""
    world.call("ModifyInstanceAttribute", InstanceId=instance_id, DisableApiTermination={"Value": value})


def test_terminating_twice_is_fine(world: World) -> None:
    (instance_id,) = world.launch()
    first = world.call("TerminateInstances", InstanceIds=[instance_id])["TerminatingInstances"][0]
    assert (first["PreviousState"]["Name"], first["CurrentState"]["Name"]) == ("running", "shutting-down")
    again = world.call("TerminateInstances", InstanceIds=[instance_id])["TerminatingInstances"][0]
    assert (again["PreviousState"]["Name"], again["CurrentState"]["Name"]) == ("terminated", "terminated")


def test_one_unknown_id_fails_the_whole_batch(world: World) -> None:
    launched = world.launch(2)
    assert (
        world.refused("TerminateInstances", InstanceIds=[*launched, UNKNOWN]) == "InvalidInstanceID.NotFound"
    )
    assert {world.state_of(i) for i in launched} == {"running"}
    assert world.refused("TerminateInstances", InstanceIds=["nonsense"]) == "InvalidInstanceID.Malformed"


def test_a_protected_instance_saves_its_zone_and_no_other(world: World) -> None:
    here = ids_of(world.fleet(an_override(zone="a"), count=2))
    there = ids_of(world.fleet(an_override(zone="b"), count=2))
    world.ec2.advance()
    protect(world, here[0])
    assert world.refused("TerminateInstances", InstanceIds=[*here, *there]) == "OperationNotPermitted"
    assert [world.state_of(i) for i in here] == ["running", "running"]
    assert [world.state_of(i) for i in there] == ["terminated", "terminated"]


def test_protection_can_be_read_and_lifted(world: World) -> None:
    (instance_id,) = world.launch()
    protect(world, instance_id)
    read = {"InstanceId": instance_id, "Attribute": "disableApiTermination"}
    assert world.call("DescribeInstanceAttribute", **read)["DisableApiTermination"] == {"Value": True}
    protect(world, instance_id, value=False)
    world.call("TerminateInstances", InstanceIds=[instance_id])
    assert world.state_of(instance_id) == "terminated"


def test_a_template_can_protect_at_birth(world: World) -> None:
    world.template("safe", ImageId="ami-0f1a7ca5466655be0", DisableApiTermination=True)
    (instance_id,) = world.launch(template="safe")
    assert world.refused("TerminateInstances", InstanceIds=[instance_id]) == "OperationNotPermitted"


def test_a_spot_instance_cannot_be_protected(world: World) -> None:
    (instance_id,) = world.launch(market="spot")
    change = {"InstanceId": instance_id, "DisableApiTermination": {"Value": True}}
    assert world.refused("ModifyInstanceAttribute", **change) == "UnsupportedOperation"


def test_a_batch_has_at_most_1000_ids(world: World) -> None:
    assert world.refused("TerminateInstances", InstanceIds=[UNKNOWN] * 1001) == "InvalidParameterValue"


@pytest.mark.ways("direct")  # boto3 knows no rockets
def test_what_is_not_modelled_says_so(world: World) -> None:
    assert world.refused("CreateReplaceRootVolumeTask", InstanceId=UNKNOWN) == "UnsupportedOperation"
    assert world.refused("LaunchRockets") == "InvalidAction"
