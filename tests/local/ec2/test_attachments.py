"""AttachVolume and DetachVolume, and what becomes of volumes when their instance stops or ends."""

from __future__ import annotations

from tests.local.ec2.builders import REGION, World
from tests.local.ec2.ebs import UNKNOWN, a_volume, attach, found, slow, state_of, the_volume, where


def attached_to(world: World, instance_id: str) -> dict[str, str]:
    """Return the states of an instance's volumes by id, as DescribeInstances shows them."""
    (shown,) = world.shown(InstanceIds=[instance_id])
    return {m["Ebs"]["VolumeId"]: m["Ebs"]["Status"] for m in shown["BlockDeviceMappings"]}


def root_of(world: World, instance_id: str) -> str:
    """Return the id of an instance's root volume."""
    filters = where(attachment__instance_id=instance_id, attachment__device="/dev/xvda")
    (volume_id,) = found(world, Filters=filters)
    return volume_id


def test_a_volume_is_attaching_and_then_attached() -> None:
    world = World(timing=slow(attaching=(10, 10)))
    (instance_id,), volume_id = world.launch(), a_volume(world)
    answer = attach(world, volume_id, instance_id)
    assert (answer["State"], answer["Device"]) == ("attaching", "/dev/sdf")
    assert state_of(world, volume_id) == ("in-use", ["attaching"])
    assert attached_to(world, instance_id)[volume_id] == "attaching"
    world.wait(10)
    assert state_of(world, volume_id) == ("in-use", ["attached"])
    assert attached_to(world, instance_id)[volume_id] == "attached"


def test_a_volume_is_attached_in_its_zone_only(world: World) -> None:
    (instance_id,), volume_id = world.launch(), a_volume(world, AvailabilityZone=f"{REGION}b")
    request = {"VolumeId": volume_id, "InstanceId": instance_id, "Device": "/dev/sdf"}
    assert world.refused("AttachVolume", **request) == "InvalidVolume.ZoneMismatch"


def test_a_volume_is_attached_to_a_running_or_stopped_instance_only() -> None:
    world = World(timing=slow(pending=(10, 10)))
    (pending,), volume_id = world.launch(), a_volume(world)
    request = {"VolumeId": volume_id, "InstanceId": pending, "Device": "/dev/sdf"}
    assert world.refused("AttachVolume", **request) == "IncorrectState"
    world.wait(10)
    world.call("StopInstances", InstanceIds=[pending])
    world.ec2.advance()
    attach(world, volume_id, pending)
    world.call("DetachVolume", VolumeId=volume_id)
    world.call("TerminateInstances", InstanceIds=[pending])
    world.ec2.advance()
    assert world.refused("AttachVolume", **request) == "IncorrectState"


def test_a_volume_that_is_creating_cannot_be_attached() -> None:
    world = World(timing=slow(volume_creating=(10, 10)))
    (instance_id,), volume_id = world.launch(), a_volume(world)
    request = {"VolumeId": volume_id, "InstanceId": instance_id, "Device": "/dev/sdf"}
    assert world.refused("AttachVolume", **request) == "IncorrectState"


def test_a_device_holds_one_volume(world: World) -> None:
    (instance_id,), first, second = world.launch(), a_volume(world), a_volume(world)
    attach(world, first, instance_id)
    for device in ("/dev/sdf", "/dev/xvdf", "sdf", "/dev/xvda", "/mnt/data"):
        request = {"VolumeId": second, "InstanceId": instance_id, "Device": device}
        assert world.refused("AttachVolume", **request) == "InvalidParameterValue"
    attach(world, second, instance_id, "/dev/sdg")


def test_a_volume_is_attached_once(world: World) -> None:
    here, there = world.launch(2)
    volume_id = a_volume(world)
    attach(world, volume_id, here)
    for instance_id in (here, there):
        request = {"VolumeId": volume_id, "InstanceId": instance_id, "Device": "/dev/sdg"}
        assert world.refused("AttachVolume", **request) == "VolumeInUse"


def test_an_instance_type_has_a_number_of_volumes(world: World) -> None:
    (instance_id,) = world.launch()
    *some, last = [a_volume(world, 1) for _ in range(27)]
    for volume_id, letter in zip(some, "bcdefghijklmnopqrstuvwxyz0", strict=True):
        attach(world, volume_id, instance_id, f"/dev/sd{letter}" if letter != "0" else "/dev/sdaa")
    request = {"VolumeId": last, "InstanceId": instance_id, "Device": "/dev/sdab"}
    assert world.refused("AttachVolume", **request) == "AttachmentLimitExceeded"
    world.call("DetachVolume", VolumeId=some[0])
    world.ec2.advance()
    attach(world, last, instance_id, "/dev/sdab")


def test_a_volume_is_detaching_and_then_available() -> None:
    world = World(timing=slow(detaching=(10, 10)))
    (instance_id,), volume_id = world.launch(), a_volume(world)
    attach(world, volume_id, instance_id)
    assert world.call("DetachVolume", VolumeId=volume_id)["State"] == "detaching"
    assert state_of(world, volume_id) == ("in-use", ["detaching"])
    assert world.refused("DetachVolume", VolumeId=volume_id) == "IncorrectState"
    world.wait(10)
    assert state_of(world, volume_id) == ("available", [])
    assert volume_id not in attached_to(world, instance_id)


def test_only_what_is_attached_is_detached(world: World) -> None:
    here, there = world.launch(2)
    volume_id = a_volume(world)
    assert world.refused("DetachVolume", VolumeId=volume_id) == "IncorrectState"
    attach(world, volume_id, here)
    for wrong in ({"InstanceId": there}, {"Device": "/dev/sdg"}):
        assert world.refused("DetachVolume", VolumeId=volume_id, **wrong) == "InvalidAttachment.NotFound"
    assert world.refused("DetachVolume", VolumeId=UNKNOWN) == "InvalidVolume.NotFound"


def test_the_root_volume_is_detached_from_a_stopped_instance_only(world: World) -> None:
    (instance_id,) = world.launch()
    volume_id = root_of(world, instance_id)
    assert world.refused("DetachVolume", VolumeId=volume_id) == "OperationNotPermitted"
    world.call("StopInstances", InstanceIds=[instance_id])
    world.ec2.advance()
    assert state_of(world, volume_id) == ("in-use", ["attached"])
    world.call("DetachVolume", VolumeId=volume_id)
    world.ec2.advance()
    assert state_of(world, volume_id) == ("available", [])


def test_a_volume_attached_later_outlives_its_instance(world: World) -> None:
    (instance_id,), volume_id = world.launch(), a_volume(world)
    attach(world, volume_id, instance_id)
    assert the_volume(world, volume_id)["Attachments"][0]["DeleteOnTermination"] is False
    world.call("TerminateInstances", InstanceIds=[instance_id])
    world.ec2.advance()
    assert found(world) == [volume_id]
    assert state_of(world, volume_id) == ("available", [])
