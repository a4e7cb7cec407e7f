"""Quotas: vCPUs by market and class of families, fleets, templates; what has ended counts for a while."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from local.ec2 import PROMPT
from tests.local.ec2.builders import ARM, REGION, World, an_override, codes_of, fleet_request, ids_of

NAMES = {"on-demand": "on-demand/standard", "spot": "spot/standard"}
CODES = {"on-demand": "VcpuLimitExceeded", "spot": "MaxSpotInstanceCountExceeded"}


def roomy(world: World, *types: str, count: int = 100) -> None:
    """Give some types room in us-east-1a, in both markets."""
    for instance_type in types:
        for market in NAMES:
            world.ec2.set_capacity(instance_type, f"{REGION}a", market, count)


def used(world: World, market: str = "on-demand") -> int:
    """Return how many standard vCPUs count."""
    return int(world.ec2.quotas()[NAMES[market]].used)


@pytest.mark.parametrize("market", ["on-demand", "spot"])
def test_a_fleet_gets_what_the_quota_leaves_and_is_told(world: World, market: str) -> None:
    roomy(world, "c7g.large")
    world.ec2.set_quota(NAMES[market], 7)
    answer = world.fleet(an_override("c7g.large"), count=5, market=market)
    assert (len(ids_of(answer)), codes_of(answer)) == (3, [CODES[market]])
    assert used(world, market) == 6


def test_classes_of_families_have_quotas_of_their_own(world: World) -> None:
    roomy(world, "c7g.large", "x2gd.medium")
    world.ec2.set_quota("on-demand/standard", 0)
    answer = world.fleet(an_override("c7g.large"), an_override("x2gd.medium"))
    assert codes_of(answer) == ["VcpuLimitExceeded"]
    assert [group["InstanceType"] for group in answer["Instances"]] == ["x2gd.medium"]


def test_markets_have_quotas_of_their_own(world: World) -> None:
    roomy(world, "c7g.large")
    world.ec2.set_quota("L-1216C47A", 0)
    assert codes_of(world.fleet(market="spot")) == []
    assert codes_of(world.fleet(market="on-demand")) == ["VcpuLimitExceeded"]


def test_what_has_ended_counts_for_a_while() -> None:
    world = World(timing=replace(PROMPT, shutting_down=(10, 10), quota_release=(60, 60)))
    launched = world.launch(2)
    world.ec2.set_quota("on-demand/standard", 4)
    roomy(world, "c7g.large")
    world.call("TerminateInstances", InstanceIds=launched)
    for seconds in (10, 59):
        world.wait(seconds)
        assert codes_of(world.fleet()) == ["VcpuLimitExceeded"]
    world.wait(1)
    assert codes_of(world.fleet()) == []


def test_what_was_not_launched_after_all_does_not_count(world: World) -> None:
    world.ec2.set_capacity("c7g.large", f"{REGION}a", "on-demand", 2)
    options = {"SingleInstanceType": True, "MinTargetCapacity": 3}
    assert ids_of(world.fleet(count=3, OnDemandOptions=options)) == []
    assert used(world) == 0


def test_the_quota_counts_the_vcpus_of_what_lives(world: World) -> None:
    roomy(world, "c7g.large", "c7g.xlarge")
    launched = ids_of(world.fleet(count=3)) + ids_of(world.fleet(an_override("c7g.xlarge"), count=2))
    assert used(world) == 3 * 2 + 2 * 4
    world.call("TerminateInstances", InstanceIds=launched[1:])
    world.wait(1)
    assert used(world) == 2


def test_a_limit_below_what_runs_ends_nothing_and_launches_nothing(world: World) -> None:
    launched = world.launch(2)
    world.ec2.set_quota("on-demand/standard", 1)
    roomy(world, "c7g.large")
    assert codes_of(world.fleet()) == ["VcpuLimitExceeded"]
    assert {world.state_of(instance_id) for instance_id in launched} == {"running"}


def test_there_are_so_many_active_fleets(world: World) -> None:
    roomy(world, "c7g.large")
    world.ec2.set_quota("fleets", 1)
    fleet_id = world.fleet()["FleetId"]
    request: dict[str, Any] = fleet_request(ClientToken="t")
    assert world.refused("CreateFleet", **request) == "MaxFleetCountExceeded"
    world.call("DeleteFleets", FleetIds=[fleet_id], TerminateInstances=True)
    assert codes_of(world.call("CreateFleet", **request)) == []


def test_there_are_so_many_launch_templates(world: World) -> None:
    world.ec2.set_quota("launch-templates", 2)
    world.template("second", ImageId=ARM)
    question = {"LaunchTemplateName": "third", "LaunchTemplateData": {"ImageId": ARM}}
    assert world.refused("CreateLaunchTemplate", **question) == "MaxTemplateLimitExceeded"
    world.call("DeleteLaunchTemplate", LaunchTemplateName="second")
    world.call("CreateLaunchTemplate", **question)


def test_other_launches_are_refused_by_the_quota(world: World) -> None:
    (instance_id,) = world.launch()
    world.call("StopInstances", InstanceIds=[instance_id])
    world.wait(1)
    roomy(world, "c7g.large")
    world.ec2.set_quota("on-demand/standard", 1)
    asked = {"ImageId": ARM, "InstanceType": "c7g.large", "Placement": {"AvailabilityZone": f"{REGION}a"}}
    assert world.refused("RunInstances", MinCount=1, MaxCount=1, **asked) == "VcpuLimitExceeded"
    assert world.refused("StartInstances", InstanceIds=[instance_id]) == "VcpuLimitExceeded"
    world.ec2.set_quota("on-demand/standard", 4)
    world.call("StartInstances", InstanceIds=[instance_id])
    assert used(world) == 2


def test_a_stopped_instance_does_not_count(world: World) -> None:
    (instance_id,) = world.launch()
    world.call("StopInstances", InstanceIds=[instance_id])
    world.wait(1)
    assert used(world) == 0
    world.call("TerminateInstances", InstanceIds=[instance_id])
    world.wait(1)
    assert used(world) == 0
