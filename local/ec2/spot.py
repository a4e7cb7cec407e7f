"""Spot prices: below on-demand, different by zone, changing every few hours, fixed by the seed.

One function of (type, zone, time); a history is that function read backwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from local.ec2.catalogue import instance_types, on_demand_usd_per_hour
from local.ec2.errors import Ec2Error, invalid_value
from local.ec2.filters import Fields, matching
from local.ec2.offerings import zones_of
from local.ec2.paging import fingerprint
from local.ec2.state import Answer, Call, State

STEP = timedelta(hours=6)
HISTORY = timedelta(days=90)
"""How far back EC2 remembers. Source: EC2 user guide, "Spot Instance pricing history"."""

PRODUCT = "Linux/UNIX"
PAGE = 1000
_EPOCH = datetime(2020, 1, 1, tzinfo=UTC)


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
    products = call.get("ProductDescriptions") or [PRODUCT]
    if any(product not in (PRODUCT, f"{PRODUCT} (Amazon VPC)") for product in products):
        return {"SpotPriceHistory": []}
    limit = int(call.get("MaxResults", 0)) or PAGE
    if not 0 < limit <= PAGE:
        raise invalid_value("maxResults", limit)
    question = fingerprint({k: v for k, v in call.parameters.items() if k not in ("NextToken", "MaxResults")})
    start = _start(call.get("NextToken"), question)
    entries = list(islice(_history(call), start, start + limit + 1))
    token = {"NextToken": f"{question}.{start + limit}"} if len(entries) > limit else {"NextToken": ""}
    return {"SpotPriceHistory": entries[:limit], **token}


def _start(token: str | None, question: str) -> int:
    if not token:
        return 0
    asked, _, offset = token.partition(".")
    if asked != question or not offset.isdecimal():
        raise Ec2Error("InvalidNextToken", "The token is not valid for this request.")
    return int(offset)


def _history(call: Call) -> Iterator[dict[str, Any]]:
    since = max(call.get("StartTime", call.now - HISTORY), call.now - HISTORY)
    until = min(call.get("EndTime", call.now), call.now)
    first, last = (since - _EPOCH) // STEP, (until - _EPOCH) // STEP
    for instance_type, zone in _pools(call):
        for step in range(last, first - 1, -1):
            at = _EPOCH + step * STEP
            yield {
                "InstanceType": instance_type,
                "AvailabilityZone": zone,
                "ProductDescription": PRODUCT,
                "SpotPrice": f"{spot_usd_per_hour(call.state, instance_type, zone, at):.6f}",
                "Timestamp": at,
            }


def _pools(call: Call) -> Iterator[tuple[str, str]]:
    fields: Fields[tuple[str, str]] = {
        "instance-type": lambda pool: [pool[0]],
        "availability-zone": lambda pool: [pool[1]],
        "product-description": lambda _: [PRODUCT],
    }
    keep = matching(call.get("Filters", ()), fields)
    only, zone_only = call.get("InstanceTypes", ()), call.get("AvailabilityZone")
    for name, kind in instance_types().items():
        if (only and name not in only) or "spot" not in kind.markets:
            continue
        for zone in zones_of(call.state.chance, name):
            if zone_only in (None, zone) and keep((name, zone)):
                yield name, zone


OPERATIONS = {"DescribeSpotPriceHistory": describe_spot_price_history}
