"""What is around the instances: regions, zones, subnets, security groups and tags."""

from __future__ import annotations

from typing import Any

from tests.local.ec2.builders import REGION, World, an_override, fleet_request

RULE: dict[str, Any] = {
    "IpProtocol": "tcp",
    "FromPort": 22,
    "ToPort": 22,
    "IpRanges": [{"CidrIp": "10.0.0.0/8"}],
}


def group(world: World, name: str = "nodes") -> str:
    """Create a security group."""
    made = world.call("CreateSecurityGroup", GroupName=name, Description="Nodes")
    return str(made["GroupId"])


def test_there_are_six_zones_each_with_a_default_subnet(world: World) -> None:
    zones = [z["ZoneName"] for z in world.call("DescribeAvailabilityZones")["AvailabilityZones"]]
    subnets = world.call("DescribeSubnets", Filters=[{"Name": "default-for-az", "Values": ["true"]}])[
        "Subnets"
    ]
    assert zones == [f"{REGION}{letter}" for letter in "abcdef"]
    assert sorted(s["AvailabilityZone"] for s in subnets) == zones
    assert {s["AvailableIpAddressCount"] for s in subnets} == {4091}


def test_an_instance_takes_an_address_and_gives_it_back(world: World) -> None:
    subnet_id = world.ec2.subnet_ids[f"{REGION}a"]

    def left() -> int:
        (subnet,) = world.call("DescribeSubnets", SubnetIds=[subnet_id])["Subnets"]
        return int(subnet["AvailableIpAddressCount"])

    launched = world.launch(2)
    assert left() == 4089
    world.call("TerminateInstances", InstanceIds=launched)
    assert left() == 4091


def test_no_two_living_instances_share_an_address(world: World) -> None:
    for _ in range(5):
        launched = world.launch(3)
        world.call("TerminateInstances", InstanceIds=launched[:1])
    alive = [i.private_ip for i in world.ec2.instances() if i.alive]
    assert len(alive) == len(set(alive)) == 10


def test_regions_include_the_opted_in(world: World) -> None:
    regions = {r["RegionName"]: r["OptInStatus"] for r in world.call("DescribeRegions")["Regions"]}
    assert regions["us-east-1"] == "opt-in-not-required"
    assert regions["af-south-1"] == "opted-in"


def test_a_group_in_use_cannot_be_deleted(world: World) -> None:
    group_id = group(world)
    world.template("grouped", ImageId="ami-0f1a7ca5466655be0", SecurityGroupIds=[group_id])
    (instance_id,) = world.launch(template="grouped")
    assert world.refused("DeleteSecurityGroup", GroupId=group_id) == "DependencyViolation"
    world.call("TerminateInstances", InstanceIds=[instance_id])
    world.wait(1)
    world.call("DeleteSecurityGroup", GroupId=group_id)
    assert world.refused("DescribeSecurityGroups", GroupIds=[group_id]) == "InvalidGroup.NotFound"


def test_rules_are_stored_once_and_revoked_once(world: World) -> None:
    change = {"GroupId": group(world), "IpPermissions": [RULE]}
    world.call("AuthorizeSecurityGroupIngress", **change)
    assert world.refused("AuthorizeSecurityGroupIngress", **change) == "InvalidPermission.Duplicate"
    (found,) = world.call("DescribeSecurityGroups", GroupNames=["nodes"])["SecurityGroups"]
    assert found["IpPermissions"] == [RULE]
    world.call("RevokeSecurityGroupIngress", **change)
    assert world.refused("RevokeSecurityGroupIngress", **change) == "InvalidPermission.NotFound"


def test_a_group_name_is_used_once(world: World) -> None:
    group(world)
    question = {"GroupName": "nodes", "Description": "again"}
    assert world.refused("CreateSecurityGroup", **question) == "InvalidGroup.Duplicate"


def test_tags_are_added_found_and_removed(world: World) -> None:
    (instance_id,) = world.launch()
    world.call("CreateTags", Resources=[instance_id], Tags=[{"Key": "railyard:hold", "Value": "2026-12-01"}])
    filters = [{"Name": "key", "Values": ["railyard:hold"]}]
    (tag,) = world.call("DescribeTags", Filters=filters)["Tags"]
    assert (tag["ResourceId"], tag["ResourceType"], tag["Value"]) == (instance_id, "instance", "2026-12-01")
    world.call("DeleteTags", Resources=[instance_id], Tags=[{"Key": "railyard:hold", "Value": "other"}])
    assert world.ec2.tags(instance_id)["railyard:hold"] == "2026-12-01"
    world.call("DeleteTags", Resources=[instance_id], Tags=[{"Key": "railyard:hold"}])
    assert world.call("DescribeTags", Filters=filters)["Tags"] == []


def test_tags_keep_ec2s_rules(world: World) -> None:
    (instance_id,) = world.launch()
    on_it = {"Resources": [instance_id]}
    assert (
        world.refused("CreateTags", **on_it, Tags=[{"Key": "aws:mine", "Value": ""}])
        == "InvalidParameterValue"
    )
    assert (
        world.refused("CreateTags", **on_it, Tags=[{"Key": "k", "Value": "v" * 257}])
        == "InvalidParameterValue"
    )
    many = [{"Key": f"k{i}", "Value": ""} for i in range(51)]
    assert world.refused("CreateTags", **on_it, Tags=many) == "TagLimitExceeded"
    born = fleet_request(tags={tag["Key"]: "" for tag in many})
    assert world.refused("CreateFleet", **born) == "TagLimitExceeded"
    absent = world.refused("CreateTags", Resources=["i-0123456789abcdef0"], Tags=many[:1])
    assert absent == "InvalidInstanceID.NotFound"


def test_the_same_seed_tells_the_same_story() -> None:
    stories = []
    for seed in (1, 1, 2):
        world = World(seed=seed)
        world.fleet(an_override(), an_override("m7g.large", "b"), count=50)
        world.wait(60)
        stories.append(world.events)
    assert stories[0] == stories[1] != stories[2]
