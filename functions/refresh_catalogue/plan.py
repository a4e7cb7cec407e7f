"""One catalogue of types, offerings and prices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from railyard.errors import LimitExceeded
from railyard.model.catalogue import Catalogue, InstanceType

LEAST_KEPT = 0.5
"""A new catalogue with less than this part of the old one's offered types is an accident, not news."""


def merge(
    region: str,
    types: Sequence[InstanceType],
    zones: Mapping[str, tuple[str, ...]],
    prices: Mapping[str, int],
    before: Catalogue | None,
    now: datetime,
) -> Catalogue:
    """Return the catalogue of *region*: offered types with zones and prices, cheapest first.

    A price that the list does not have (any more) is kept from *before*. Raises LimitExceeded when far fewer types
    are offered than before: the old catalogue then stays.
    """
    known = {each.name: each.usd_micros_per_hour for each in before.types} if before else {}
    offered = [
        replace(each, zones=zones[each.name], usd_micros_per_hour=prices.get(each.name, known.get(each.name)))
        for each in types
        if zones.get(each.name)
    ]
    if before and len(offered) < len(before.types) * LEAST_KEPT:
        raise LimitExceeded(f"{len(offered)} types are offered, {len(before.types)} were: not believed")
    if not offered:
        raise LimitExceeded("no type is offered at all: not believed")
    offered.sort(
        key=lambda each: (each.usd_micros_per_hour is None, each.usd_micros_per_hour or 0, each.name)
    )
    return Catalogue(region=region, at=now, types=tuple(offered))
