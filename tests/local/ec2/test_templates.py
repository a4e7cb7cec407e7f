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


def versions(world: World, **question: Any) -> list[dict[str, Any]]:
    """Return what a question for versions of ``arm`` finds, or of what it names itself."""
    named = (
        {}
        if question.get("LaunchTemplateId") or question.pop("every", False)
        else {"LaunchTemplateName": "arm"}
    )
    answer = world.call("DescribeLaunchTemplateVersions", **named, **question)
    found: list[dict[str, Any]] = answer["LaunchTemplateVersions"]
    return found


def numbers(world: World, **question: Any) -> list[int]:
    """Return the numbers of the versions that a question finds."""
    return [version["VersionNumber"] for version in versions(world, **question)]


def grow(world: World, token: str = "", **data: Any) -> dict[str, Any]:
    """Add a version to ``arm``."""
    request = {"LaunchTemplateName": "arm", "LaunchTemplateData": data}
    return world.call("CreateLaunchTemplateVersion", **request, **({"ClientToken": token} if token else {}))


def make_default(world: World, number: int) -> dict[str, Any]:
    """Make a version of ``arm`` its default."""
    answer = world.call("ModifyLaunchTemplate", LaunchTemplateName="arm", DefaultVersion=str(number))
    head: dict[str, Any] = answer["LaunchTemplate"]
    return head


def test_versions_are_numbered_in_order_and_the_first_stays_the_default(world: World) -> None:
    second = grow(world, ImageId=ARM, InstanceType="c7g.large")["LaunchTemplateVersion"]
    assert (second["VersionNumber"], second["DefaultVersion"]) == (2, False)
    (head,) = world.call("DescribeLaunchTemplates", LaunchTemplateNames=["arm"])["LaunchTemplates"]
    assert (head["DefaultVersionNumber"], head["LatestVersionNumber"]) == (1, 2)
    assert versions(world, Versions=["1"])[0]["LaunchTemplateData"] == {"ImageId": ARM}


def test_a_version_inherits_from_its_source_alone(world: World) -> None:
    grow(world, InstanceType="c7g.large", EbsOptimized=True)
    request = {"LaunchTemplateName": "arm", "LaunchTemplateData": {"InstanceType": "c7g.8xlarge"}}
    inherited = world.call("CreateLaunchTemplateVersion", **request, SourceVersion="2")
    assert inherited["LaunchTemplateVersion"]["LaunchTemplateData"] == {
        "InstanceType": "c7g.8xlarge",
        "EbsOptimized": True,
    }
    alone = world.call("CreateLaunchTemplateVersion", **request)
    assert alone["LaunchTemplateVersion"]["LaunchTemplateData"] == {"InstanceType": "c7g.8xlarge"}


def test_snapshots_of_a_source_version_are_not_inherited(world: World) -> None:
    ebs = {"SnapshotId": "snap-0f1a7ca1", "VolumeSize": 20}
    grow(world, BlockDeviceMappings=[{"DeviceName": "/dev/sdf", "Ebs": ebs}])
    request = {"LaunchTemplateName": "arm", "LaunchTemplateData": {"InstanceType": "c7g.large"}}
    world.call("CreateLaunchTemplateVersion", **request, SourceVersion="2")
    devices = [v["LaunchTemplateData"]["BlockDeviceMappings"] for v in versions(world, Versions=["2", "3"])]
    assert devices[0] == [{"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 20}}]
    assert devices[1] == [{"DeviceName": "/dev/sdf", "Ebs": ebs}]


def test_a_repeated_token_makes_one_version(world: World) -> None:
    assert grow(world, token="t", ImageId=ARM) == grow(world, token="t", ImageId=ARM)
    assert numbers(world) == [2, 1]
    other = {"LaunchTemplateName": "arm", "LaunchTemplateData": {"EbsOptimized": True}, "ClientToken": "t"}
    assert world.refused("CreateLaunchTemplateVersion", **other) == "IdempotentParameterMismatch"


def test_a_version_with_a_wrong_image_is_made_with_a_warning(world: World) -> None:
    answer = grow(world, ImageId="ami-0123456789abcdef0")
    assert [w["Code"] for w in answer["Warning"]["Errors"]] == ["InvalidAMIID.NotFound"]
    assert "Warning" not in grow(world, ImageId=ARM)


def test_the_default_version_is_what_is_used_until_another_is(world: World) -> None:
    grow(world, ImageId=ARM, EbsOptimized=True)
    assert numbers(world, Versions=["$Default"]) == [1]
    assert make_default(world, 2)["DefaultVersionNumber"] == 2
    assert numbers(world, Versions=["$Default"]) == [2]
    unknown = {"LaunchTemplateName": "arm", "DefaultVersion": "9"}
    assert world.refused("ModifyLaunchTemplate", **unknown) == "InvalidLaunchTemplateId.VersionNotFound"


def test_a_fleet_says_which_version_it_used(world: World) -> None:
    world.ec2.set_capacity("c7g.large", "us-east-1a", "on-demand", 3)
    grow(world, ImageId=ARM, EbsOptimized=True)
    found = []
    for version in ("1", "$Latest"):
        specification = {"LaunchTemplateName": "arm", "Version": version}
        overrides = [{"InstanceType": "c7g.large", "AvailabilityZone": "us-east-1a"}]
        config = {"LaunchTemplateSpecification": specification, "Overrides": overrides}
        answer = world.fleet(count=2, LaunchTemplateConfigs=[config])
        told = [*answer["Instances"], *answer["Errors"]]
        said = {t["LaunchTemplateAndOverrides"]["LaunchTemplateSpecification"]["Version"] for t in told}
        (shown, *_) = world.shown(InstanceIds=answer["Instances"][0]["InstanceIds"])
        tags = {t["Key"]: t["Value"] for t in shown["Tags"]}
        found.append((said, tags["aws:ec2launchtemplate:version"], shown["EbsOptimized"]))
    assert found == [({"1"}, "1", False), ({"2"}, "2", True)]


def test_the_default_version_is_never_deleted_and_no_number_used_again(world: World) -> None:
    grow(world, ImageId=ARM)
    grow(world, ImageId=ARM)
    request = {"LaunchTemplateName": "arm", "Versions": ["1", "3", "9"]}
    answer = world.call("DeleteLaunchTemplateVersions", **request)
    deleted = answer["SuccessfullyDeletedLaunchTemplateVersions"]
    failed = answer["UnsuccessfullyDeletedLaunchTemplateVersions"]
    assert [d["VersionNumber"] for d in deleted] == [3]
    assert [(f["VersionNumber"], f["ResponseError"]["Code"]) for f in failed] == [
        (1, "unexpectedError"),
        (9, "launchTemplateVersionDoesNotExist"),
    ]
    assert numbers(world) == [2, 1]
    assert grow(world, ImageId=ARM)["LaunchTemplateVersion"]["VersionNumber"] == 4


def test_versions_come_newest_first_in_pages(world: World) -> None:
    for _ in range(3):
        grow(world, ImageId=ARM)
    seen: list[list[int]] = []
    token: dict[str, str] = {}
    while True:
        question = {"LaunchTemplateName": "arm", "MaxResults": 2, **token}
        answer = world.call("DescribeLaunchTemplateVersions", **question)
        seen.append([version["VersionNumber"] for version in answer["LaunchTemplateVersions"]])
        if not answer.get("NextToken"):
            break
        token = {"NextToken": answer["NextToken"]}
    assert seen == [[4, 3], [2, 1]]


def test_versions_are_found_by_range_name_and_filter(world: World) -> None:
    grow(world, ImageId=ARM, InstanceType="c7g.large")
    grow(world, ImageId=ARM)
    assert numbers(world, MinVersion="2") == [3, 2]
    assert numbers(world, MaxVersion="2") == [2, 1]
    assert numbers(world, Versions=["$Latest", "$Default"]) == [3, 1]
    by_type = [{"Name": "instance-type", "Values": ["c7g.large"]}]
    assert numbers(world, Filters=by_type) == [2]
    assert numbers(world, Filters=[{"Name": "is-default-version", "Values": ["true"]}]) == [1]


def test_without_a_template_only_every_latest_or_default_is_shown(world: World) -> None:
    grow(world, ImageId=ARM)
    world.template("pool-1", ImageId=ARM)
    latest = versions(world, every=True, Versions=["$Latest"])
    assert {v["LaunchTemplateName"]: v["VersionNumber"] for v in latest} == {"arm": 2, "pool-1": 1}
    assert world.refused("DescribeLaunchTemplateVersions", Versions=["1"]) == "MissingParameter"
