"""What a CreateFleet request says: how many of which market, and every place where they could run.

Anything that EC2 can do and this model cannot is refused here by name, never ignored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from local.ec2.errors import Ec2Error, invalid_value, missing, not_modelled
from local.ec2.state import Call
from local.ec2.tags import tag_specifications
from local.ec2.templates import find_version, template_tags

LARGEST_FLEET = 10_000
LARGEST_MINIMUM = 1_000
"""Source: EC2 API reference, CreateFleet (TotalTargetCapacity; MinTargetCapacity)."""

ON_DEMAND_STRATEGIES = ("lowest-price", "prioritized")
SPOT_STRATEGIES = ("lowest-price", "price-capacity-optimized", "capacity-optimized")
_TAGGED = {"instance", "volume", "network-interface", "fleet"}
_INTO_DATA = (
    *("InstanceType", "ImageId", "KeyName", "IamInstanceProfile"),
    *("MetadataOptions", "BlockDeviceMappings"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One place that a fleet may use: a template with one override, in one zone; *own* are EC2's tags for it."""

    order: int
    own: Mapping[str, str]
    override: Mapping[str, Any]
    data: Mapping[str, Any]
    zone: str
    subnet_id: str

    @property
    def instance_type(self) -> str:
        """The instance type, empty if neither template nor override names one."""
        return str(self.data.get("InstanceType", ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """How many instances of one market, and by which rules."""

    market: str
    count: int
    strategy: str
    minimum: int
    single_type: bool
    single_zone: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetRequest:
    """A CreateFleet request of type instant, checked."""

    targets: tuple[Target, ...]
    offers: tuple[Offer, ...]
    tags: Mapping[str, Mapping[str, str]]


def read(call: Call) -> FleetRequest:
    """Read and check the request of *call*.

    Raises:
        Ec2Error: anything that makes EC2 refuse the whole request.
    """
    if (kind := call.get("Type", "maintain")) != "instant":
        raise not_modelled(f"A fleet of type {kind}")
    return FleetRequest(
        targets=tuple(_targets(call)),
        offers=tuple(_offers(call)),
        tags=tag_specifications(call.get("TagSpecifications", ()), _TAGGED),
    )


def _targets(call: Call) -> Iterator[Target]:
    wanted = call.need("TargetCapacitySpecification")
    if wanted.get("TargetCapacityUnitType", "units") != "units":
        raise not_modelled("TargetCapacityUnitType")
    total, default = wanted.get("TotalTargetCapacity"), wanted.get("DefaultTargetCapacityType", "on-demand")
    if total is None or not 0 < total <= LARGEST_FLEET:
        raise invalid_value("TotalTargetCapacity", total, f"Expecting 1 to {LARGEST_FLEET}.")
    if default not in ("on-demand", "spot"):
        raise invalid_value("DefaultTargetCapacityType", default)
    on_demand, spot = wanted.get("OnDemandTargetCapacity", 0), wanted.get("SpotTargetCapacity", 0)
    rest = total - on_demand - spot
    if rest < 0 or on_demand < 0 or spot < 0:
        raise invalid_value("TotalTargetCapacity", total, "It is less than its parts.")
    on_demand, spot = (on_demand + rest, spot) if default == "on-demand" else (on_demand, spot + rest)
    yield _target("on-demand", on_demand, call.get("OnDemandOptions", {}), ON_DEMAND_STRATEGIES)
    yield _target("spot", spot, call.get("SpotOptions", {}), SPOT_STRATEGIES)


def _target(market: str, count: int, options: Mapping[str, Any], known: tuple[str, ...]) -> Target:
    strategy = options.get("AllocationStrategy", "lowest-price").replace("lowestPrice", "lowest-price")
    if strategy not in known:
        raise not_modelled(f"The {market} allocation strategy {strategy}")
    minimum = options.get("MinTargetCapacity") or 0
    single_type = bool(options.get("SingleInstanceType"))
    single_zone = bool(options.get("SingleAvailabilityZone"))
    if not 0 <= minimum <= LARGEST_MINIMUM:
        raise invalid_value("MinTargetCapacity", minimum)
    if minimum and not (single_type or single_zone):
        message = "MinTargetCapacity needs SingleInstanceType or SingleAvailabilityZone."
        raise Ec2Error("InvalidParameterCombination", message)
    return Target(
        market=market,
        count=count,
        strategy=strategy,
        minimum=min(minimum, count),
        single_type=single_type,
        single_zone=single_zone,
    )


def _offers(call: Call) -> Iterator[Offer]:
    offers: list[Offer] = []
    for config in call.need("LaunchTemplateConfigs"):
        specification = config.get("LaunchTemplateSpecification")
        if not specification:
            raise missing("LaunchTemplateSpecification")
        if not specification.get("Version"):
            raise missing("Version")
        for override in config.get("Overrides") or [{}]:
            offers += _zones_of(call, specification, override, len(offers))
    subnets: dict[str, str] = {}
    for offer in offers:
        if offer.zone and subnets.setdefault(offer.zone, offer.subnet_id) != offer.subnet_id:
            message = f"The fleet configuration has two subnets of one Availability Zone, {offer.zone}."
            raise Ec2Error("InvalidFleetConfig", message)
    yield from offers


def place_of(data: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Return the subnet, or else the zone, that template *data* names."""
    subnet_id = (data.get("NetworkInterfaces") or [{}])[0].get("SubnetId")
    return subnet_id, None if subnet_id else (data.get("Placement") or {}).get("AvailabilityZone")


def _zones_of(
    call: Call, specification: Mapping[str, Any], override: Mapping[str, Any], order: int
) -> list[Offer]:
    template = find_version(call.state, specification)["LaunchTemplateData"]
    own = template_tags(call.state, specification)
    data = {**template, **{name: override[name] for name in _INTO_DATA if override.get(name)}}
    subnet_id, zone = override.get("SubnetId"), override.get("AvailabilityZone")
    if subnet_id and zone:
        raise Ec2Error("InvalidParameterCombination", "An override has a subnet or a zone, not both.")
    if not subnet_id and not zone:
        subnet_id, zone = place_of(data)
    return [
        Offer(order=order + i, own=own, override=override, data=data, zone=z, subnet_id=s)
        for i, (z, s) in enumerate(spots(call, subnet_id, zone))
    ]


def spots(call: Call, subnet_id: str | None, zone: str | None) -> list[tuple[str, str]]:
    """Return (zone, subnet) of every place that a request allows; an unknown one with an empty half."""
    subnets = call.state.subnets
    if subnet_id:
        return [(subnets[subnet_id].zone if subnet_id in subnets else "", str(subnet_id))]
    found = [(s.zone, s.subnet_id) for s in subnets.values() if zone in (None, "", s.zone)]
    return found or [(str(zone), "")]
