"""Which image a launch may have: the Allowed AMIs settings, and images named by an SSM parameter."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from local.ec2 import Ec2
from tests.local.ec2.builders import ARM, OWNER, REGION, X86, World, an_image, codes_of, fleet_request, ids_of

MINE = "ami-0123456789abcdef0"
ALIAS = "resolve:ssm:/golden"
EVERYWHERE = {"ImageProviders": ["amazon"]}


@dataclass
class Named(World):
    """A world with SSM parameters."""

    parameters: dict[str, str] = field(default_factory=lambda: {"/golden": ARM})

    def _model(self) -> Ec2:
        return Ec2(
            lambda: self.now,
            timing=self.timing,
            parameters=lambda region, name: self.parameters.get(name) if region == REGION else None,
        )


def allow(world: World, *criteria: dict[str, Any], state: str = "enabled") -> None:
    """Set criteria and turn the settings on."""
    world.call("ReplaceImageCriteriaInAllowedImagesSettings", ImageCriteria=list(criteria))
    world.call("EnableAllowedImagesSettings", AllowedImagesSettingsState=state)


def shown(world: World, **question: Any) -> dict[str, bool | None]:
    """Return the images that a search shows, with what it says of their being allowed."""
    images = world.call("DescribeImages", **question)["Images"]
    return {i["ImageId"]: i.get("ImageAllowed") for i in images}


def launched_image(world: World, **changes: Any) -> str:
    """Launch one instance and return its image."""
    (instance_id,) = ids_of(world.fleet(**changes))
    (instance,) = world.shown(InstanceIds=[instance_id])
    return str(instance["ImageId"])


def test_settings_hide_and_forbid_the_images_of_others(world: World) -> None:
    allow(world, {"ImageProviders": ["amazon", "210987654321"]})
    assert shown(world) == {}
    assert world.refused("DescribeImages", ImageIds=[ARM]) == "InvalidAMIID.NotFound"
    assert codes_of(world.fleet()) == ["InvalidAMIID.NotFound"]
    allow(world, {"ImageProviders": [OWNER]})
    assert shown(world) == {ARM: True, X86: True}
    assert codes_of(world.fleet()) == []


def test_our_own_images_are_always_allowed(world: World) -> None:
    world.ec2.add_image(REGION, an_image(MINE, "arm64", OwnerId="123456789012", Public=False))
    allow(world, {"ImageProviders": ["none"]})
    assert shown(world) == {MINE: True}


def test_audit_mode_only_says_what_would_be_allowed(world: World) -> None:
    world.ec2.add_image(REGION, an_image(MINE, "arm64", ImageOwnerAlias="amazon"))
    allow(world, EVERYWHERE, state="audit-mode")
    assert shown(world) == {MINE: True, ARM: False, X86: False}
    assert set(shown(world, Filters=[{"Name": "image-allowed", "Values": ["true"]}])) == {MINE}
    assert codes_of(world.fleet()) == []


def test_disabled_settings_allow_everything_and_keep_their_criteria(world: World) -> None:
    assert world.call("GetAllowedImagesSettings")["State"] == "disabled"
    allow(world, EVERYWHERE)
    world.call("DisableAllowedImagesSettings")
    assert shown(world) == {ARM: None, X86: None}
    assert world.call("GetAllowedImagesSettings")["ImageCriteria"] == [EVERYWHERE]


def test_settings_belong_to_a_region(world: World) -> None:
    allow(world, {"ImageProviders": ["none"]})
    world.ec2.add_image("eu-west-1", an_image(MINE, "arm64"))
    assert len(world.call("DescribeImages", "eu-west-1")["Images"]) == 1


@pytest.mark.parametrize(
    ("criterion", "allowed"),
    [
        ({"ImageNames": ["Flatcar-*-arm64-hvm"]}, {ARM}),
        ({"CreationDateCondition": {"MaximumDaysSinceCreated": 30}}, {X86}),
        ({"DeprecationTimeCondition": {"MaximumDaysSinceDeprecated": 0}}, {X86}),
        ({"MarketplaceProductCodes": ["4hnf2xyz"]}, {ARM}),
        ({"ImageProviders": [OWNER], "ImageNames": ["nothing"]}, set()),
    ],
)
def test_a_criterion_holds_if_all_its_parts_do(
    world: World, criterion: dict[str, Any], allowed: set[str]
) -> None:
    codes = [{"ProductCodeId": "4hnf2xyz", "ProductCodeType": "marketplace"}]
    old = {"DeprecationTime": "2026-11-01T00:00:00.000Z", "ProductCodes": codes}
    world.ec2.add_image(REGION, an_image(ARM, "arm64", **old))
    world.ec2.add_image(REGION, an_image(X86, "x86_64", CreationDate="2026-11-19T00:00:00.000Z"))
    allow(world, criterion)
    assert set(shown(world, IncludeDeprecated=True)) == allowed


def test_criteria_keep_their_rules(world: World) -> None:
    for wrong in ([{"ImageProviders": ["none", OWNER]}], [{"ImageProviders": ["me"]}], [EVERYWHERE] * 11):
        question = {"ImageCriteria": wrong}
        refused = world.refused("ReplaceImageCriteriaInAllowedImagesSettings", **question)
        assert refused == "InvalidParameterValue"


def test_an_alias_is_read_at_each_launch() -> None:
    world = Named()
    other = "ami-0123456789abcdef1"
    world.ec2.add_image(REGION, an_image(other, "arm64"))
    world.template("golden", ImageId=ALIAS)
    assert launched_image(world, template="golden") == ARM
    world.parameters["/golden"] = other
    assert launched_image(world, template="golden") == other
    world.parameters["/golden:2"] = ARM
    override = {"InstanceType": "c7g.large", "ImageId": f"{ALIAS}:2"}
    (instance_id,) = ids_of(world.fleet(override))
    assert world.shown(InstanceIds=[instance_id])[0]["ImageId"] == ARM


def test_an_alias_that_nothing_stands_behind_is_refused() -> None:
    world = Named()
    data = {"ImageId": "resolve:ssm:/absent"}
    question = {"LaunchTemplateName": "absent", "LaunchTemplateData": data}
    assert world.refused("CreateLaunchTemplate", **question) == "SsmInvalidParameter"
    world.template("golden", ImageId=ALIAS)
    del world.parameters["/golden"]
    assert codes_of(world.fleet(template="golden")) == ["SsmInvalidParameter"]


def test_a_template_shows_the_alias_or_what_it_stands_for() -> None:
    world = Named()
    world.template("golden", ImageId=ALIAS)
    shown = []
    for resolve in (False, True):
        question = {"LaunchTemplateName": "golden", "ResolveAlias": resolve}
        (version,) = world.call("DescribeLaunchTemplateVersions", **question)["LaunchTemplateVersions"]
        shown.append(version["LaunchTemplateData"]["ImageId"])
    assert shown == [ALIAS, ARM]


def test_an_alias_is_no_image_id_to_a_search() -> None:
    world = Named()
    assert world.refused("DescribeImages", ImageIds=[ALIAS]) == "InvalidAMIID.Malformed"


def test_a_token_is_bound_to_what_an_alias_stood_for() -> None:
    world = Named()
    override = {"InstanceType": "c7g.large", "AvailabilityZone": f"{REGION}a", "ImageId": ALIAS}
    request = fleet_request(override, ClientToken="t")
    first = world.call("CreateFleet", **request)
    assert world.call("CreateFleet", **request) == first
    world.parameters["/golden"] = X86
    assert world.refused("CreateFleet", **request) == "IdempotentParameterMismatch"
