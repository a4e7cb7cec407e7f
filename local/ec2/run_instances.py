"""RunInstances: at least so many or none, all in one zone, once per client token and zone.

With a subnet or a zone the token is *zonal*: the same token in another zone launches again. Without, it is
regional. A repeated answer shows the instances as they are now. Source: EC2 developer guide, "Ensuring
idempotency". A token that was used with a zone is another one without it: the harsher reading.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local.ec2.birth import Launch, launch
from local.ec2.errors import Ec2Error, invalid_value, missing, not_modelled
from local.ec2.fleet_request import place_of, spots
from local.ec2.images import launch_image
from local.ec2.instances import member
from local.ec2.launching import MODELLED, Place, give_back, no_addresses, refusal, take
from local.ec2.state import Answer, Call
from local.ec2.tags import TAGGED_AT_LAUNCH, tag_list, tag_specifications, tags_at_birth
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


def run_instances(call: Call) -> Answer:
    """RunInstances; see the module. A dry run makes every check but those of capacity and token."""
    request = _read(call)
    if call.get("DryRun"):
        _choose(call, request)
        raise Ec2Error("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412)
    launched = call.once(lambda: {"Ids": _launch(call, request)}, scope=request.zone)
    return _answer(call, launched["Ids"])


def _launch(call: Call, request: RunRequest) -> list[str]:
    place = _choose(call, request)
    addresses = call.state.subnets[place.subnet_id].available
    if addresses < request.at_least:
        raise no_addresses()
    count, why_not_more = take(call, place, min(request.at_most, addresses))
    if why_not_more is not None and count < request.at_least:
        give_back(call, place, count)
        raise why_not_more
    image = launch_image(call.state, call.region, place.data["ImageId"])
    token = call.get("ClientToken") or call.state.chance.uuid()
    return launch(call, Launch(place=place, image=image, client_token=token), count, 0)


def _choose(call: Call, request: RunRequest) -> Place:
    """Return the place to launch at: of those that EC2 does not refuse the one with most room."""
    refused = {place.subnet_id: refusal(call, place) for place in request.places}
    possible = [place for place in request.places if refused[place.subnet_id] is None]
    if not possible:
        raise next(error for error in refused.values() if error is not None)
    return max(possible, key=lambda place: _room(call, place))


def _room(call: Call, place: Place) -> int:
    return min(call.state.capacity.available(place.pool), call.state.subnets[place.subnet_id].available)


def _answer(call: Call, ids: Sequence[str]) -> Answer:
    """Return the reservation of instances as they are now, with their true tags."""
    instances = [call.state.instances.get(instance_id) for instance_id in ids]
    shown: list[Mapping[str, Any]] = []
    for instance in instances:
        if instance is None or instance.state == "terminated":
            message = "The client token belongs to an instance that has been terminated."
            raise Ec2Error("IdempotentInstanceTerminated", message)
        tags = tag_list(call.state.tags.of(instance.instance_id))
        shown.append(member(call.state, instance) | {"Tags": tags})
    reservation_id = next(i.reservation_id for i in instances if i is not None)
    return {"ReservationId": reservation_id, "OwnerId": call.state.account, "Groups": [], "Instances": shown}


def _read(call: Call) -> RunRequest:
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
    where = _spots(call, data)
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
        for zone, subnet_id in where
    )
    return RunRequest(
        at_least=at_least, at_most=at_most, zone=where[0][0] if len(where) == 1 else "", places=places
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
    subnet_id, there = data.get("SubnetId") or place_of(data)[0], call.state.subnets
    zone = (data.get("Placement") or {}).get("AvailabilityZone")
    if zone and subnet_id in there and zone != there[subnet_id].zone:
        why = f"The subnet {subnet_id} is in {there[subnet_id].zone}."
        raise invalid_value("availabilityZone", zone, why)
    return spots(call, subnet_id, zone)


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


OPERATIONS = {"RunInstances": run_instances}
