"""Types, offerings and prices asked for, one object written."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from railyard.errors import Denied, LimitExceeded, RailyardError
from railyard.model.catalogue import Catalogue, InstanceType
from refresh_catalogue.run import Outcome, run
from tests.builders import NOW, ZONES, a_catalogue, a_type


class Types:
    def __init__(self, *names: str) -> None:
        self.names = names

    def all(self) -> list[InstanceType]:
        return [a_type(name, zones=(), usd_micros_per_hour=None) for name in self.names]

    def zones(self) -> dict[str, tuple[str, ...]]:
        return dict.fromkeys(self.names, ZONES)


class Prices:
    def __init__(self, listed: Mapping[str, int] | RailyardError) -> None:
        self.listed = listed

    def on_demand(self, region: str) -> Mapping[str, int]:
        if isinstance(self.listed, RailyardError):
            raise self.listed
        return self.listed


class Store:
    def __init__(self, held: Catalogue | None = None) -> None:
        self.held = held
        self.writes = 0

    def read(self) -> Catalogue | None:
        return self.held

    def write(self, catalogue: Catalogue) -> None:
        self.held = catalogue
        self.writes += 1


def refresh(store: Store, *names: str, prices: Mapping[str, int] | RailyardError) -> Outcome:
    return run(Types(*names), Prices(prices), store, "us-east-1", NOW)


def test_a_first_catalogue_is_written() -> None:
    store = Store()
    outcome = refresh(store, "a", "b", prices={"a": 5})
    assert outcome == Outcome(types=2, unpriced=1, prices="fresh")
    assert store.held is not None
    assert [each.name for each in store.held.types] == ["a", "b"]


def test_with_the_price_list_down_the_prices_of_before_stay() -> None:
    store = Store(a_catalogue(a_type("a", usd_micros_per_hour=5)))
    outcome = refresh(store, "a", "b", prices=Denied("no", code="AccessDenied"))
    assert outcome == Outcome(types=2, unpriced=1, prices="kept: AccessDenied")
    assert store.held is not None
    assert store.held.types[0].usd_micros_per_hour == 5


def test_without_any_price_ever_the_refresh_fails_and_says_so() -> None:
    store = Store()
    with pytest.raises(Denied):
        refresh(store, "a", prices=Denied("no"))
    assert store.writes == 0


def test_an_implausible_shrink_leaves_the_last_good_catalogue() -> None:
    before = a_catalogue(*(a_type(f"t{n}") for n in range(10)))
    store = Store(before)
    with pytest.raises(LimitExceeded):
        refresh(store, "t1", prices={})
    assert (store.held, store.writes) == (before, 0)
