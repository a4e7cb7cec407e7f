"""In which order a fleet tries its offers, and why EC2 would refuse one of them."""

from __future__ import annotations

from collections.abc import Sequence

from local.ec2.capacity import Pool
from local.ec2.catalogue import instance_types, on_demand_usd_per_hour
from local.ec2.devices import block_devices
from local.ec2.errors import Ec2Error, invalid_value, missing, not_modelled
from local.ec2.fleet_request import Offer, Target
from local.ec2.images import find_image
from local.ec2.offerings import is_offered
from local.ec2.spot import spot_usd_per_hour
from local.ec2.state import Call
from local.ec2.tags import readable_from_metadata
from local.ec2.templates import group_ids

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


def refusal(call: Call, offer: Offer, market: str) -> Ec2Error | None:
    """Return why EC2 cannot launch *offer* whatever its capacity, or None."""
    try:
        _check_place(call, offer, market)
        _check_image(call, offer)
        _check_data(call, offer, market)
    except Ec2Error as error:
        return error
    return None


def _check_place(call: Call, offer: Offer, market: str) -> None:
    if not offer.zone:
        raise Ec2Error("InvalidSubnetID.NotFound", f"The subnet ID '{offer.subnet_id}' does not exist")
    if not offer.subnet_id:
        raise invalid_value("availabilityZone", offer.zone, "No such zone, or no default subnet in it.")
    if not offer.instance_type:
        raise missing("InstanceType")
    kind = instance_types().get(offer.instance_type)
    if kind is None:
        raise invalid_value("InstanceType", offer.instance_type)
    if not is_offered(call.state.chance, kind.name, offer.zone) or market not in kind.markets:
        message = f"Your requested instance type ({kind.name}) is not supported in {offer.zone} as {market}."
        raise Ec2Error("Unsupported", message)


def _check_image(call: Call, offer: Offer) -> None:
    image_id = offer.data.get("ImageId")
    if not image_id:
        raise missing("ImageId")
    if image_id.startswith("resolve:ssm:"):
        raise not_modelled("resolve:ssm:")
    image = find_image(call.state, call.region, image_id)
    if image.get("State", "available") != "available":
        raise Ec2Error("InvalidAMIID.Unavailable", f"The image ID '{image_id}' is not available")
    architectures = instance_types()[offer.instance_type].architectures
    if image["Architecture"] not in architectures:
        message = (
            f"The architecture '{','.join(architectures)}' of the specified instance type does not match the"
            f" architecture '{image['Architecture']}' of the specified AMI."
        )
        raise Ec2Error("InvalidParameterValue", message)
    block_devices(image, offer.data)


def _check_data(call: Call, offer: Offer, market: str) -> None:
    data = offer.data
    if absent := [i for i in group_ids(data) if i not in call.state.groups]:
        raise Ec2Error("InvalidGroup.NotFound", f"The security group '{absent[0]}' does not exist")
    if (data.get("InstanceMarketOptions") or {}).get("MarketType"):
        raise Ec2Error(
            "InvalidParameterCombination", "A fleet's template may not have InstanceMarketOptions."
        )
    if market == "spot":
        if data.get("DisableApiTermination"):
            raise Ec2Error(
                "InvalidParameterCombination", "A Spot Instance cannot have termination protection."
            )
        price = spot_usd_per_hour(call.state, offer.instance_type, offer.zone, call.now)
        limit = offer.override.get("MaxPrice")
        if limit is not None and float(limit) < price:
            raise Ec2Error(
                "SpotMaxPriceTooLow", f"Your maximum price {limit} is lower than the Spot price {price}."
            )


def check_tags(offer: Offer, tags: dict[str, str]) -> Ec2Error | None:
    """Return why these instance tags cannot be, when the metadata service shall serve them."""
    options = offer.data.get("MetadataOptions") or {}
    if options.get("InstanceMetadataTags") == "enabled" and not readable_from_metadata(tags):
        message = "Tag keys in instance metadata may have letters, digits and + - = . , _ : @ only."
        return Ec2Error("InvalidParameterValue", message)
    return None
