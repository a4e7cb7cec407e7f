"""Launch templates: made once, named by rule, checked where EC2 checks them."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.local.ec2.builders import ARM, World, codes_of


def create(name: str = "pool-1", token: str = "", **data: Any) -> dict[str, Any]:
    """Return a CreateLaunchTemplate request."""
    request = {"LaunchTemplateName": name, "LaunchTemplateData": {"ImageId": ARM, **data}}
    return request | ({"ClientToken": token} if token else {})


def test_a_repeated_token_returns_the_same_template(world: World) -> None:
    first = world.call("CreateLaunchTemplate", **create(token="t"))
    assert world.call("CreateLaunchTemplate", **create(token="t")) == first
    assert (
        world.refused("CreateLaunchTemplate", **create("other", token="t")) == "IdempotentParameterMismatch"
    )


def test_a_name_is_used_once(world: World) -> None:
    world.call("CreateLaunchTemplate", **create())
    assert (
        world.refused("CreateLaunchTemplate", **create())
        == "InvalidLaunchTemplateName.AlreadyExistsException"
    )


@pytest.mark.parametrize("name", ["ab", "a" * 129, "has space", "colon:ed"])
def test_a_name_breaks_no_rule(world: World, name: str) -> None:
    assert (
        world.refused("CreateLaunchTemplate", **create(name))
        == "InvalidLaunchTemplateName.MalformedException"
    )


@pytest.mark.parametrize("text", ["not base64!", base64.b64encode(b"x" * 16385).decode()])
def test_user_data_is_base64_of_at_most_16_kb(world: World, text: str) -> None:
    assert world.refused("CreateLaunchTemplate", **create(UserData=text)) == "InvalidUserData.Malformed"
    world.call("CreateLaunchTemplate", **create(UserData=base64.b64encode(b"x" * 16384).decode()))


def test_a_missing_image_or_group_is_a_warning_first_and_an_error_at_launch(world: World) -> None:
    wrong = create(SecurityGroupIds=["sg-0123456789abcdef0"])
    warned = world.call("CreateLaunchTemplate", **wrong)["Warning"]["Errors"]
    assert [w["Code"] for w in warned] == ["InvalidGroup.NotFound"]
    assert codes_of(world.fleet(template="pool-1")) == ["InvalidGroup.NotFound"]


def test_templates_are_found_by_id_name_and_tag(world: World) -> None:
    tags = [{"ResourceType": "launch-template", "Tags": [{"Key": "railyard:stack", "Value": "s"}]}]
    made = world.call("CreateLaunchTemplate", **create(), TagSpecifications=tags)["LaunchTemplate"]
    found = [
        world.call("DescribeLaunchTemplates", **question)["LaunchTemplates"]
        for question in (
            {"LaunchTemplateIds": [made["LaunchTemplateId"]]},
            {"LaunchTemplateNames": ["pool-1"]},
            {"Filters": [{"Name": "tag:railyard:stack", "Values": ["s"]}]},
        )
    ]
    assert found == [[made]] * 3
    (version,) = world.call("DescribeLaunchTemplateVersions", LaunchTemplateName="pool-1")[
        "LaunchTemplateVersions"
    ]
    assert version["LaunchTemplateData"] == {"ImageId": ARM}


def test_a_deleted_template_is_unknown(world: World) -> None:
    template_id = world.template("pool-1", ImageId=ARM)
    world.call("DeleteLaunchTemplate", LaunchTemplateId=template_id)
    absent = world.refused("DescribeLaunchTemplates", LaunchTemplateIds=[template_id])
    assert absent == "InvalidLaunchTemplateId.NotFound"
    absent = world.refused("DescribeLaunchTemplates", LaunchTemplateNames=["pool-1"])
    assert absent == "InvalidLaunchTemplateName.NotFoundException"
    world.template("pool-1", ImageId=ARM)


def test_a_version_that_does_not_exist_is_refused(world: World) -> None:
    question = {"LaunchTemplateName": "arm", "Versions": ["2"]}
    assert (
        world.refused("DescribeLaunchTemplateVersions", **question)
        == "InvalidLaunchTemplateId.VersionNotFound"
    )
