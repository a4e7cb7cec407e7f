"""DescribeSpotInstanceRequests: what stands behind a spot instance, and how it ended."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from local.ec2 import PROMPT
from tests.local.ec2.builders import World


def requests(world: World, **question: Any) -> list[dict[str, Any]]:
    """Return what one listing shows."""
    found: list[dict[str, Any]] = world.call("DescribeSpotInstanceRequests", **question)[
        "SpotInstanceRequests"
    ]
    return found


def code_of(world: World, instance_id: str) -> tuple[str, str]:
    """Return state and status of the request behind an instance."""
    (found,) = requests(world, Filters=[{"Name": "instance-id", "Values": [instance_id]}])
    return found["State"], found["Status"]["Code"]


def test_behind_every_spot_instance_stands_a_request(world: World) -> None:
    world.launch()
    (instance_id,) = world.launch(market="spot")
    (instance,) = world.shown(InstanceIds=[instance_id])
    (found,) = requests(world, SpotInstanceRequestIds=[instance["SpotInstanceRequestId"]])
    assert (found["InstanceId"], found["State"], found["Status"]["Code"]) == (
        instance_id,
        "active",
        "fulfilled",
    )
    assert len(requests(world)) == 1
    absent = world.refused("DescribeSpotInstanceRequests", SpotInstanceRequestIds=["sir-00000000"])
    assert absent == "InvalidSpotInstanceRequestID.NotFound"


def test_a_closed_request_says_who_ended_its_instance(world: World) -> None:
    taken, ended = world.launch(2, market="spot")
    world.ec2.interrupt(taken, timedelta(seconds=1))
    world.call("TerminateInstances", InstanceIds=[ended])
    world.wait(1)
    assert code_of(world, taken) == ("closed", "instance-terminated-no-capacity")
    assert code_of(world, ended) == ("closed", "instance-terminated-by-user")


def test_a_request_shows_as_late_as_its_instance() -> None:
    world = World(timing=replace(PROMPT, visibility=(4, 4)))
    world.launch(market="spot")
    assert requests(world) == []
    world.wait(4)
    assert len(requests(world)) == 1
