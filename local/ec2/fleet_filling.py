"""How a fleet is filled: offer by offer, until the count is reached or nothing is left to try."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from local.ec2.birth import Launch, launch
from local.ec2.capacity import Pool
from local.ec2.fleet_offers import check_tags, in_order, refusal
from local.ec2.fleet_request import FleetRequest, Offer, Target
from local.ec2.images import find_image
from local.ec2.state import Call
from local.ec2.world import zone_id

NO_CAPACITY = {
    "on-demand": ("InsufficientInstanceCapacity", "There is not enough capacity to fulfill your request."),
    "spot": ("UnfulfillableCapacity", "Unable to fulfill capacity due to your request configuration."),
}
_NOT_ANSWERED = ("IamInstanceProfile", "KeyName", "MetadataOptions")
"""Override members that a request may have and EC2's answer does not. Source: botocore 1.44.5, ec2."""

NO_ADDRESSES = ("InsufficientFreeAddressesInSubnet", "There are not enough free addresses in the subnet.")


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
        for offers in _groups(target, in_order(self._call, target, self._request.offers)):
            plan = self._plan(target, offers)
            if sum(count for _, count in plan) >= max(target.minimum, 1):
                for offer, count in plan:
                    self._launch(target.market, offer, count)
                return
            for offer, count in plan:
                self._refuse(target.market, offer, *NO_CAPACITY[target.market])
                self._call.state.capacity.give_back(_pool(offer, target.market), count)

    def _plan(self, target: Target, offers: Sequence[Offer]) -> list[tuple[Offer, int]]:
        """Take capacity offer by offer until the count is reached, noting every refusal on the way."""
        state, wanted, plan = self._call.state, target.count, []
        addresses = {s.subnet_id: s.available for s in state.subnets.values()}
        for offer in offers:
            if not wanted:
                break
            error = refusal(self._call, offer, target.market) or check_tags(offer, self._instance_tags(offer))
            if error is not None:
                self._refuse(target.market, offer, error.code, error.message)
                continue
            room = min(wanted, addresses[offer.subnet_id])
            count = state.capacity.take(_pool(offer, target.market), room)
            if count < room:
                self._refuse(target.market, offer, *NO_CAPACITY[target.market])
            elif room < wanted:
                self._refuse(target.market, offer, *NO_ADDRESSES)
            addresses[offer.subnet_id] -= count
            wanted -= count
            plan += [(offer, count)] * bool(count)
        return plan

    def _launch(self, market: str, offer: Offer, count: int) -> None:
        state, pool = self._call.state, _pool(offer, market)
        plan = Launch(
            pool=pool,
            subnet=state.subnets[offer.subnet_id],
            image=find_image(state, self._call.region, offer.data["ImageId"]),
            data=offer.data,
            tags=self._tags(offer),
            fleet_id=self._fleet_id,
        )
        ids = launch(self._call, plan, count, sum(self.launched.values()))
        self.launched[market] += count
        place = {
            "AvailabilityZone": pool.zone,
            "AvailabilityZoneId": zone_id(pool.zone),
            "SubnetId": offer.subnet_id,
        }
        found = {"InstanceIds": ids, "InstanceType": pool.instance_type, **place}
        self.instances.append(_where(offer, market) | found)

    def _refuse(self, market: str, offer: Offer, code: str, message: str) -> None:
        self.errors.append(_where(offer, market) | {"ErrorCode": code, "ErrorMessage": message})

    def _tags(self, offer: Offer) -> dict[str, Mapping[str, str]]:
        """Return the tags by resource type: the template's, over them the request's, over them EC2's own."""
        tags: dict[str, Mapping[str, str]] = {}
        for specification in offer.data.get("TagSpecifications", ()):
            tags[specification["ResourceType"]] = {
                t["Key"]: t.get("Value", "") for t in specification["Tags"]
            }
        for kind, asked in self._request.tags.items():
            tags[kind] = {**tags.get(kind, {}), **asked}
        own = {
            "aws:ec2:fleet-id": self._fleet_id,
            "aws:ec2launchtemplate:id": offer.template["LaunchTemplateId"],
            "aws:ec2launchtemplate:version": "1",
        }
        return tags | {"instance": {**tags.get("instance", {}), **own}}

    def _instance_tags(self, offer: Offer) -> dict[str, str]:
        return dict(self._tags(offer)["instance"])


def _pool(offer: Offer, market: str) -> Pool:
    return Pool(offer.instance_type, offer.zone, market)


def _groups(target: Target, offers: Sequence[Offer]) -> list[list[Offer]]:
    """Split *offers* into the sets that may share a fleet: one type, one zone, both, or all."""
    groups: dict[tuple[str, str], list[Offer]] = {}
    for offer in offers:
        key = (offer.instance_type if target.single_type else "", offer.zone if target.single_zone else "")
        groups.setdefault(key, []).append(offer)
    return list(groups.values())


def _where(offer: Offer, market: str) -> dict[str, Any]:
    """Return the members that name an offer in a fleet's answer."""
    template = {"LaunchTemplateId": offer.template["LaunchTemplateId"], "Version": "1"}
    place = {"SubnetId": offer.subnet_id} if offer.subnet_id else {}
    asked = {k: v for k, v in offer.override.items() if k not in _NOT_ANSWERED}
    overrides = {"InstanceType": offer.instance_type, **asked, **place}
    if offer.zone:
        overrides["AvailabilityZone"] = offer.zone
    both = {"LaunchTemplateSpecification": template, "Overrides": overrides}
    return {"LaunchTemplateAndOverrides": both, "Lifecycle": market}
