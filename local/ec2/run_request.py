"""What a RunInstances request says: how many, of what, and every place where they could run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local.ec2.errors import Ec2Error, invalid_value, missing, not_modelled
from local.ec2.fleet_request import place_of
from local.ec2.launching import MODELLED, TAGGED_AT_LAUNCH, Place, tags_at_birth
from local.ec2.state import Call
from local.ec2.tags import tag_specifications
from local.ec2.templates import check_user_data, find_version, template_tags

_OWN = frozenset(
    {"MinCount", "MaxCount", "LaunchTemplate", "ClientToken", "DryRun", "SubnetId", "SecurityGroups"}
)
_BESIDE_INTERFACES = {"SubnetId": "subnet ID", "SecurityGroupIds": "security groups"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """A RunInstances request, read; *zone* is empty if EC2 may choose among *places*."""

    at_least: int
    at_most: int
    zone: str
    places: tuple[Place, ...]


def read(call: Call) -> RunRequest:
    """Read the request of *call*.

    Raises:
        Ec2Error: what no state of the account could make right, and what is not modelled.
    """
    at_least, at_most = call.need("MinCount"), call.need("MaxCount")
    if not 1 <= at_least <= at_most:
        raise invalid_value("minCount", at_least, "Expecting 1 <= MinCount <= MaxCount.")
    for name, value in call.parameters.items():
        if value not in (None, "", [], {}, False) and name not in MODELLED | _OWN:
            raise not_modelled(f"RunInstances with {name}")
    data, own = _data(call)
    check_user_data(data.get("UserData", ""))
    asked = tag_specifications(call.get("TagSpecifications", ()), TAGGED_AT_LAUNCH)
    without = {k: v for k, v in data.items() if k not in ("SubnetId", "InstanceMarketOptions")}
    spots = _spots(call, data)
    market, max_price = _market(data.get("InstanceMarketOptions") or {})
    places = tuple(
        Place(
            market=market,
            zone=zone,
            subnet_id=subnet_id,
            data=without,
            tags=tags_at_birth(data, asked, own),
            max_price=max_price,
        )
        for zone, subnet_id in spots
    )
    return RunRequest(
        at_least=at_least, at_most=at_most, zone=spots[0][0] if len(spots) == 1 else "", places=places
    )


def _data(call: Call) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the launch's data, the request's parameters over the template's, and EC2's tags for it.

    Tags are no part of it but the template's: the request's come over them kind by kind.
    """
    members = (MODELLED | {"SubnetId"}) - {"TagSpecifications"}
    asked = {k: v for k, v in call.parameters.items() if k in members and v is not None}
    if names := call.get("SecurityGroups"):
        ids = {group["GroupName"]: group_id for group_id, group in call.state.groups.items()}
        named = [ids.get(name, name) for name in names]
        asked["SecurityGroupIds"] = [*asked.get("SecurityGroupIds", ()), *named]
    specification = call.get("LaunchTemplate")
    if not specification:
        return asked, {}
    template = find_version(call.state, specification)["LaunchTemplateData"]
    return {**template, **asked}, template_tags(call.state, specification)


def _spots(call: Call, data: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return (zone, subnet) of every place that the request allows; an unknown one with an empty half."""
    if data.get("NetworkInterfaces"):
        for name, words in _BESIDE_INTERFACES.items():
            if data.get(name):
                message = f"Network interfaces and an instance-level {words} may not be specified on the same request"
                raise Ec2Error("InvalidParameterCombination", message)
    subnets = call.state.subnets
    subnet_id = data.get("SubnetId") or place_of(data)[0]
    zone = (data.get("Placement") or {}).get("AvailabilityZone")
    if subnet_id:
        there = subnets[subnet_id].zone if subnet_id in subnets else ""
        if zone and there and zone != there:
            raise invalid_value("availabilityZone", zone, f"The subnet {subnet_id} is in {there}.")
        return [(there, subnet_id)]
    found = [(s.zone, s.subnet_id) for s in subnets.values() if zone in (None, "", s.zone)]
    return found or [(str(zone), "")]


def _market(options: Mapping[str, Any]) -> tuple[str, str | None]:
    """Return the market of InstanceMarketOptions, and the maximum price in it."""
    market, spot = options.get("MarketType", "on-demand"), options.get("SpotOptions") or {}
    if market not in ("spot", "on-demand"):
        raise not_modelled(f"The market type {market}")
    if spot and market != "spot":
        raise missing("MarketType")
    if spot.get("SpotInstanceType", "one-time") != "one-time":
        raise not_modelled("A persistent Spot Instance request")
    if spot.get("BlockDurationMinutes"):
        raise not_modelled("BlockDurationMinutes")
    behavior = spot.get("InstanceInterruptionBehavior", "terminate")
    if behavior != "terminate" or spot.get("ValidUntil"):
        what = "validUntil" if spot.get("ValidUntil") else f"instanceInterruptionBehavior '{behavior}'"
        message = f"The request with type 'one-time' is not supported when {what} is set."
        raise Ec2Error("InvalidParameterCombination", message)
    return market, spot.get("MaxPrice")
