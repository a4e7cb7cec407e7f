"""DescribeImages, what the account knows of an image, and which one a launch gets: by id or by SSM parameter."""

from __future__ import annotations

from datetime import datetime

from local.ec2.errors import Ec2Error
from local.ec2.image_rules import ALIAS, Image
from local.ec2.kinds import IMAGE, find
from local.ec2.listing import Listing
from local.ec2.paging import Limits
from local.ec2.state import Call, Operation, State


def find_image(state: State, region: str, image_id: str) -> Image:
    """Return an image that the account can find, or say about its id what EC2 would."""

    def known(one: str) -> Image | None:
        image = state.images.get(region, {}).get(one)
        return image if image and state.image_rules.knows(state.account, region, image, state.now) else None

    return find(IMAGE, [image_id], known)[0]


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


def _known(call: Call) -> dict[str, Image]:
    state, region = call.state, call.region
    images, rules = state.images.get(region, {}), state.image_rules
    return {i: one for i, one in images.items() if rules.knows(state.account, region, one, call.now)}


def _shown(call: Call, image: Image) -> Image | None:
    """Show an image of the owners and users that are asked for.

    A deprecated one is hidden unless it is asked for by id, is our own, or IncludeDeprecated is set.
    """
    ours = image["OwnerId"] == call.state.account
    old = call.get("ImageIds") or call.get("IncludeDeprecated") or ours or not _deprecated(image, call.now)
    names = {image["OwnerId"], image.get("ImageOwnerAlias"), "self" if ours else None}
    owners = call.get("Owners", ())
    if not old or not (not owners or names & set(owners)) or not _executable(call, image):
        return None
    settings = call.state.image_rules.settings(call.region)
    tags = {"Tags": call.state.tag_list(image["ImageId"])}
    if settings.state == "disabled":
        return image | tags
    return image | {"ImageAllowed": ours or settings.allow(image, call.now)} | tags


def _executable(call: Call, image: Image) -> bool:
    """Tell whether one of ExecutableUsers may explicitly launch *image*; its owner needs no permission."""
    users, account = call.get("ExecutableUsers", ()), call.state.account
    shared = call.state.image_rules.shares.get((call.region, image["ImageId"]), ())
    asked = {account if user == "self" else user for user in users}
    return not users or bool(asked & set(shared)) or ("all" in asked and bool(image.get("Public")))


def _deprecated(image: Image, now: datetime) -> bool:
    text = image.get("DeprecationTime")
    return text is not None and datetime.fromisoformat(str(text)) <= now


OPERATIONS: dict[str, Operation] = {
    "DescribeImages": Listing[Image](
        member="Images",
        store=_known,
        show=_shown,
        kind=IMAGE,
        limits=Limits(1, 1000),
        filters="image-id name architecture owner-id owner-alias=ImageOwnerAlias state virtualization-type"
        " root-device-type root-device-name hypervisor image-type description creation-date boot-mode"
        " manifest-location=ImageLocation platform sriov-net-support source-image-id source-image-region"
        " public-ssm-parameter-name is-public=Public ena-support image-allowed"
        " product-code=ProductCodes.ProductCodeId product-code.type=ProductCodes.ProductCodeType"
        " block-device-mapping.device-name=BlockDeviceMappings.DeviceName"
        " block-device-mapping.snapshot-id=BlockDeviceMappings.Ebs.SnapshotId"
        " block-device-mapping.volume-size=BlockDeviceMappings.Ebs.VolumeSize"
        " block-device-mapping.volume-type=BlockDeviceMappings.Ebs.VolumeType"
        " block-device-mapping.encrypted=BlockDeviceMappings.Ebs.Encrypted"
        " block-device-mapping.delete-on-termination=BlockDeviceMappings.Ebs.DeleteOnTermination"
        " state-reason-code=StateReason.Code",
    )
}
