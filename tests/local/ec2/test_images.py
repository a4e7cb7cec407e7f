"""DescribeImages: by id, owner and filter, in every region."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.local.ec2.builders import ARM, OWNER, REGION, START, X86, World, an_image, codes_of

ACCOUNT, OTHER = "123456789012", "210987654321"
UNKNOWN = "ami-0123456789abcdef0"
CODE = "4hnf2xyz"


def own(world: World, image_id: str = UNKNOWN, **changes: Any) -> str:
    """Give the account an image of its own."""
    world.ec2.add_image(REGION, an_image(image_id, "arm64", OwnerId=ACCOUNT, Public=False, **changes))
    return image_id


def foreign(world: World, image_id: str = UNKNOWN, **changes: Any) -> str:
    """Give another account an image."""
    world.ec2.add_image(REGION, an_image(image_id, "arm64", **changes))
    return image_id


def shown(world: World, **question: Any) -> list[str]:
    """Return the ids that a search shows."""
    return [i["ImageId"] for i in world.call("DescribeImages", **question)["Images"]]


def found(world: World, image_id: str, region: str = REGION) -> dict[str, Any]:
    """Return one image."""
    image: dict[str, Any]
    (image,) = world.call("DescribeImages", region, ImageIds=[image_id])["Images"]
    return image


def launch_of(world: World, image_id: str) -> list[str]:
    """Return the codes with which a launch of an image is refused, none if it launches."""
    return codes_of(world.fleet({"InstanceType": "c7g.large", "ImageId": image_id}))


def test_one_call_shows_all_architectures_of_an_owner(world: World) -> None:
    found = world.call(
        "DescribeImages", Owners=[OWNER], Filters=[{"Name": "name", "Values": ["Flatcar-stable-*"]}]
    )
    assert {i["ImageId"] for i in found["Images"]} == {ARM, X86}
    assert world.call("DescribeImages", Owners=["self"])["Images"] == []


def test_an_unknown_image_fails_the_call(world: World) -> None:
    assert world.refused("DescribeImages", ImageIds=[ARM, UNKNOWN]) == "InvalidAMIID.NotFound"
    assert world.refused("DescribeImages", ImageIds=["ami-x"]) == "InvalidAMIID.Malformed"


def test_an_image_exists_in_its_region_only(world: World) -> None:
    world.ec2.add_image("eu-west-1", an_image(UNKNOWN, "x86_64"))
    assert len(world.call("DescribeImages", "eu-west-1", ImageIds=[UNKNOWN])["Images"]) == 1
    assert world.refused("DescribeImages", REGION, ImageIds=[UNKNOWN]) == "InvalidAMIID.NotFound"
    assert world.refused("DescribeImages", "eu-west-1", ImageIds=[ARM]) == "InvalidAMIID.NotFound"


def test_a_deprecated_image_is_hidden_unless_asked_for(world: World) -> None:
    world.ec2.add_image(REGION, an_image(UNKNOWN, "arm64", DeprecationTime="2026-01-01T00:00:00.000Z"))
    questions: tuple[dict[str, Any], ...] = ({}, {"ImageIds": [UNKNOWN]}, {"IncludeDeprecated": True})
    shown = [{i["ImageId"] for i in world.call("DescribeImages", **q)["Images"]} for q in questions]
    assert [UNKNOWN in ids for ids in shown] == [False, True, True]


def test_an_image_that_was_taken_away_is_unknown(world: World) -> None:
    world.ec2.remove_image(REGION, ARM)
    assert world.refused("DescribeImages", ImageIds=[ARM]) == "InvalidAMIID.NotFound"


def test_a_private_image_of_another_account_is_unknown(world: World) -> None:
    foreign(world, Public=False)
    assert world.refused("DescribeImages", ImageIds=[UNKNOWN]) == "InvalidAMIID.NotFound"
    assert UNKNOWN not in shown(world)
    assert launch_of(world, UNKNOWN)[0] == "InvalidAMIID.NotFound"


def test_a_shared_image_is_known_until_the_share_ends(world: World) -> None:
    foreign(world, Public=False)
    world.ec2.share_image(REGION, UNKNOWN)
    assert UNKNOWN in shown(world)
    assert launch_of(world, UNKNOWN) == []
    world.ec2.share_image(REGION, UNKNOWN, shared=False)
    assert UNKNOWN not in shown(world)


def test_executable_users_are_those_with_an_explicit_permission(world: World) -> None:
    own(world)
    world.call("ModifyImageAttribute", ImageId=UNKNOWN, LaunchPermission={"Add": [{"UserId": OTHER}]})
    shared = foreign(world, "ami-0123456789abcdef1", Public=False)
    world.ec2.share_image(REGION, shared)
    assert shown(world, ExecutableUsers=["self"]) == [shared]
    assert shown(world, ExecutableUsers=[OTHER]) == [UNKNOWN]
    assert set(shown(world, ExecutableUsers=["all"])) == {ARM, X86}


def test_launch_permissions_are_added_shown_and_taken_away(world: World) -> None:
    own(world)
    change = {"ImageId": UNKNOWN, "Attribute": "launchPermission", "OperationType": "add"}
    world.call("ModifyImageAttribute", **change, UserIds=[OTHER], UserGroups=["all"])
    question = {"ImageId": UNKNOWN, "Attribute": "launchPermission"}
    permissions = world.call("DescribeImageAttribute", **question)["LaunchPermissions"]
    assert permissions == [{"Group": "all"}, {"UserId": OTHER}]
    assert found(world, UNKNOWN)["Public"] is True
    world.call("ModifyImageAttribute", ImageId=UNKNOWN, LaunchPermission={"Remove": [{"Group": "all"}]})
    assert found(world, UNKNOWN)["Public"] is False
    removal = {"Remove": [{"UserId": OTHER}]}
    world.call("ModifyImageAttribute", ImageId=UNKNOWN, LaunchPermission=removal)
    assert world.call("DescribeImageAttribute", **question)["LaunchPermissions"] == []


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"Add": [{"UserId": "me"}]}, "InvalidUserID.Malformed"),
        ({"Add": [{"Group": "some"}]}, "InvalidParameterValue"),
    ],
)
def test_a_launch_permission_names_an_account_or_all(world: World, wrong: dict[str, Any], code: str) -> None:
    own(world)
    assert world.refused("ModifyImageAttribute", ImageId=UNKNOWN, LaunchPermission=wrong) == code


def test_a_description_is_changed_alone(world: World) -> None:
    own(world)
    described = {"Description": {"Value": "Golden"}}
    world.call("ModifyImageAttribute", ImageId=UNKNOWN, **described)
    assert found(world, UNKNOWN)["Description"] == "Golden"
    both = {**described, "LaunchPermission": {"Add": [{"Group": "all"}]}}
    assert world.refused("ModifyImageAttribute", ImageId=UNKNOWN, **both) == "InvalidParameterCombination"


def test_only_the_owner_changes_an_image(world: World) -> None:
    changes: dict[str, dict[str, Any]] = {
        "DeregisterImage": {},
        "ModifyImageAttribute": {"Description": {"Value": "mine"}},
        "DescribeImageAttribute": {"Attribute": "launchPermission"},
        "DisableImageDeprecation": {},
    }
    refused = {name: world.refused(name, ImageId=ARM, **more) for name, more in changes.items()}
    assert set(refused.values()) == {"AuthFailure"}


def test_a_deregistered_image_is_gone_and_what_runs_of_it_stays(world: World) -> None:
    own(world)
    world.template("mine", ImageId=UNKNOWN)
    (instance_id,) = world.launch(template="mine")
    world.call("DeregisterImage", ImageId=UNKNOWN)
    assert world.refused("DescribeImages", ImageIds=[UNKNOWN]) == "InvalidAMIID.NotFound"
    assert launch_of(world, UNKNOWN)[0] == "InvalidAMIID.Unavailable"
    world.wait(1)
    assert world.state_of(instance_id) == "running"


def test_an_image_grows_old_at_the_minute_that_its_owner_says(world: World) -> None:
    own(world)
    at = {"ImageId": UNKNOWN, "DeprecateAt": START + timedelta(hours=1, seconds=20)}
    world.call("EnableImageDeprecation", **at)
    assert found(world, UNKNOWN)["DeprecationTime"] == "2026-11-20T10:00:00.000Z"
    world.call("DisableImageDeprecation", ImageId=UNKNOWN)
    assert "DeprecationTime" not in found(world, UNKNOWN)
    for wrong in (timedelta(seconds=-60), timedelta(days=3660)):
        request = {"ImageId": UNKNOWN, "DeprecateAt": START + wrong}
        assert world.refused("EnableImageDeprecation", **request) == "InvalidParameterValue"


def test_a_marketplace_image_launches_with_a_subscription_only(world: World) -> None:
    foreign(world, ProductCodes=[{"ProductCodeId": CODE, "ProductCodeType": "marketplace"}])
    assert launch_of(world, UNKNOWN)[0] == "OptInRequired"
    world.ec2.subscribe(CODE)
    assert launch_of(world, UNKNOWN) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("product-code", CODE),
        ("product-code.type", "marketplace"),
        ("owner-alias", "aws-marketplace"),
        ("block-device-mapping.volume-size", "32"),
        ("block-device-mapping.encrypted", "true"),
        ("name", "Flatcar-pro-*"),
    ],
)
def test_images_are_found_by_product_owner_name_and_disk(world: World, name: str, value: str) -> None:
    root = {"VolumeSize": 32, "SnapshotId": "snap-0f1a7ca2", "Encrypted": True}
    foreign(
        world,
        Name="Flatcar-pro-4593.2.5",
        ImageOwnerAlias="aws-marketplace",
        ProductCodes=[{"ProductCodeId": CODE, "ProductCodeType": "marketplace"}],
        BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": root}],
    )
    assert shown(world, Filters=[{"Name": name, "Values": [value]}]) == [UNKNOWN]


def test_pages_of_images_are_a_partition(world: World) -> None:
    for number in range(5):
        foreign(world, f"ami-0123456789abcde{number:02d}")
    whole, seen = shown(world), []
    token: dict[str, str] = {}
    while True:
        answer = world.call("DescribeImages", MaxResults=3, **token)
        assert len(answer["Images"]) <= 3
        seen += [i["ImageId"] for i in answer["Images"]]
        if "NextToken" not in answer:
            break
        token = {"NextToken": answer["NextToken"]}
    assert (seen, len(whole)) == (whole, 7)
