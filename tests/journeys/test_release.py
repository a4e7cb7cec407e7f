"""A release arrives: candidate, canary, in force everywhere, run by an allocation; rolled back, and the old one is run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.releases import CURRENT, PREVIOUS, release
from local.world import Options, World
from tests.journeys.conftest import Yard

OLD, NEW = (release("stable", "amd64", version).images["us-east-1"] for version in (PREVIOUS, CURRENT))
CANARY = {
    "images": {"canary_pool": "canary", "bake_minutes": 30},
    "pools": {
        "canary": {
            "architectures": ["amd64", "arm64"],
            "sharing": ["exclusive"],
            "limits": {"instances": 4, "pending_instances": 4, "usd_per_hour": 1.0},
        }
    },
}
HOUR = 3600


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    """A world whose feed begins with the older release, and that tries each new one in a canary pool."""
    world = World(Options(clock="virtual", state=tmp_path, context=CANARY))
    world.feed.set("older")
    with world:
        world.drain()
        yield Yard(world)


def parameter(yard: Yard, kind: str, region: str = "us-east-1") -> str:
    found = yard.world.client("ssm", region).get_parameter(Name=f"/railyard/flatcar/stable/amd64/{kind}")
    return str(found["Parameter"]["Value"])


def line(yard: Yard, architecture: str = "amd64") -> dict[str, Any]:
    status, body = yard.api("GET", f"/amis/stable/{architecture}")
    assert status == 200
    return dict(body)


def launched(yard: Yard) -> str:
    """Ask for a machine; return its image once it runs."""
    request_id = yard.ask()
    yard.pass_time(120)
    (answer,) = yard.answers(request_id)
    image = answer["allocations"][0]["image_id"]
    yard.lease("release", request_id)
    yard.pass_time(10)
    return str(image)


def pools_of(yard: Yard, image: str) -> list[str]:
    """Return the pools of the machines that run *image*."""
    found = yard.world.client("ec2").describe_instances(Filters=[{"Name": "image-id", "Values": [image]}])
    machines = [machine for each in found["Reservations"] for machine in each["Instances"]]
    return [tag["Value"] for m in machines for tag in m["Tags"] if tag["Key"] == "railyard:pool"]


def history(yard: Yard) -> list[tuple[str, str]]:
    _, body = yard.api("GET", "/amis/stable/amd64/history")
    return [(entry["what"], entry["release"]) for entry in reversed(body["items"])]


def test_from_a_new_release_to_a_machine_and_back(yard: Yard) -> None:
    assert (parameter(yard, "image"), parameter(yard, "candidate")) == (OLD, OLD)
    assert launched(yard) == OLD

    yard.world.feed.set("current")
    yard.pass_time(HOUR)
    assert line(yard)["candidate"]["release"] == CURRENT
    assert (parameter(yard, "image"), parameter(yard, "candidate")) == (OLD, NEW)
    assert launched(yard) == OLD, "nobody but the canary pool launches a release on trial"
    assert pools_of(yard, NEW) == ["canary"]

    yard.pass_time(HOUR)
    assert {parameter(yard, "image", region) for region in ("us-east-1",)} == {NEW}
    abroad = json.loads(parameter(yard, "release", "eu-central-1"))
    assert (abroad["version"], abroad["signature"]) == (CURRENT, "verified")
    assert (line(yard)["release"], line(yard)["candidate"]) == (CURRENT, None)
    assert launched(yard) == NEW

    status, body = yard.api("POST", "/amis/stable/amd64/rollback", {"reason": "containers do not start"})
    assert status == 202, body
    yard.world.drain()
    assert (parameter(yard, "image"), line(yard)["pin"]["release"]) == (OLD, PREVIOUS)
    yard.pass_time(120)
    assert launched(yard) == OLD
    yard.pass_time(2 * HOUR)
    assert parameter(yard, "image") == OLD, "a rollback stays, whatever the feed says"

    status, _ = yard.api("DELETE", "/amis/stable/amd64/pin")
    assert status == 202
    yard.world.drain()
    for _ in range(3):
        yard.pass_time(HOUR)
    assert parameter(yard, "image") == NEW
    assert history(yard) == [
        ("published", PREVIOUS),
        ("candidate", CURRENT),
        ("published", CURRENT),
        ("rolled_back", PREVIOUS),
        ("published", PREVIOUS),
        ("unpinned", PREVIOUS),
        ("candidate", CURRENT),
        ("published", CURRENT),
    ]
    assert line(yard, "arm64")["release"] == CURRENT
    yard.calm()
    assert yard.alive() == set()
