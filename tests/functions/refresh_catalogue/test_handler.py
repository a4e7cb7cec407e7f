"""A tick writes the catalogue and says how complete it is."""

from __future__ import annotations

import pytest

from railyard.errors import Denied
from railyard.model.catalogue import Catalogue, InstanceType
from refresh_catalogue import handler as door
from refresh_catalogue.settings import Settings
from tests.builders import NOW, ZONES, a_catalogue, a_type
from tests.functions.doors import CONTEXT, assert_each_variable_is_needed, wire


class World:
    """One priced type and one without a price; a price list that may refuse; an object."""

    def __init__(self, held: Catalogue | None, *, denied: bool) -> None:
        self.held, self._denied = held, denied

    def all(self) -> list[InstanceType]:
        return [a_type("m7i.large", zones=(), usd_micros_per_hour=None), a_type("x9.huge", zones=())]

    def zones(self) -> dict[str, tuple[str, ...]]:
        return {"m7i.large": ZONES, "x9.huge": ZONES}

    def on_demand(self, region: str) -> dict[str, int]:
        if self._denied:
            raise Denied("no", code="AccessDeniedException")
        assert region == "us-east-1"
        return {"m7i.large": 100_800}

    def read(self) -> Catalogue | None:
        return self.held

    def write(self, catalogue: Catalogue) -> None:
        self.held = catalogue


def test_each_variable_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert_each_variable_is_needed(door, Settings, monkeypatch)


def test_a_tick_writes_the_regions_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(None, denied=False)
    wire(door, monkeypatch, world, world, world)
    answer = door.handler({}, CONTEXT)
    assert answer["prices"] == "fresh"
    assert world.held
    assert (world.held.region, world.held.at) == ("us-east-1", NOW)
    assert world.held.types[0].name == "m7i.large"
    assert answer["types"] == len(world.held.types)


def test_prices_that_could_not_be_had_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(a_catalogue(), denied=True)
    wire(door, monkeypatch, world, world, world)
    assert door.handler({}, CONTEXT)["prices"] == "kept: AccessDeniedException"


@pytest.mark.filterwarnings("ignore:No application metrics")  # a failed run has none
def test_without_any_prices_the_tick_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(None, denied=True)
    wire(door, monkeypatch, world, world, world)
    with pytest.raises(Denied):
        door.handler({}, CONTEXT)
    assert world.held is None
