"""In which order a fleet tries its offers."""

from __future__ import annotations

from collections.abc import Sequence

from local.ec2.capacity import Pool
from local.ec2.catalogue import on_demand_usd_per_hour
from local.ec2.fleet_request import Offer, Target
from local.ec2.spot import spot_usd_per_hour
from local.ec2.state import Call

_NO_PRICE = float("inf")


def in_order(call: Call, target: Target, offers: Sequence[Offer]) -> list[Offer]:
    """Return *offers* as the target's allocation strategy tries them.

    Spot strategies that look at capacity go by how deep a pool is by nature. EC2 forecasts too; the pool may
    be empty all the same, and then the next one is tried.
    """

    def price(offer: Offer) -> float:
        if offer.instance_type not in on_demand_usd_per_hour():
            return _NO_PRICE
        if target.market == "spot":
            return spot_usd_per_hour(call.state, offer.instance_type, offer.zone, call.now)
        return on_demand_usd_per_hour()[offer.instance_type]

    def rank(offer: Offer) -> tuple[float, ...]:
        depth = call.state.capacity.depth(Pool(offer.instance_type, offer.zone, target.market))
        if target.strategy == "prioritized":
            return (offer.override.get("Priority", _NO_PRICE), offer.order)
        if target.strategy == "capacity-optimized":
            return (-depth, price(offer), offer.order)
        if target.strategy == "price-capacity-optimized":
            return (price(offer) * (1 + 4 / depth), offer.order)
        return (price(offer), offer.order)

    return sorted(offers, key=rank)
