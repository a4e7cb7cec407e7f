"""Where every launch is checked and counted, whoever asks: CreateFleet, RunInstances, StartInstances.

``refusal`` says why a place could not launch whatever its capacity; ``take`` counts what it can launch now, and
``give_back`` undoes that. Anything that limits launches belongs into these three.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local.ec2.attachments import check_number
from local.ec2.capacity import Pool
from local.ec2.catalogue import instance_types
from local.ec2.devices import block_devices
from local.ec2.errors import Ec2Error, invalid_value, missing, not_modelled
from local.ec2.images import launch_image
from local.ec2.kinds import SUBNET, unknown
from local.ec2.offerings import is_offered
from local.ec2.spot import spot_usd_per_hour
from local.ec2.state import Call
from local.ec2.tags import readable_from_metadata
from local.ec2.templates import check_groups

MODELLED = frozenset(
    {
        *("ImageId", "InstanceType", "KeyName", "IamInstanceProfile", "MetadataOptions", "UserData"),
        *("BlockDeviceMappings", "SecurityGroupIds", "NetworkInterfaces", "EbsOptimized", "Monitoring"),
        *("TagSpecifications", "DisableApiTermination", "DisableApiStop", "InstanceMarketOptions"),
        *("InstanceInitiatedShutdownBehavior", "Placement"),
    }
)
"""What a launch may say about its instances; everything else is refused by name."""

_INTERFACE = frozenset(
    {"DeviceIndex", "SubnetId", "Groups", "AssociatePublicIpAddress", "DeleteOnTermination", "Description"}
)
LOWEST_MAX_PRICE = 0.001
"""A maximum spot price has to be above it, in USD an hour. Source: EC2 API reference, SpotMarketOptions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One kind of machine in one subnet and one market, with all that its instances would have."""

    market: str
    zone: str
    subnet_id: str
    data: Mapping[str, Any]
    tags: Mapping[str, Mapping[str, str]]
    max_price: str | None = None

    @property
    def instance_type(self) -> str:
        """The instance type, empty if nobody names one."""
        return str(self.data.get("InstanceType", ""))

    @property
    def pool(self) -> Pool:
        """Where its capacity is counted."""
        return Pool(self.instance_type, self.zone, self.market)


def take(call: Call, place: Place, wanted: int) -> tuple[int, Ec2Error | None]:
    """Take room for up to *wanted* instances; return how many it were, and why not more."""
    quotas = call.state.quotas
    allowed = min(wanted, quotas.room(place.pool, call.now))
    taken = call.state.capacity.take(place.pool, allowed)
    quotas.take(place.pool, taken)
    if taken < allowed:
        return taken, no_capacity(call, place)
    return taken, quotas.refusal(place.pool) if taken < wanted else None


def give_back(call: Call, place: Place, count: int) -> None:
    """Return room that was taken and not used."""
    call.state.capacity.give_back(place.pool, count)
    call.state.quotas.give_back(place.pool, count, call.now)


def no_capacity(call: Call, place: Place) -> Ec2Error:
    """Return what EC2 says about an empty pool: a fleet's spot pools have a code of their own."""
    if place.market == "spot" and call.operation == "CreateFleet":
        message = "Unable to fulfill capacity due to your request configuration."
        return Ec2Error("UnfulfillableCapacity", message)
    message = (
        "There is no Spot capacity available that matches your request."
        if place.market == "spot"
        else f"We currently do not have sufficient {place.instance_type} capacity in the Availability Zone you"
        f" requested ({place.zone})."
    )
    return Ec2Error("InsufficientInstanceCapacity", message, 500)


def no_addresses() -> Ec2Error:
    """Return what EC2 says about a subnet that is full."""
    message = "There are not enough free addresses in the subnet."
    return Ec2Error("InsufficientFreeAddressesInSubnet", message)


def refusal(call: Call, place: Place) -> Ec2Error | None:
    """Return why EC2 cannot launch at *place* whatever its capacity, or None."""
    try:
        check_place(call, place)
        _check_image(call, place)
        _check_data(call, place)
        _check_interfaces(place)
        _check_spot(call, place)
    except Ec2Error as error:
        return error
    return None


def check_place(call: Call, place: Place) -> None:
    """Refuse a place that does not exist, or does not have the instance type in its market."""
    if not place.zone:
        raise unknown(SUBNET, place.subnet_id)
    if not place.subnet_id:
        raise invalid_value("availabilityZone", place.zone, "No such zone, or no default subnet in it.")
    if not place.instance_type:
        raise missing("InstanceType")
    kind = instance_types().get(place.instance_type)
    if kind is None:
        raise invalid_value("InstanceType", place.instance_type)
    if not is_offered(call.state.chance, kind.name, place.zone) or place.market not in kind.markets:
        where = f"{place.zone} as {place.market}"
        message = f"Your requested instance type ({kind.name}) is not supported in {where}."
        raise Ec2Error("Unsupported", message)


def _check_image(call: Call, place: Place) -> None:
    image_id = place.data.get("ImageId")
    if not image_id:
        raise missing("ImageId")
    image = launch_image(call.state, call.region, image_id)
    check_architecture(place.instance_type, image["Architecture"])
    check_number(place.instance_type, len(block_devices(call, image, place.data)))


def check_architecture(instance_type: str, architecture: str) -> None:
    """Refuse an instance type that cannot run an image."""
    known = instance_types()[instance_type].architectures
    if architecture not in known:
        message = (
            f"The architecture '{','.join(known)}' of the specified instance type does not match the"
            f" architecture '{architecture}' of the specified AMI."
        )
        raise Ec2Error("InvalidParameterValue", message)


def _check_data(call: Call, place: Place) -> None:
    data = place.data
    if unknown := sorted(name for name, value in data.items() if value and name not in MODELLED):
        raise not_modelled(f"A launch with {unknown[0]}")
    for name, value in (data.get("Placement") or {}).items():
        if value and name != "AvailabilityZone" and (name, value) != ("Tenancy", "default"):
            raise not_modelled(f"Placement with {name}")
    check_groups(call, data)
    options = data.get("MetadataOptions") or {}
    tags = place.tags.get("instance", {})
    if options.get("InstanceMetadataTags") == "enabled" and not readable_from_metadata(tags):
        message = "Tag keys in instance metadata may have letters, digits and + - = . , _ : @ only."
        raise Ec2Error("InvalidParameterValue", message)


def _check_interfaces(place: Place) -> None:
    interfaces = place.data.get("NetworkInterfaces") or []
    if len(interfaces) > 1:
        raise not_modelled("A second network interface")
    for name, value in (interfaces[0] if interfaces else {}).items():
        if name not in _INTERFACE or (name, value) == ("DeleteOnTermination", False):
            raise not_modelled(f"A network interface with {name}")
    if interfaces and interfaces[0].get("DeviceIndex") != 0:
        raise Ec2Error("InvalidParameterValue", "Each network interface requires a device index.")


def _check_spot(call: Call, place: Place) -> None:
    if place.market != "spot":
        return
    for name in ("DisableApiTermination", "DisableApiStop"):
        if place.data.get(name):
            raise Ec2Error("InvalidParameterCombination", f"A Spot Instance cannot have {name}.")
    if place.max_price is None:
        return
    price = spot_usd_per_hour(call.state, place.instance_type, place.zone, call.now)
    if float(place.max_price) <= LOWEST_MAX_PRICE:
        raise invalid_value("MaxPrice", place.max_price, f"It has to be above {LOWEST_MAX_PRICE}.")
    if float(place.max_price) < price:
        message = f"Your maximum price {place.max_price} is lower than the Spot price {price}."
        raise Ec2Error("SpotMaxPriceTooLow", message)
