"""How a fleet is filled: offer by offer, until the count is reached or nothing is left to try."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from local.ec2.birth import Launch, launch
from local.ec2.capacity import Pool
from local.ec2.catalogue import on_demand_usd_per_hour
from local.ec2.errors import Ec2Error
from local.ec2.fleet_request import FleetRequest, Offer, Target
from local.ec2.images import launch_image
from local.ec2.launching import Place, give_back, no_addresses, no_capacity, refusal, take
from local.ec2.spot import spot_usd_per_hour
from local.ec2.state import Call
from local.ec2.tags import tags_at_birth
from local.ec2.world import zone_id

_NOT_ANSWERED = ("IamInstanceProfile", "KeyName", "MetadataOptions")
"""Override members that a request may have and EC2's answer does not. Source: botocore 1.44.5, ec2."""

_NO_PRICE = float("inf")

Plan = list[tuple[Offer, Place, int]]


class Filling:
    """One fleet while it is being filled: what was launched and what was refused."""

    def __init__(self, call: Call, request: FleetRequest, fleet_id: str) -> None:
        self._call, self._request, self._fleet_id = call, request, fleet_id
        self.instances: list[dict[str, Any]] = []
        self.errors: list[dict[str, Any]] = []
        self.launched = {"on-demand": 0, "spot": 0}

    def fill(self, target: Target) -> None:
        """Launch up to the target's count from the first group of offers that can give its minimum."""
        if not target.count:
            return
        for offers in _groups(target, _in_order(self._call, target, self._request.offers)):
            plan = self._plan(target, offers)
            if sum(count for _, _, count in plan) >= max(target.minimum, 1):
                for offer, place, count in plan:
                    self._launch(offer, place, count)
                return
            for offer, place, count in plan:
                self._refuse(target.market, offer, no_capacity(self._call, place))
                give_back(self._call, place, count)

    def _plan(self, target: Target, offers: Sequence[Offer]) -> Plan:
        """Take room offer by offer until the count is reached, noting every refusal on the way."""
        plan: Plan = []
        wanted = target.count
        addresses = {s.subnet_id: s.available for s in self._call.state.subnets.values()}
        for offer in offers:
            if not wanted:
                break
            place = self._place(offer, target.market)
            if (error := refusal(self._call, place) or _fleet_refusal(offer)) is not None:
                self._refuse(target.market, offer, error)
                continue
            room = min(wanted, addresses[offer.subnet_id])
            count, why_not_more = take(self._call, place, room)
            if why_not_more is not None:
                self._refuse(target.market, offer, why_not_more)
            elif room < wanted:
                self._refuse(target.market, offer, no_addresses())
            addresses[offer.subnet_id] -= count
            wanted -= count
            plan += [(offer, place, count)] * bool(count)
        return plan

    def _place(self, offer: Offer, market: str) -> Place:
        own = {"aws:ec2:fleet-id": self._fleet_id, **offer.own}
        return Place(
            market=market,
            zone=offer.zone,
            subnet_id=offer.subnet_id,
            data=offer.data,
            tags=tags_at_birth(offer.data, self._request.tags, own),
            max_price=offer.override.get("MaxPrice") if market == "spot" else None,
        )

    def _launch(self, offer: Offer, place: Place, count: int) -> None:
        state = self._call.state
        image = launch_image(state, self._call.region, offer.data["ImageId"])
        plan = Launch(place=place, image=image, fleet_id=self._fleet_id)
        ids = launch(self._call, plan, count, sum(self.launched.values()))
        self.launched[place.market] += count
        where = {
            "AvailabilityZone": place.zone,
            "AvailabilityZoneId": zone_id(place.zone),
            "SubnetId": place.subnet_id,
        }
        found = {"InstanceIds": ids, "InstanceType": place.instance_type, **where}
        self.instances.append(_where(offer, place.market) | found)

    def _refuse(self, market: str, offer: Offer, error: Ec2Error) -> None:
        self.errors.append(_where(offer, market) | {"ErrorCode": error.code, "ErrorMessage": error.message})


def _fleet_refusal(offer: Offer) -> Ec2Error | None:
    if (offer.data.get("InstanceMarketOptions") or {}).get("MarketType"):
        message = "A fleet's template may not have InstanceMarketOptions."
        return Ec2Error("InvalidParameterCombination", message)
    return None


def _in_order(call: Call, target: Target, offers: Sequence[Offer]) -> list[Offer]:
    """Return *offers* as the target's allocation strategy tries them.

    Spot strategies that look at capacity go by how deep a pool is by nature. EC2 forecasts too; the pool may
    be empty all the same, and then the next one is tried.
    """

    def price(offer: Offer) -> float:
        if target.market == "spot" and offer.instance_type in on_demand_usd_per_hour():
            return spot_usd_per_hour(call.state, offer.instance_type, offer.zone, call.now)
        return on_demand_usd_per_hour().get(offer.instance_type, _NO_PRICE)

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


def _groups(target: Target, offers: Sequence[Offer]) -> list[list[Offer]]:
    """Split *offers* into the sets that may share a fleet: one type, one zone, both, or all."""
    groups: dict[tuple[str, str], list[Offer]] = {}
    for offer in offers:
        key = (offer.instance_type if target.single_type else "", offer.zone if target.single_zone else "")
        groups.setdefault(key, []).append(offer)
    return list(groups.values())


def _where(offer: Offer, market: str) -> dict[str, Any]:
    """Return the members that name an offer in a fleet's answer."""
    template = {
        "LaunchTemplateId": offer.own["aws:ec2launchtemplate:id"],
        "Version": offer.own["aws:ec2launchtemplate:version"],
    }
    place = {"SubnetId": offer.subnet_id} if offer.subnet_id else {}
    asked = {k: v for k, v in offer.override.items() if k not in _NOT_ANSWERED}
    overrides = {"InstanceType": offer.instance_type, **asked, **place}
    if offer.zone:
        overrides["AvailabilityZone"] = offer.zone
    both = {"LaunchTemplateSpecification": template, "Overrides": overrides}
    return {"LaunchTemplateAndOverrides": both, "Lifecycle": market}
