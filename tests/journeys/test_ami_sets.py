"""A channel becomes a set, the set a pool's; a release moves both; a rollback moves them back; machines run each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.releases import CURRENT, PREVIOUS, release
from local.world import Options, World
from tests.journeys.conftest import Yard

OLD, NEW = (release("stable", "amd64", version).images["us-east-1"] for version in (PREVIOUS, CURRENT))
HOUR = 3600


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    """A world whose feed begins with the older release."""
    world = World(Options(clock="virtual", state=tmp_path))
    world.feed.set("older")
    with world:
        world.drain()
        yield Yard(world)


def ami_set(yard: Yard) -> dict[str, Any]:
    status, body = yard.api("GET", "/ami-sets/base")
    assert status == 200, body
    return dict(body)


def launched(yard: Yard) -> str:
    """Ask for a machine; return its image once it runs."""
    request_id = yard.ask()
    yard.pass_time(120)
    (answer,) = yard.answers(request_id)
    yard.lease("release", request_id)
    yard.pass_time(10)
    return str(answer["allocations"][0]["image_id"])


def test_from_a_channel_to_a_set_to_a_pool_and_back(yard: Yard) -> None:
    status, body = yard.api("PUT", "/ami-sets/base", {"tracks": {"channel": "stable"}})
    assert status == 201, body
    status, body = yard.api("PUT", "/deployments/base/default", {"version": "latest", "follow": "now"})
    assert status in (200, 201), body
    first = ami_set(yard)["version"]
    assert launched(yard) == OLD

    yard.world.feed.set("current")
    yard.pass_time(HOUR)
    yard.pass_time(60)
    assert (ami_set(yard)["version"], ami_set(yard)["deployed"]) == (first + 1, {"default": first + 1})
    assert launched(yard) == NEW

    status, body = yard.api(
        "POST", "/ami-sets/base/rollback", {"version": first, "reason": "it does not boot"}
    )
    assert status in (200, 201), body
    for _ in range(2):
        yard.pass_time(HOUR)
    assert ami_set(yard)["deployed"] == {"default": first + 2}
    assert launched(yard) == OLD
    found = yard.world.client("ssm").get_parameter(Name="/railyard/ami-sets/base/amd64-hvm")
    assert found["Parameter"]["Value"] == OLD

    status, body = yard.api("DELETE", "/ami-sets/base")
    assert (status, body["error"]["code"]) == (409, "deployed")
    _, history = yard.api("GET", "/ami-sets/base/history")
    assert [entry["action"] for entry in reversed(history["items"])] == [
        "created",
        "deployed",
        "tracked",
        "followed",
        "rolled_back",
        "followed",
    ]
    yard.calm()
    assert yard.alive() == set()
