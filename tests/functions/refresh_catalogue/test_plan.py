"""One catalogue of types, offerings and prices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from railyard.errors import LimitExceeded
from railyard.model.catalogue import Catalogue, InstanceType
from refresh_catalogue.plan import merge
from tests.builders import NOW, ZONES, a_type

BARE = tuple(replace(a_type(name), zones=(), usd_micros_per_hour=None) for name in ("a", "b", "c", "d"))
EVERYWHERE = {each.name: ZONES for each in BARE}
LATER = NOW + timedelta(hours=6)


def merged(
    types: tuple[InstanceType, ...] = BARE,
    zones: Mapping[str, tuple[str, ...]] | None = None,
    prices: dict[str, int] | None = None,
    before: Catalogue | None = None,
) -> Catalogue:
    return merge("us-east-1", types, EVERYWHERE if zones is None else zones, prices or {}, before, LATER)


def priced(catalogue: Catalogue) -> dict[str, int | None]:
    return {each.name: each.usd_micros_per_hour for each in catalogue.types}


def test_types_come_with_zones_and_prices_cheapest_first_and_without_a_price_last() -> None:
    found = merged(prices={"b": 5, "a": 9})
    assert [each.name for each in found.types] == ["b", "a", "c", "d"]
    assert (found.types[0].zones, found.at, found.region) == (ZONES, LATER, "us-east-1")


def test_a_type_that_is_offered_nowhere_is_left_out() -> None:
    assert [each.name for each in merged(zones={"a": ZONES, "b": (), "d": ZONES}).types] == ["a", "d"]


def test_a_price_that_the_list_no_longer_has_is_kept_and_one_that_it_has_wins() -> None:
    before = merged(prices={"a": 1, "b": 2})
    assert priced(merged(prices={"b": 7}, before=before)) == {"a": 1, "b": 7, "c": None, "d": None}


@pytest.mark.parametrize(("left", "believed"), [(2, True), (1, False)])
def test_a_catalogue_that_shrinks_by_more_than_half_is_not_believed(left: int, *, believed: bool) -> None:
    zones = {each.name: ZONES for each in BARE[:left]}
    if believed:
        assert len(merged(zones=zones, before=merged()).types) == left
    else:
        with pytest.raises(LimitExceeded):
            merged(zones=zones, before=merged())


def test_no_type_at_all_is_never_believed() -> None:
    with pytest.raises(LimitExceeded):
        merged(types=())


PRICES = st.dictionaries(st.sampled_from(["a", "b", "c", "d", "unknown"]), st.integers(1, 10**9))


@given(first=PRICES, second=PRICES)
def test_no_price_is_forgotten_and_none_is_invented(first: dict[str, int], second: dict[str, int]) -> None:
    before = merged(prices=first)
    after = merged(prices=second, before=before)
    assert priced(after) == {name: second.get(name, first.get(name)) for name in EVERYWHERE}
    assert merged(prices=second, before=after).types == after.types
    known = [each.usd_micros_per_hour for each in after.types if each.usd_micros_per_hour is not None]
    assert known == sorted(known)
    assert all(each.usd_micros_per_hour is None for each in after.types[len(known) :])


def test_the_order_in_which_types_come_does_not_matter() -> None:
    assert merged(types=tuple(reversed(BARE))) == merged()
