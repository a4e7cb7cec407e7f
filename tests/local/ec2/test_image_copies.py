"""CopyImage: late, once, ours, and told about; what others do to their images is not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from local.ec2 import PROMPT
from tests.local.ec2.builders import ARM, REGION, World, an_image, codes_of

ACCOUNT = "123456789012"
MINE = "ami-0123456789abcdef0"
FURTHER = "eu-west-1"


def slow() -> World:
    """Return a world where a copy takes a minute."""
    return World(timing=replace(PROMPT, image_copy=(60, 60)))


def copy(world: World, source: str = ARM, region: str = REGION, **changes: Any) -> str:
    """Copy an image and return the id of the copy."""
    question = {"SourceRegion": REGION, "SourceImageId": source, "Name": "golden", **changes}
    return str(world.call("CopyImage", region, **question)["ImageId"])


def found(world: World, image_id: str, region: str = REGION) -> dict[str, Any]:
    """Return one image."""
    image: dict[str, Any]
    (image,) = world.call("DescribeImages", region, ImageIds=[image_id])["Images"]
    return image


def snapshot_of(image: dict[str, Any]) -> dict[str, Any]:
    """Return the root disk of an image."""
    ebs: dict[str, Any] = image["BlockDeviceMappings"][0]["Ebs"]
    return ebs


def told(world: World) -> list[tuple[str, str]]:
    """Return what events said about images: region and state."""
    kind = "EC2 AMI State Change"
    return [(e["region"], e["detail"]["State"]) for e in world.events if e["detail-type"] == kind]


def test_a_copy_is_pending_then_available() -> None:
    world = slow()
    image_id = copy(world)
    assert found(world, image_id)["State"] == "pending"
    world.wait(60)
    assert found(world, image_id)["State"] == "available"


def test_a_copy_under_way_is_not_launched() -> None:
    world = slow()
    world.template("golden", ImageId=copy(world))
    assert codes_of(world.fleet(template="golden")) == ["InvalidAMIID.Unavailable"]
    world.wait(60)
    assert codes_of(world.fleet(template="golden")) == []


def test_a_copy_is_ours_private_and_has_its_own_snapshots(world: World) -> None:
    image_id = copy(world, Description="Golden")
    image, source = found(world, image_id), found(world, ARM)
    assert (image["OwnerId"], image["Public"], image["Name"]) == (ACCOUNT, False, "golden")
    assert (image["SourceImageId"], image["SourceImageRegion"]) == (ARM, REGION)
    assert image["Architecture"] == source["Architecture"]
    assert snapshot_of(image)["SnapshotId"] != snapshot_of(source)["SnapshotId"]


def test_a_copy_into_another_region_is_there_only(world: World) -> None:
    image_id = copy(world, region=FURTHER)
    assert found(world, image_id, FURTHER)["SourceImageRegion"] == REGION
    assert world.refused("DescribeImages", ImageIds=[image_id]) == "InvalidAMIID.NotFound"


def test_a_repeated_token_returns_the_same_copy(world: World) -> None:
    first = copy(world, ClientToken="t")
    assert copy(world, ClientToken="t") == first
    question = {"SourceRegion": REGION, "SourceImageId": ARM, "Name": "other", "ClientToken": "t"}
    assert world.refused("CopyImage", **question) == "IdempotentParameterMismatch"


def test_a_copy_that_failed_says_why_and_is_never_available() -> None:
    world = slow()
    image_id = copy(world)
    world.ec2.fail_image(REGION, image_id, "no key")
    world.wait(60)
    image = found(world, image_id)
    assert (image["State"], image["StateReason"]["Message"]) == ("failed", "no key")
    assert told(world) == [(REGION, "failed")]


def test_encryption_is_added_and_never_lost(world: World) -> None:
    first = copy(world, Encrypted=True)
    assert snapshot_of(found(world, first))["Encrypted"] is True
    world.wait(1)
    second = copy(world, first, Name="again", Encrypted=False)
    assert snapshot_of(found(world, second))["Encrypted"] is True


def test_tags_go_along_if_they_are_asked_for_and_ours(world: World) -> None:
    first = copy(world, TagSpecifications=[{"ResourceType": "image", "Tags": [{"Key": "k", "Value": "v"}]}])
    world.wait(1)
    tags = [
        found(world, copy(world, first, Name=f"t-{on}", CopyImageTags=on))["Tags"] for on in (True, False)
    ]
    assert tags == [[{"Key": "k", "Value": "v"}], []]


def test_a_name_is_used_by_one_image_of_the_account(world: World) -> None:
    copy(world)
    question = {"SourceRegion": REGION, "SourceImageId": ARM, "Name": "golden"}
    assert world.refused("CopyImage", **question) == "InvalidAMIName.Duplicate"
    assert world.refused("CopyImage", **{**question, "Name": "a" * 129}) == "InvalidAMIName.Malformed"


def test_a_marketplace_image_is_not_copied(world: World) -> None:
    codes = [{"ProductCodeId": "4hnf2xyz", "ProductCodeType": "marketplace"}]
    world.ec2.add_image(REGION, an_image(MINE, "arm64", ProductCodes=codes))
    world.ec2.subscribe("4hnf2xyz")
    question = {"SourceRegion": REGION, "SourceImageId": MINE, "Name": "golden"}
    assert world.refused("CopyImage", **question) == "InvalidRequest"


def test_what_happens_to_our_images_is_told(world: World) -> None:
    image_id = copy(world, region=FURTHER)
    world.wait(1)
    world.call("DeregisterImage", FURTHER, ImageId=image_id)
    assert told(world) == [(FURTHER, state) for state in ("available", "deregistered")]


def test_a_publisher_takes_an_image_away_in_silence(world: World) -> None:
    world.ec2.remove_image(REGION, ARM)
    world.wait(60)
    assert told(world) == []


@pytest.mark.parametrize("state", ["pending", "failed"])
def test_an_image_that_is_not_available_is_not_copied(world: World, state: str) -> None:
    world.ec2.add_image(REGION, an_image(MINE, "arm64", State=state))
    question = {"SourceRegion": REGION, "SourceImageId": MINE, "Name": "golden"}
    assert world.refused("CopyImage", **question) == "InvalidAMIID.Unavailable"


def test_the_snapshots_of_a_copy_are_ours_and_held_by_it() -> None:
    world = slow()
    image_id = copy(world)
    snapshot_id = snapshot_of(found(world, image_id))["SnapshotId"]
    states = []
    for seconds in (0, 60):
        world.wait(seconds)
        (snapshot,) = world.call("DescribeSnapshots", SnapshotIds=[snapshot_id])["Snapshots"]
        states.append(snapshot["State"])
    assert states == ["pending", "completed"]
    assert world.refused("DeleteSnapshot", SnapshotId=snapshot_id) == "InvalidSnapshot.InUse"
    world.call("DeregisterImage", ImageId=image_id)
    world.call("DeleteSnapshot", SnapshotId=snapshot_id)


def snapshots(world: World, *ids: str) -> list[dict[str, Any]]:
    """Return those of some snapshots that are listed."""
    filters = [{"Name": "snapshot-id", "Values": list(ids)}]
    return list(world.call("DescribeSnapshots", Filters=filters)["Snapshots"])


def test_a_deregistration_takes_the_snapshots_along_that_nothing_else_needs(world: World) -> None:
    copies = [copy(world, Name=name) for name in ("alone", "shared")]
    world.wait(1)
    alone, shared = (snapshot_of(found(world, each))["SnapshotId"] for each in copies)
    disks = found(world, copies[1])["BlockDeviceMappings"]
    world.ec2.add_image(REGION, an_image(MINE, "arm64", OwnerId=ACCOUNT, BlockDeviceMappings=disks))
    said = [world.call("DeregisterImage", ImageId=each, DeleteAssociatedSnapshots=True) for each in copies]
    assert [each["DeleteSnapshotResults"] for each in said] == [
        [{"SnapshotId": alone, "ReturnCode": "success"}],
        [{"SnapshotId": shared, "ReturnCode": "skipped"}],
    ]
    assert [each["SnapshotId"] for each in snapshots(world, alone, shared)] == [shared]


def test_a_snapshot_that_goes_with_a_copy_under_way_ends_with_it() -> None:
    world = slow()
    image_id = copy(world)
    snapshot_id = snapshot_of(found(world, image_id))["SnapshotId"]
    world.call("DeregisterImage", ImageId=image_id, DeleteAssociatedSnapshots=True)
    assert len(snapshots(world, snapshot_id)) == 1
    world.wait(60)
    assert snapshots(world, snapshot_id) == []


def test_tags_of_a_copy_reach_the_image_and_its_snapshots(world: World) -> None:
    given = [{"ResourceType": kind, "Tags": [{"Key": "of", "Value": kind}]} for kind in ("image", "snapshot")]
    image = found(world, copy(world, TagSpecifications=given))
    (snapshot,) = snapshots(world, snapshot_of(image)["SnapshotId"])
    assert [image["Tags"], snapshot["Tags"]] == [each["Tags"] for each in given]
    wrong = [{"ResourceType": "volume", "Tags": []}]
    question = {"SourceRegion": REGION, "SourceImageId": ARM, "Name": "other", "TagSpecifications": wrong}
    assert world.refused("CopyImage", **question) == "InvalidParameterValue"
