"""CreateFleet of type instant: what it launches, what it refuses, and in which order it tries."""

from __future__ import annotations

from typing import Any

import pytest

from local.ec2.catalogue import on_demand_usd_per_hour
from tests.local.ec2.builders import (
    ARM,
    REGION,
    X86,
    World,
    an_image,
    an_override,
    codes_of,
    fleet_request,
    ids_of,
)

A, B = f"{REGION}a", f"{REGION}b"


def test_a_repeated_token_returns_the_same_fleet(world: World) -> None:
    first = world.fleet(count=2, ClientToken="launch-1")
    world.wait(3000)
    assert world.fleet(count=2, ClientToken="launch-1") == first
    assert len(world.shown()) == 2


def test_a_token_with_other_parameters_is_a_mismatch(world: World) -> None:
    world.fleet(count=2, ClientToken="launch-1")
    assert world.refused("CreateFleet", **fleet_request(count=3, ClientToken="launch-1")) == (
        "IdempotentParameterMismatch"
    )
    assert len(world.shown()) == 2


def test_a_refused_request_does_not_use_up_its_token(world: World) -> None:
    request = fleet_request(template="later", ClientToken="launch-1")
    assert world.refused("CreateFleet", **request) == "InvalidLaunchTemplateName.NotFoundException"
    world.template("later", ImageId=ARM)
    assert len(ids_of(world.call("CreateFleet", **request))) == 1


def test_a_token_of_more_than_64_characters_is_refused(world: World) -> None:
    assert world.refused("CreateFleet", **fleet_request(ClientToken="x" * 65)) == "InvalidParameterValue"


@pytest.mark.parametrize(
    ("market", "code"), [("on-demand", "InsufficientInstanceCapacity"), ("spot", "UnfulfillableCapacity")]
)
def test_an_empty_pool_is_passed_over_and_named_in_the_errors(world: World, market: str, code: str) -> None:
    world.ec2.set_capacity("c7g.large", A, market, 0)
    answer = world.fleet(an_override(), an_override("c7g.8xlarge", "b"), market=market)
    assert codes_of(answer) == [code]
    assert answer["Errors"][0]["LaunchTemplateAndOverrides"]["Overrides"]["AvailabilityZone"] == A
    assert answer["Errors"][0]["Lifecycle"] == market
    assert [g["InstanceType"] for g in answer["Instances"]] == ["c7g.8xlarge"]


def test_a_fleet_takes_what_there_is_and_says_what_there_was_not(world: World) -> None:
    world.ec2.set_capacity("c7g.large", A, "on-demand", 3)
    answer = world.fleet(count=10)
    assert len(ids_of(answer)) == 3
    assert codes_of(answer) == ["InsufficientInstanceCapacity"]
    assert world.ec2.capacity("c7g.large", A, "on-demand") == 0


def test_a_fleet_that_got_nothing_still_has_an_id(world: World) -> None:
    world.ec2.set_capacity("c7g.large", A, "on-demand", 0)
    answer = world.fleet()
    assert answer["FleetId"].startswith("fleet-")
    assert answer["Instances"] == []


def test_on_demand_takes_the_cheapest_type_first(world: World) -> None:
    types = ["m7g.4xlarge", "c7g.large", "r7g.xlarge"]
    answer = world.fleet(*(an_override(t) for t in types))
    cheapest = min(types, key=lambda t: on_demand_usd_per_hour()[t])
    assert answer["Instances"][0]["InstanceType"] == cheapest


def test_prioritized_on_demand_takes_the_lowest_number_first(world: World) -> None:
    overrides = [an_override("c7g.large", Priority=2.0), an_override("m7g.4xlarge", Priority=1.0)]
    answer = world.fleet(*overrides, OnDemandOptions={"AllocationStrategy": "prioritized"})
    assert answer["Instances"][0]["InstanceType"] == "m7g.4xlarge"


def test_spot_by_price_and_capacity_prefers_the_cheap(world: World) -> None:
    overrides = [an_override("m7g.16xlarge"), an_override("c7g.large")]
    options = {"AllocationStrategy": "price-capacity-optimized"}
    answer = world.fleet(*overrides, market="spot", SpotOptions=options)
    assert answer["Instances"][0]["InstanceType"] == "c7g.large"
    assert answer["Instances"][0]["Lifecycle"] == "spot"


def test_a_minimum_that_one_type_cannot_give_launches_nothing(world: World) -> None:
    world.ec2.set_capacity("c7g.large", A, "on-demand", 3)
    world.ec2.set_capacity("m7g.large", A, "on-demand", 1)
    options = {"MinTargetCapacity": 4, "SingleInstanceType": True}
    answer = world.fleet(an_override(), an_override("m7g.large"), count=4, OnDemandOptions=options)
    assert answer["Instances"] == []
    assert world.ec2.capacity("c7g.large", A, "on-demand") == 3


def test_a_minimum_of_one_type_goes_to_the_type_that_can(world: World) -> None:
    world.ec2.set_capacity("c7g.large", A, "on-demand", 3)
    world.ec2.set_capacity("m7g.large", A, "on-demand", 9)
    options = {"MinTargetCapacity": 4, "SingleInstanceType": True}
    answer = world.fleet(an_override(), an_override("m7g.large"), count=4, OnDemandOptions=options)
    assert [(g["InstanceType"], len(g["InstanceIds"])) for g in answer["Instances"]] == [("m7g.large", 4)]


def test_a_minimum_needs_one_type_or_one_zone(world: World) -> None:
    request = fleet_request(count=2, OnDemandOptions={"MinTargetCapacity": 2})
    assert world.refused("CreateFleet", **request) == "InvalidParameterCombination"


@pytest.mark.parametrize(
    ("override", "code"),
    [
        (an_override("m5.large"), "InvalidParameterValue"),
        (an_override(ImageId="ami-0123456789abcdef0"), "InvalidAMIID.NotFound"),
        (an_override(ImageId="nonsense"), "InvalidAMIID.Malformed"),
        ({"InstanceType": "c7g.large", "SubnetId": "subnet-0123456789abcdef0"}, "InvalidSubnetID.NotFound"),
        (an_override("p99.large"), "InvalidParameterValue"),
        (an_override("r9g.large"), "Unsupported"),
        (an_override(BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 8}}]),
         "InvalidBlockDeviceMapping"),
    ],
)  # fmt: skip
def test_an_override_that_cannot_launch_is_an_error_beside_the_others(
    world: World, override: dict[str, Any], code: str
) -> None:
    answer = world.fleet({**override, "Priority": 1.0}, an_override("c7g.8xlarge", "b", Priority=2.0),
                         OnDemandOptions={"AllocationStrategy": "prioritized"})  # fmt: skip
    assert codes_of(answer) == [code]
    assert len(ids_of(answer)) == 1


def test_an_image_that_is_no_longer_available_does_not_launch(world: World) -> None:
    world.ec2.add_image(REGION, an_image(ARM, "arm64", State="deregistered"))
    assert codes_of(world.fleet()) == ["InvalidAMIID.Unavailable"]


def test_two_subnets_of_one_zone_are_refused(world: World) -> None:
    subnet = world.ec2.subnet_ids[A]
    first, second = {"InstanceType": "c7g.large", "SubnetId": subnet}, an_override("m7g.large")
    assert len(ids_of(world.fleet(first, second))) == 1
    world.ec2._state.subnets["subnet-0aaaaaaaaaaaaaaaa"] = world.ec2._state.subnets[subnet]
    third = {"InstanceType": "m7g.large", "SubnetId": "subnet-0aaaaaaaaaaaaaaaa"}
    assert world.refused("CreateFleet", **fleet_request(first, third)) == "InvalidFleetConfig"


def test_a_subnet_without_addresses_refuses(world: World) -> None:
    subnet = world.ec2._state.subnets[world.ec2.subnet_ids[A]]
    while subnet.available > 1:
        subnet.take()
    answer = world.fleet(count=2)
    assert len(ids_of(answer)) == 1
    assert codes_of(answer) == ["InsufficientFreeAddressesInSubnet"]


def test_two_types_share_the_addresses_of_their_subnet(world: World) -> None:
    subnet = world.ec2._state.subnets[world.ec2.subnet_ids[A]]
    while subnet.available > 1:
        subnet.take()
    answer = world.fleet(an_override(), an_override("m7g.large"), count=2)
    assert len(ids_of(answer)) == 1
    assert codes_of(answer) == ["InsufficientFreeAddressesInSubnet"] * 2


def test_a_spot_price_limit_below_the_price_refuses(world: World) -> None:
    answer = world.fleet(an_override(MaxPrice="0.002"), market="spot")
    assert codes_of(answer) == ["SpotMaxPriceTooLow"]


def test_an_override_without_a_place_may_use_every_zone(world: World) -> None:
    world.ec2.set_capacity("c7g.large", A, "on-demand", 0)
    answer = world.fleet({"InstanceType": "c7g.large"})
    assert answer["Instances"][0]["AvailabilityZone"] == B


@pytest.mark.parametrize("kind", ["request", "maintain"])
def test_other_fleets_are_refused_by_name(world: World, kind: str) -> None:
    assert world.refused("CreateFleet", **fleet_request(Type=kind)) == "UnsupportedOperation"


def test_a_dry_run_launches_nothing(world: World) -> None:
    assert world.refused("CreateFleet", **fleet_request(DryRun=True)) == "DryRunOperation"
    assert world.shown() == []


def test_there_is_no_compute_in_another_region(world: World) -> None:
    assert world.refused("CreateFleet", "eu-west-1", **fleet_request()) == "UnsupportedOperation"
    assert world.call("DescribeInstances", "eu-west-1") == {"Reservations": []}


def test_tags_reach_instance_volume_interface_and_fleet(world: World) -> None:
    kinds = ("instance", "volume", "network-interface", "fleet")
    listed = [{"ResourceType": k, "Tags": [{"Key": "railyard:pool", "Value": k}]} for k in kinds]
    answer = world.fleet(TagSpecifications=listed)
    instance = world.ec2.instance(ids_of(answer)[0])
    interface = instance.birth["NetworkInterfaces"][0]["NetworkInterfaceId"]
    resources = (
        instance.instance_id,
        world.ec2.volumes_of(instance.instance_id)[0].volume_id,
        interface,
        answer["FleetId"],
    )
    assert [world.ec2.tags(r)["railyard:pool"] for r in resources] == list(kinds)
    assert world.ec2.tags(instance.instance_id)["aws:ec2:fleet-id"] == answer["FleetId"]


def test_a_tag_that_metadata_could_not_serve_refuses_the_launch(world: World) -> None:
    world.template("imds", ImageId=ARM, MetadataOptions={"InstanceMetadataTags": "enabled"})
    assert codes_of(world.fleet(template="imds", tags={"a key": "x"})) == ["InvalidParameterValue"]
    assert codes_of(world.fleet(template="imds", tags={"railyard:pool": "x"})) == []


def test_an_image_of_another_architecture_in_the_override_wins_over_the_template(world: World) -> None:
    answer = world.fleet(an_override("m5.large", ImageId=X86))
    assert world.ec2.instance(ids_of(answer)[0]).birth["ImageId"] == X86


def test_an_instant_fleet_shows_by_id_only(world: World) -> None:
    fleet_id = world.fleet(count=2)["FleetId"]
    assert world.call("DescribeFleets") == {"Fleets": []}
    (fleet,) = world.call("DescribeFleets", FleetIds=[fleet_id])["Fleets"]
    assert (fleet["FleetState"], fleet["FulfilledCapacity"]) == ("active", 2.0)
    assert world.refused("DescribeFleets", FleetIds=["fleet-x"]) == "InvalidFleetId.NotFound"


def test_deleting_a_fleet_terminates_its_instances(world: World) -> None:
    answer = world.fleet(count=2)
    deleted = world.call("DeleteFleets", FleetIds=[answer["FleetId"], "fleet-x"], TerminateInstances=True)
    assert [f["CurrentFleetState"] for f in deleted["SuccessfulFleetDeletions"]] == ["deleted_terminating"]
    assert [f["Error"]["Code"] for f in deleted["UnsuccessfulFleetDeletions"]] == ["fleetIdDoesNotExist"]
    assert {world.state_of(i) for i in ids_of(answer)} == {"terminated"}


def test_an_instant_fleet_cannot_leave_its_instances_behind(world: World) -> None:
    fleet_id = world.fleet()["FleetId"]
    assert (
        world.refused("DeleteFleets", FleetIds=[fleet_id], TerminateInstances=False) == "UnsupportedOperation"
    )
