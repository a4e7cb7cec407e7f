"""RunInstances: how many, where, from what, once per token; and instances that die at birth."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

import pytest

from local.ec2 import PROMPT
from tests.local.ec2.builders import ARM, REGION, World, ids_of, members

A, B = f"{REGION}a", f"{REGION}b"
UNKNOWN = "0123456789abcdef0"


def a_run(at_least: int = 1, at_most: int = 0, zone: str = A, **changes: Any) -> dict[str, Any]:
    """Return a RunInstances request for c7g.large; an empty *zone* leaves the place to EC2."""
    place = {"Placement": {"AvailabilityZone": zone}} if zone else {}
    counts = {"MinCount": at_least, "MaxCount": at_most or at_least}
    return {"ImageId": ARM, "InstanceType": "c7g.large", **counts, **place, **changes}


def run(world: World, **request: Any) -> list[dict[str, Any]]:
    """Run instances and return what the answer shows of them."""
    instances: list[dict[str, Any]] = world.call("RunInstances", **request)["Instances"]
    return instances


def spot(**options: Any) -> dict[str, Any]:
    """Return the market options of a spot launch."""
    return {"InstanceMarketOptions": {"MarketType": "spot", "SpotOptions": options}}


def test_as_many_as_fit_between_the_counts_are_launched(world: World) -> None:
    world.ec2.set_capacity("c7g.large", A, "on-demand", 3)
    assert len(run(world, **a_run(2, 5))) == 3
    assert world.ec2.capacity("c7g.large", A, "on-demand") == 0


@pytest.mark.parametrize("market", ["on-demand", "spot"])
def test_less_than_the_minimum_launches_nothing_and_takes_nothing(world: World, market: str) -> None:
    world.ec2.set_capacity("c7g.large", A, market, 3)
    request = a_run(4, 5, **(spot() if market == "spot" else {}))
    assert world.refused("RunInstances", **request) == "InsufficientInstanceCapacity"
    assert world.ec2.instances() == ()
    assert world.ec2.capacity("c7g.large", A, market) == 3


def test_without_a_place_ec2_chooses_one_zone_for_all(world: World) -> None:
    for letter in "acdef":
        world.ec2.set_capacity("c7g.large", f"{REGION}{letter}", "on-demand", 2)
    world.ec2.set_capacity("c7g.large", B, "on-demand", 3)
    launched = run(world, **a_run(3, zone=""))
    assert {i["Placement"]["AvailabilityZone"] for i in launched} == {B}
    assert world.refused("RunInstances", **a_run(3, zone="")) == "InsufficientInstanceCapacity"


def test_the_instances_of_one_launch_share_a_reservation(world: World) -> None:
    answer = world.call("RunInstances", **a_run(3))
    assert answer["ReservationId"].startswith("r-")
    assert [i["AmiLaunchIndex"] for i in answer["Instances"]] == [0, 1, 2]
    assert {i["State"]["Name"] for i in answer["Instances"]} == {"pending"}
    (reservation,) = world.call("DescribeInstances")["Reservations"]
    assert reservation["ReservationId"] == answer["ReservationId"]
    assert [i["InstanceId"] for i in reservation["Instances"]] == [
        i["InstanceId"] for i in answer["Instances"]
    ]


@pytest.mark.parametrize(("at_least", "at_most"), [(0, 1), (2, 1)])
def test_a_minimum_is_at_least_one_and_at_most_the_maximum(world: World, at_least: int, at_most: int) -> None:
    request = {**a_run(), "MinCount": at_least, "MaxCount": at_most}
    assert world.refused("RunInstances", **request) == "InvalidParameterValue"


def test_the_requests_parameters_win_over_the_templates(world: World) -> None:
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "a", "Value": "t"}, {"Key": "b", "Value": "t"}]}]
    world.template("big", ImageId=ARM, InstanceType="c7g.8xlarge", EbsOptimized=True, TagSpecifications=tags)
    asked = [{"ResourceType": "instance", "Tags": [{"Key": "a", "Value": "r"}]}]
    request = {**a_run(TagSpecifications=asked), "LaunchTemplate": {"LaunchTemplateName": "big"}}
    (launched,) = run(world, **request)
    assert (launched["InstanceType"], launched["EbsOptimized"]) == ("c7g.large", True)
    told = {t["Key"]: t["Value"] for t in launched["Tags"]}
    assert (told["a"], told["b"]) == ("r", "t")


def test_a_launch_says_which_version_of_its_template_it_is_from(world: World) -> None:
    template_id = world.template("grown", ImageId=ARM, InstanceType="c7g.8xlarge")
    data = {"ImageId": ARM, "InstanceType": "c7g.large"}
    world.call("CreateLaunchTemplateVersion", LaunchTemplateId=template_id, LaunchTemplateData=data)
    found = []
    for version in ("1", "2", "$Default", "$Latest"):
        request = {"LaunchTemplate": {"LaunchTemplateId": template_id, "Version": version}}
        (launched,) = run(world, MinCount=1, MaxCount=1, **request)
        told = {t["Key"]: t["Value"] for t in launched["Tags"]}
        assert told["aws:ec2launchtemplate:id"] == template_id
        found.append((launched["InstanceType"], told["aws:ec2launchtemplate:version"]))
    assert found == [("c7g.8xlarge", "1"), ("c7g.large", "2")] * 2


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"ImageId": f"ami-{UNKNOWN}"}, "InvalidAMIID.NotFound"),
        ({"InstanceType": "p99.large"}, "InvalidParameterValue"),
        ({"InstanceType": "m5.large"}, "InvalidParameterValue"),
        ({"SubnetId": f"subnet-{UNKNOWN}", "Placement": {}}, "InvalidSubnetID.NotFound"),
        ({"Placement": {"AvailabilityZone": "us-east-1z"}}, "InvalidParameterValue"),
        ({"SecurityGroupIds": [f"sg-{UNKNOWN}"]}, "InvalidGroup.NotFound"),
        ({"LaunchTemplate": {"LaunchTemplateName": "absent"}}, "InvalidLaunchTemplateName.NotFoundException"),
        ({"UserData": base64.b64encode(b"x" * 16385).decode()}, "InvalidUserData.Malformed"),
    ],
)
def test_what_does_not_exist_or_fit_is_refused_and_nothing_launched(
    world: World, changes: dict[str, Any], code: str
) -> None:
    assert world.refused("RunInstances", **a_run(**changes)) == code
    assert world.shown() == []


@pytest.mark.parametrize(
    "changes",
    [
        {"CpuOptions": {"CoreCount": 1, "ThreadsPerCore": 1}},
        {"HibernationOptions": {"Configured": True}},
        {"Placement": {"AvailabilityZone": A, "Tenancy": "dedicated"}},
        {"PrivateIpAddress": "172.31.0.9"},
        spot(SpotInstanceType="persistent"),
        {"NetworkInterfaces": [{"DeviceIndex": 0}, {"DeviceIndex": 1}]},
    ],
)
def test_a_launch_that_is_not_modelled_is_refused_by_name(world: World, changes: dict[str, Any]) -> None:
    assert world.refused("RunInstances", **a_run(**changes)) == "UnsupportedOperation"


def test_a_full_subnet_refuses_a_launch(world: World) -> None:
    for zone in (A, B):
        world.ec2.set_capacity("c7g.large", zone, "on-demand", 5000)
    assert len(run(world, **a_run(1, 5000))) == 4091
    assert world.refused("RunInstances", **a_run()) == "InsufficientFreeAddressesInSubnet"
    assert len(run(world, **a_run(zone=B))) == 1


def test_a_spot_launch_is_one_time_and_says_so(world: World) -> None:
    (launched,) = run(world, **a_run(**spot(SpotInstanceType="one-time", MaxPrice="9")))
    assert launched["InstanceLifecycle"] == "spot"
    assert launched["SpotInstanceRequestId"].startswith("sir-")
    stop = a_run(**spot(InstanceInterruptionBehavior="stop"))
    assert world.refused("RunInstances", **stop) == "InvalidParameterCombination"


@pytest.mark.parametrize(("price", "code"), [("0.002", "SpotMaxPriceTooLow"), ("0.001", "InvalidParameterValue")])  # fmt: skip
def test_a_maximum_price_has_to_reach_the_spot_price(world: World, price: str, code: str) -> None:
    assert world.refused("RunInstances", **a_run(**spot(MaxPrice=price))) == code


def test_tags_reach_everything_that_a_launch_makes(world: World) -> None:
    kinds = ("instance", "volume", "network-interface", "spot-instances-request")
    listed = [{"ResourceType": k, "Tags": [{"Key": "railyard:kind", "Value": k}]} for k in kinds]
    (launched,) = run(world, **a_run(TagSpecifications=listed, **spot()))
    filters = [{"Name": "key", "Values": ["railyard:kind"]}]
    found = {t["Value"]: t["ResourceId"] for t in world.call("DescribeTags", Filters=filters)["Tags"]}
    assert found.keys() == set(kinds)
    assert found["instance"] == launched["InstanceId"]
    assert found["spot-instances-request"] == launched["SpotInstanceRequestId"]
    assert found["network-interface"] == launched["NetworkInterfaces"][0]["NetworkInterfaceId"]


def test_a_repeated_run_token_launches_nothing_more(world: World) -> None:
    first, again = (run(world, **a_run(2, zone="", ClientToken="t")) for _ in range(2))
    assert [i["InstanceId"] for i in first] == [i["InstanceId"] for i in again]
    assert len(world.shown()) == 2


def test_a_token_with_a_zone_works_again_in_another_zone(world: World) -> None:
    first, other, again = (run(world, **a_run(zone=z, ClientToken="t"))[0] for z in (A, B, A))
    assert first["InstanceId"] == again["InstanceId"] != other["InstanceId"]
    assert other["Placement"]["AvailabilityZone"] == B


def test_a_run_token_with_other_parameters_is_a_mismatch(world: World) -> None:
    run(world, **a_run(ClientToken="t"))
    again = a_run(ClientToken="t", EbsOptimized=True)
    assert world.refused("RunInstances", **again) == "IdempotentParameterMismatch"
    assert len(world.shown()) == 1


def test_a_refused_run_leaves_its_token_unused(world: World) -> None:
    world.ec2.set_capacity("c7g.large", A, "on-demand", 0)
    assert world.refused("RunInstances", **a_run(ClientToken="t")) == "InsufficientInstanceCapacity"
    world.ec2.set_capacity("c7g.large", A, "on-demand", 1)
    assert len(run(world, **a_run(ClientToken="t"))) == 1


@pytest.mark.parametrize("seconds", [1, 3 * 3600])
def test_the_token_of_a_terminated_instance_is_spent(world: World, seconds: int) -> None:
    (launched,) = run(world, **a_run(ClientToken="t"))
    world.call("TerminateInstances", InstanceIds=[launched["InstanceId"]])
    world.wait(seconds)
    assert world.refused("RunInstances", **a_run(ClientToken="t")) == "IdempotentInstanceTerminated"


def test_a_repeated_run_shows_the_present_state(world: World) -> None:
    (first,) = run(world, **a_run(ClientToken="t"))
    world.wait(1)
    (again,) = run(world, **a_run(ClientToken="t"))
    assert [i["State"]["Name"] for i in (first, again)] == ["pending", "running"]


def test_instances_are_found_by_the_token_of_their_launch(world: World) -> None:
    run(world, **a_run(2, ClientToken="mine"))
    run(world, **a_run(1, ClientToken="other"))
    found = world.shown(Filters=[{"Name": "client-token", "Values": ["mine"]}])
    assert [i["ClientToken"] for i in found] == ["mine", "mine"]


def test_a_dry_run_still_refuses_what_is_wrong(world: World) -> None:
    world.ec2.set_capacity("c7g.large", A, "on-demand", 0)
    absent = a_run(ImageId=f"ami-{UNKNOWN}", DryRun=True)
    assert world.refused("RunInstances", **absent) == "InvalidAMIID.NotFound"
    assert world.refused("RunInstances", **a_run(DryRun=True)) == "DryRunOperation"
    assert world.ec2.instances() == ()


def test_an_interface_brings_its_subnet_and_groups_alone(world: World) -> None:
    group = {"GroupName": "nodes", "Description": "Nodes", "VpcId": world.ec2.vpc_id}
    group_id = world.call("CreateSecurityGroup", **group)["GroupId"]
    interface = {"DeviceIndex": 0, "SubnetId": world.ec2.subnet_ids[B], "Groups": [group_id]}
    (launched,) = run(world, **a_run(zone="", NetworkInterfaces=[interface]))
    assert launched["Placement"]["AvailabilityZone"] == B
    assert [g["GroupId"] for g in launched["SecurityGroups"]] == [group_id]
    for beside in ({"SubnetId": world.ec2.subnet_ids[A]}, {"SecurityGroupIds": [group_id]}):
        request = a_run(zone="", NetworkInterfaces=[interface], **beside)
        assert world.refused("RunInstances", **request) == "InvalidParameterCombination"


@pytest.mark.parametrize("wanted", [True, False])
def test_a_public_address_is_given_unless_it_is_declined(world: World, wanted: bool) -> None:
    interface = {"DeviceIndex": 0, "AssociatePublicIpAddress": wanted}
    (launched,) = run(world, **a_run(NetworkInterfaces=[interface]))
    assert ("PublicIpAddress" in launched) == wanted
    assert bool(launched["PublicDnsName"]) == wanted


@pytest.mark.parametrize(
    "code",
    [
        "Server.InsufficientInstanceCapacity",
        "Server.InternalError",
        "Client.VolumeLimitExceeded",
        "Client.InternalError",
        "Client.InvalidSnapshot.NotFound",
    ],
)
def test_a_launch_may_die_at_birth(world: World, code: str) -> None:
    world.ec2.fail_births(code, count=1)
    (launched,) = run(world, **a_run())
    world.wait(1)
    (shown,) = world.shown(InstanceIds=[launched["InstanceId"]])
    assert (shown["State"]["Name"], shown["StateReason"]["Code"]) == ("terminated", code)
    assert [e["detail"]["state"] for e in world.events if "state" in e["detail"]] == [
        "pending",
        "shutting-down",
        "terminated",
    ]


def test_a_dead_birth_gives_its_capacity_back(world: World) -> None:
    world.ec2.set_capacity("c7g.large", A, "on-demand", 2)
    world.ec2.fail_births()
    run(world, **a_run(2))
    assert world.ec2.capacity("c7g.large", A, "on-demand") == 2


def test_only_the_births_that_were_named_die(world: World) -> None:
    world.ec2.fail_births(zone=A, market="on-demand", instance_type="c7g.large", count=2)
    spared = run(world, **a_run(zone=B)) + run(world, **a_run(**spot()))
    spared += run(world, **a_run(InstanceType="c7g.8xlarge"))
    doomed = run(world, **a_run(3))
    world.wait(1)
    assert {world.state_of(i["InstanceId"]) for i in spared} == {"running"}
    assert sorted(world.state_of(i["InstanceId"]) for i in doomed) == ["running", "terminated", "terminated"]
    world.ec2.mend_births()


def test_a_share_of_births_dies_by_the_seed() -> None:
    told = []
    for seed in (1, 1, 2):
        world = World(seed=seed)
        world.ec2.set_capacity("c7g.large", A, "on-demand", 100)
        world.ec2.fail_births(share=0.3)
        launched = run(world, **a_run(100))
        world.wait(1)
        told.append([world.state_of(i["InstanceId"]) for i in launched])
    assert told[0] == told[1] != told[2]
    assert 15 < told[0].count("terminated") < 45


def test_a_late_call_takes_effect_later_and_is_refused_in_silence(world: World) -> None:
    request = a_run(ClientToken="late")
    world.ec2.call_later(REGION, "RunInstances", request, timedelta(seconds=30))
    world.ec2.call_later(REGION, "RunInstances", {**request, "MaxCount": 2}, timedelta(seconds=31))
    world.wait(29)
    assert world.shown() == []
    world.wait(2)
    (shown,) = world.shown()
    assert shown["ClientToken"] == "late"


@pytest.mark.ways("direct")
@pytest.mark.parametrize("sizes", [[1000], [100] * 10])
def test_a_burst_of_a_thousand_launches_takes_two_seconds(sizes: list[int]) -> None:
    world = World(timing=PROMPT)
    world.ec2.set_capacity("c7g.large", A, "on-demand", 1000)
    began, launched = cpu_seconds(), []
    for size in sizes:
        launched += ids_of(world.fleet(count=size, tags={"railyard:pool": "p"}))
    world.wait(1)
    by_tag = [{"Name": "tag:railyard:pool", "Values": ["p"]}]
    found = members(world.call("DescribeInstances", Filters=by_tag))
    assert [i["InstanceId"] for i in found] == launched
    world.call("TerminateInstances", InstanceIds=launched)
    world.wait(1)
    assert {i.state for i in world.ec2.instances()} == {"terminated"}
    assert cpu_seconds() - began < 2


def cpu_seconds() -> float:
    """Return this process's own time: a busy machine is nobody's fault."""
    import time

    return time.process_time()
