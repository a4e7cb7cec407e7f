"""A pool whose machines report by themselves: ready means that the machine has spoken, not that EC2 says so."""

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
    options = Options(
        clock="virtual",
        nodes="manual",
        state=tmp_path_factory.mktemp("world"),
        context={"pools": {"default": POOL | {"node": {"agent": True}}}},
    )
    with World(options) as world:
        yield world


def test_a_machine_is_ready_when_it_has_reported_in_its_own_name(yard: Yard) -> None:
    request_id = yard.ask()
    yard.pass_time(90)
    (machine,) = yard.alive()
    assert yard.events(request_id) == []
    yard.world.nodes.report(machine, {"instance_id": "i-00000000000000000"})  # a lie about another one
    yard.pass_time(5)
    assert yard.events(request_id) == []
    yard.world.nodes.report(machine)
    yard.pass_time(5)
    assert yard.events(request_id) == ["fulfilled"]


def test_a_machine_that_never_reports_is_a_failed_boot_and_another_takes_its_place(yard: Yard) -> None:
    request_id = yard.ask(timeout_seconds=3600)
    yard.pass_time(90)
    (silent,) = yard.alive()
    yard.pass_time(700)
    yard.pass_time(90)
    (second,) = yard.alive()
    assert second != silent
    yard.world.nodes.report(second)
    yard.pass_time(5)
    assert yard.events(request_id) == ["fulfilled"]
