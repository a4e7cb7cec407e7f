"""The hands of refresh_catalogue: ask for types, offerings and prices, write one object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from railyard.errors import RailyardError
from railyard.model.catalogue import Catalogue, InstanceType
from refresh_catalogue.plan import merge


class Types(Protocol):
    """Machine types of the region."""

    def all(self) -> Sequence[InstanceType]: ...
    def zones(self) -> Mapping[str, tuple[str, ...]]: ...


class Prices(Protocol):
    """The price list."""

    def on_demand(self, region: str) -> Mapping[str, int]: ...


class Store(Protocol):
    """Where the catalogue lies."""

    def read(self) -> Catalogue | None: ...
    def write(self, catalogue: Catalogue) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How many types there are, how many have no price, and whether prices could be had at all."""

    types: int
    unpriced: int
    prices: str


def run(types: Types, prices: Prices, store: Store, region: str, now: datetime) -> Outcome:
    """Refresh the catalogue of *region*. Without an answer of the price list, the prices of before stay."""
    before = store.read()
    try:
        found, said = prices.on_demand(region), "fresh"
    except RailyardError as trouble:
        if before is None:
            raise
        found, said = {}, f"kept: {trouble.code}"
    catalogue = merge(region, types.all(), types.zones(), found, before, now)
    store.write(catalogue)
    unpriced = sum(1 for each in catalogue.types if each.usd_micros_per_hour is None)
    return Outcome(types=len(catalogue.types), unpriced=unpriced, prices=said)
