"""Machines whose agent speaks by itself: ready without anybody's help, for as long as it is not silent."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.world import Options, World
from tests.journeys.conftest import Yard

POOL = tomllib.loads((Path(__file__).parent.parent.parent / "railyard.toml").read_text())["pools"]["default"]


@pytest.fixture(scope="module")
def _world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    context = {"pools": {"default": POOL | {"node": {"agent": True}}}}
    options = Options(clock="virtual", state=tmp_path_factory.mktemp("world"), context=context)
    with World(options) as world:
        yield world


def test_a_machine_boots_reports_and_serves_its_request(yard: Yard) -> None:
    request_id = yard.ask()
    yard.pass_time(90)
    assert yard.events(request_id) == ["fulfilled"]
    (machine,) = yard.alive()
    before = yard.world.nodes.machine(machine).sequence
    yard.pass_time(180)
    assert yard.world.nodes.machine(machine).sequence == before + 3
