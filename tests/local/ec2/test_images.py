"""DescribeImages: by id, owner and filter, in every region."""

from __future__ import annotations

from typing import Any

from tests.local.ec2.builders import ARM, OWNER, REGION, X86, World, an_image

UNKNOWN = "ami-0123456789abcdef0"


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
