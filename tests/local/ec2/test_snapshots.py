"""CreateSnapshot, DescribeSnapshots and DeleteSnapshot, and volumes made from snapshots."""

from __future__ import annotations

from typing import Any

from tests.local.ec2.builders import REGION, World, an_image
from tests.local.ec2.ebs import HERE, a_volume, slow, tagged, the_volume, told

ACCOUNT = "123456789012"
UNKNOWN = "snap-0123456789abcdef0"


def a_snapshot(world: World, volume_id: str, **changes: Any) -> str:
    """Create a snapshot and return its id."""
    snapshot_id = str(world.call("CreateSnapshot", VolumeId=volume_id, **changes)["SnapshotId"])
    world.ec2.advance()
    return snapshot_id


def the_snapshot(world: World, snapshot_id: str) -> dict[str, Any]:
    """Return a snapshot as DescribeSnapshots shows it."""
    shown: dict[str, Any]
    (shown,) = world.call("DescribeSnapshots", SnapshotIds=[snapshot_id])["Snapshots"]
    return shown


def found(world: World, **parameters: Any) -> list[str]:
    """Return the ids that one DescribeSnapshots call shows."""
    return [s["SnapshotId"] for s in world.call("DescribeSnapshots", **parameters)["Snapshots"]]


def test_a_snapshot_is_pending_and_then_completed() -> None:
    world = World(timing=slow(snapshot=(100, 100), snapshot_per_tib=(10240, 10240)))
    volume_id = a_volume(world)
    snapshot_id = a_snapshot(world, volume_id)
    for state, progress in (("pending", "0%"), ("pending", "25%"), ("pending", "50%"), ("pending", "75%")):
        shown = the_snapshot(world, snapshot_id)
        assert (shown["State"], shown["Progress"], shown["VolumeSize"]) == (state, progress, 10)
        world.wait(50)
    shown = the_snapshot(world, snapshot_id)
    assert (shown["State"], shown["Progress"], shown["CompletionTime"]) == ("completed", "100%", world.now)
    assert told(world, snapshot_id) == [("createSnapshot", "succeeded")]
    assert world.events[-1]["detail"]["source"] == f"arn:aws:ec2:{REGION}::volume/{volume_id}"


def test_a_fresh_snapshot_is_unknown_for_some_seconds() -> None:
    world = World(timing=slow(visibility=(5, 5)))
    volume_id = a_volume(world)
    world.wait(5)
    snapshot_id = a_snapshot(world, volume_id)
    assert found(world) == []
    assert world.refused("DeleteSnapshot", SnapshotId=snapshot_id) == "InvalidSnapshot.NotFound"
    world.wait(5)
    assert found(world) == [snapshot_id]


def test_a_volume_has_five_pending_snapshots_and_a_disk_one() -> None:
    world = World(timing=slow(snapshot=(100, 100)))
    for kind, most in (("gp3", 5), ("st1", 1)):
        volume_id = a_volume(world, 125, VolumeType=kind)
        for _ in range(most):
            a_snapshot(world, volume_id)
        refused = world.refused("CreateSnapshot", VolumeId=volume_id)
        assert refused == "ConcurrentSnapshotLimitExceeded"
    world.wait(100)
    a_snapshot(world, volume_id)


def test_an_account_has_a_hundred_pending_snapshots() -> None:
    world = World(timing=slow(snapshot=(100, 100)))
    *volumes, last = [a_volume(world) for _ in range(21)]
    for volume_id in volumes:
        for _ in range(5):
            a_snapshot(world, volume_id)
    assert world.refused("CreateSnapshot", VolumeId=last) == "PendingSnapshotLimitExceeded"


def test_a_snapshot_is_taken_of_a_volume_that_is_there() -> None:
    world = World(timing=slow(volume_creating=(10, 10)))
    volume_id = a_volume(world)
    assert world.refused("CreateSnapshot", VolumeId=volume_id) == "IncorrectState"
    world.wait(10)
    snapshot_id = a_snapshot(world, volume_id)
    world.call("DeleteVolume", VolumeId=volume_id)
    world.ec2.advance()
    assert the_snapshot(world, snapshot_id)["State"] == "completed"


def test_a_volume_from_a_snapshot_is_as_large_at_least(world: World) -> None:
    snapshot_id = a_snapshot(world, a_volume(world, 20))
    request = {"AvailabilityZone": HERE, "SnapshotId": snapshot_id}
    assert world.refused("CreateVolume", Size=19, **request) == "InvalidParameterValue"
    shown = the_volume(world, a_volume(world, None, **request))
    assert (shown["Size"], shown["SnapshotId"]) == (20, snapshot_id)
    assert the_volume(world, a_volume(world, 30, **request))["Size"] == 30


def test_what_comes_of_an_encrypted_volume_is_encrypted(world: World) -> None:
    origin = a_volume(world, Encrypted=True)
    snapshot_id = a_snapshot(world, origin)
    copy = the_volume(world, a_volume(world, None, SnapshotId=snapshot_id))
    assert the_snapshot(world, snapshot_id)["Encrypted"] is copy["Encrypted"] is True
    assert copy["KmsKeyId"] == the_volume(world, origin)["KmsKeyId"]


def test_a_volume_is_made_of_a_completed_snapshot_only() -> None:
    world = World(timing=slow(snapshot=(100, 100)))
    snapshot_id = a_snapshot(world, a_volume(world))
    request = {"AvailabilityZone": HERE, "SnapshotId": snapshot_id}
    assert world.refused("CreateVolume", **request) == "IncorrectState"
    world.wait(100)
    world.call("CreateVolume", **request)
    assert world.refused("CreateVolume", **request | {"SnapshotId": UNKNOWN}) == "InvalidSnapshot.NotFound"


def test_an_instance_is_launched_with_a_disk_of_a_snapshot(world: World) -> None:
    snapshot_id = a_snapshot(world, a_volume(world, 20))
    disk = {"DeviceName": "/dev/sdf", "Ebs": {"SnapshotId": snapshot_id}}
    world.template("data", ImageId="ami-0f1a7ca5466655be0", BlockDeviceMappings=[disk])
    (instance_id,) = world.launch(template="data")
    (shown,) = world.shown(InstanceIds=[instance_id])
    volume_id = shown["BlockDeviceMappings"][1]["Ebs"]["VolumeId"]
    assert (the_volume(world, volume_id)["Size"], the_volume(world, volume_id)["SnapshotId"]) == (
        20,
        snapshot_id,
    )


def test_a_snapshot_that_our_image_needs_is_not_deleted(world: World) -> None:
    snapshot_id = a_snapshot(world, a_volume(world))
    image_id = "ami-0123456789abcdef0"
    root = {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 10, "SnapshotId": snapshot_id}}
    world.ec2.add_image(REGION, an_image(image_id, "arm64", OwnerId=ACCOUNT, BlockDeviceMappings=[root]))
    assert world.refused("DeleteSnapshot", SnapshotId=snapshot_id) == "InvalidSnapshot.InUse"
    world.ec2.remove_image(REGION, image_id)
    world.call("DeleteSnapshot", SnapshotId=snapshot_id)
    assert world.refused("DeleteSnapshot", SnapshotId=snapshot_id) == "InvalidSnapshot.NotFound"


def test_a_pending_snapshot_is_deleted_when_it_is_complete() -> None:
    world = World(timing=slow(snapshot=(100, 100)))
    volume_id = a_volume(world, 125, VolumeType="st1")
    snapshot_id = a_snapshot(world, volume_id)
    world.call("DeleteSnapshot", SnapshotId=snapshot_id)
    assert world.refused("CreateSnapshot", VolumeId=volume_id) == "ConcurrentSnapshotLimitExceeded"
    world.wait(100)
    assert found(world) == []
    a_snapshot(world, volume_id)


def test_snapshots_are_found_by_owner_id_and_filter(world: World) -> None:
    one_volume, two_volume = a_volume(world), a_volume(world, 20)
    tags = tagged("snapshot", role="data")
    one = a_snapshot(world, one_volume, Description="first", TagSpecifications=tags)
    two = a_snapshot(world, two_volume)
    questions: tuple[dict[str, Any], ...] = (
        {"OwnerIds": ["self"]},
        {"OwnerIds": [ACCOUNT]},
        {"OwnerIds": ["amazon"]},
        {"SnapshotIds": [two]},
        *(
            {"OwnerIds": ["self"], "Filters": [{"Name": name, "Values": [value]}]}
            for name, value in (
                ("description", "fir*"),
                ("volume-id", two_volume),
                ("volume-size", "20"),
                ("status", "completed"),
                ("progress", "100%"),
                ("tag:role", "data"),
            )
        ),
    )
    answers = [found(world, **question) for question in questions]
    assert answers == [[one, two], [one, two], [], [two], [one], [two], [two], [one, two], [one, two], [one]]
    assert world.refused("DescribeSnapshots", SnapshotIds=[UNKNOWN]) == "InvalidSnapshot.NotFound"
    assert world.refused("DescribeSnapshots", SnapshotIds=["snap-x"]) == "InvalidParameterValue"


def test_pages_of_snapshots_are_a_partition(world: World) -> None:
    volume_id = a_volume(world)
    made = [a_snapshot(world, volume_id) for _ in range(7)]
    first = world.call("DescribeSnapshots", OwnerIds=["self"], MaxResults=5)
    rest = world.call("DescribeSnapshots", OwnerIds=["self"], MaxResults=5, NextToken=first["NextToken"])
    assert [s["SnapshotId"] for s in first["Snapshots"] + rest["Snapshots"]] == made
    assert len(first["Snapshots"]) == 5
    refused = world.refused("DescribeSnapshots", SnapshotIds=made[:1], MaxResults=5)
    assert refused == "InvalidParameterCombination"


def test_snapshots_and_volumes_can_be_tagged_later(world: World) -> None:
    volume_id = a_volume(world)
    snapshot_id = a_snapshot(world, volume_id)
    world.call("CreateTags", Resources=[volume_id, snapshot_id], Tags=[{"Key": "role", "Value": "data"}])
    world.wait(60)
    assert the_volume(world, volume_id)["Tags"] == the_snapshot(world, snapshot_id)["Tags"]
    tags = world.call("DescribeTags", Filters=[{"Name": "key", "Values": ["role"]}])["Tags"]
    assert {(t["ResourceId"], t["ResourceType"]) for t in tags} == {
        (volume_id, "volume"),
        (snapshot_id, "snapshot"),
    }
    assert world.refused("CreateTags", Resources=[UNKNOWN], Tags=[{"Key": "a"}]) == "InvalidSnapshot.NotFound"
