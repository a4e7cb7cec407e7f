"""Which image a launch gets: by id or by the name of an SSM parameter, and why EC2 would not launch it."""

from __future__ import annotations

from local.ec2.errors import Ec2Error
from local.ec2.image_rules import ALIAS, Image
from local.ec2.images import find_image
from local.ec2.state import State


def image_id_of(state: State, region: str, image_id: str) -> str:
    """Return the id behind an alias, read now; an id stays what it is."""
    if not image_id.startswith(ALIAS):
        return image_id
    name = image_id.removeprefix(ALIAS)
    found = state.image_rules.parameters(region, name)
    if found is None:
        raise Ec2Error("SsmInvalidParameter", f"The following aliases are invalid: {name}")
    return found


def launch_image(state: State, region: str, image_id: str) -> Image:
    """Return the image of a launch.

    Raises:
        Ec2Error: it cannot be launched: unknown, not available, or a product without a subscription.
    """
    image_id = image_id_of(state, region, image_id)
    gone = (region, image_id) in state.image_rules.deregistered
    image = {} if gone else find_image(state, region, image_id)
    if image.get("State") != "available":
        raise unavailable(image_id)
    for code in image.get("ProductCodes", ()):
        if (product := code["ProductCodeId"]) not in state.image_rules.subscriptions:
            message = (
                "In order to use this AWS Marketplace product you need to accept terms and subscribe."
                f" To do so please visit https://aws.amazon.com/marketplace/pp?sku={product}"
            )
            raise Ec2Error("OptInRequired", message, 401)
    return image


def unavailable(image_id: str) -> Ec2Error:
    """Return EC2's answer about an image in a state that does not allow what is asked."""
    return Ec2Error("InvalidAMIID.Unavailable", f"The image ID '{image_id}' is not available")
