"""Spot prices: below on-demand, different by zone, changing every few hours, fixed by the seed.

One function of (type, zone, time); a history is that function read backwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from local.ec2.catalogue import instance_types, on_demand_usd_per_hour
from local.ec2.filters import matching, paths
from local.ec2.offerings import zones_of
from local.ec2.paging import Limits, Member, page
from local.ec2.state import Answer, Call, State

STEP = timedelta(hours=6)
HISTORY = timedelta(days=90)
"""How far back EC2 remembers. Source: EC2 user guide, "Spot Instance pricing history"."""

PRODUCT = "Linux/UNIX"
PAGES = Limits(1, 1000)
_EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
_FILTERS = paths("instance-type availability-zone product-description spot-price timestamp")

Price = tuple[str, str, int]
"""A type, a zone, and the step from which a price is in effect."""


def spot_usd_per_hour(state: State, instance_type: str, zone: str, at: datetime) -> float:
    """Return the spot price: 25 to 45 % of on-demand by type and zone, swinging by 10 % from step to step."""
    depth = 0.25 + 0.2 * state.chance.quirk("spot", instance_type, zone)
    swing = 0.9 + 0.2 * state.chance.quirk("spot", instance_type, zone, (at - _EPOCH) // STEP)
    return round(on_demand_usd_per_hour()[instance_type] * min(depth * swing, 0.95), 6)


def describe_spot_price_history(call: Call) -> Answer:
    """List the prices in effect between StartTime and EndTime, newest first within a pool.

    The price already in effect at StartTime is part of the answer, as on EC2: StartTime = now gives the
    present prices.
    """
    passes = matching(call.get("Filters", ()), _FILTERS)
    products = call.get("ProductDescriptions") or [PRODUCT]
    linux = not {PRODUCT, f"{PRODUCT} (Amazon VPC)"}.isdisjoint(products)

    def show(price: Price) -> Member | None:
        shown = _shown(call, price)
        return shown if passes(shown) else None

    prices = _prices(call) if linux else iter(())
    found, token = page(prices, call.parameters, PAGES, key=_key, show=show)
    return {"SpotPriceHistory": found, "NextToken": "", **token}


def _key(price: Price) -> str:
    instance_type, zone, step = price
    return f"{instance_type}\0{zone}\0{10**9 - step}"


def _shown(call: Call, price: Price) -> Member:
    instance_type, zone, step = price
    at = _EPOCH + step * STEP
    return {
        "InstanceType": instance_type,
        "AvailabilityZone": zone,
        "ProductDescription": PRODUCT,
        "SpotPrice": f"{spot_usd_per_hour(call.state, instance_type, zone, at):.6f}",
        "Timestamp": at,
    }


def _prices(call: Call) -> Iterator[Price]:
    since = max(call.get("StartTime", call.now - HISTORY), call.now - HISTORY)
    until = min(call.get("EndTime", call.now), call.now)
    first, last = (since - _EPOCH) // STEP, (until - _EPOCH) // STEP
    only, zone_only = call.get("InstanceTypes", ()), call.get("AvailabilityZone")
    for name, kind in instance_types().items():
        if (only and name not in only) or "spot" not in kind.markets:
            continue
        for zone in zones_of(call.state.chance, name):
            if zone_only in (None, zone):
                yield from ((name, zone, step) for step in range(last, first - 1, -1))


OPERATIONS = {"DescribeSpotPriceHistory": describe_spot_price_history}
