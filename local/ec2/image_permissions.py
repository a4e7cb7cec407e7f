"""What the owner of an image may change: who launches it, when it is old, whether it can be used at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from local.ec2.errors import Ec2Error, invalid_value, missing, not_modelled
from local.ec2.image_copies import own_image, tell
from local.ec2.image_launches import unavailable
from local.ec2.image_rules import Image
from local.ec2.state import Answer, Call

LONGEST, LONGEST_PUBLIC = timedelta(days=3653), timedelta(days=731)
"""Until when deprecation may be put off: ten years from now, a public image two years from its creation.
Source: EC2 API reference, EnableImageDeprecation.
"""

_ATTRIBUTES = {"LaunchPermission": "launchPermission", "Description": "description"}
_NOT_MODELLED = ("OrganizationArns", "OrganizationalUnitArns", "ProductCodes", "ImdsSupport")
_ORGANIZATIONS = ("OrganizationArn", "OrganizationalUnitArn")
_DATE = "%Y-%m-%dT%H:%M:%S.000Z"


def modify_image_attribute(call: Call) -> Answer:
    """ModifyImageAttribute of the launch permission or the description, one of them."""
    image = own_image(call)
    for name in _NOT_MODELLED:
        if call.get(name):
            raise not_modelled(f"ModifyImageAttribute with {name}")
    named = {attribute for member, attribute in _ATTRIBUTES.items() if call.get(member)}
    named |= {call.get("Attribute")} - {None}
    if len(named) > 1:
        raise Ec2Error("InvalidParameterCombination", "You can specify only one attribute at a time.")
    if not named:
        raise missing("attribute")
    if named == {"description"}:
        image["Description"] = (call.get("Description") or {}).get("Value", call.get("Value", ""))
    elif named == {"launchPermission"}:
        _permit(call, image)
    else:
        raise not_modelled(f"The image attribute {min(named)}")
    return {}


def _permit(call: Call, image: Image) -> None:
    """Add and remove launch permissions; all of them are checked before the first takes effect."""
    if image["State"] != "available":
        raise unavailable(image["ImageId"])
    users = [{"UserId": user} for user in call.get("UserIds", ())]
    groups = [{"Group": group} for group in call.get("UserGroups", ())]
    short = {str(call.get("OperationType", "")).capitalize(): users + groups}
    asked: Mapping[str, Any] = call.get("LaunchPermission") or short
    if "" in asked:
        raise missing("operationType")
    added, removed = (_accounts(asked.get(name) or ()) for name in ("Add", "Remove"))
    if "all" in added and image.get("ProductCodes"):
        message = "Images with a Marketplace product code cannot be made public."
        raise Ec2Error("InvalidRequest", message)
    shared = call.state.image_rules.shared_with(call.region, image["ImageId"])
    shared |= added - {"all"}
    shared -= removed
    image["Public"] = ("all" in added or image["Public"]) and "all" not in removed


def _accounts(permissions: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return the account ids, and ``all`` for everybody, of a list of permissions."""
    found = set()
    for permission in permissions:
        if any(permission.get(name) for name in _ORGANIZATIONS):
            raise not_modelled("A launch permission of an organization")
        user, group = permission.get("UserId"), permission.get("Group")
        if user is not None and not (user.isdecimal() and len(user) == 12):
            raise Ec2Error("InvalidUserID.Malformed", f'Invalid user id: "{user}"')
        if user is None and group != "all":
            raise invalid_value("Group", group)
        found.add(user or "all")
    return found


def describe_image_attribute(call: Call) -> Answer:
    """DescribeImageAttribute, of our own images only."""
    image, name = own_image(call), call.need("Attribute")
    users = sorted(call.state.image_rules.shared_with(call.region, image["ImageId"]))
    everybody = [{"Group": "all"}] * bool(image["Public"])
    text = image.get("Description")
    attributes: dict[str, dict[str, Any]] = {
        "launchPermission": {"LaunchPermissions": everybody + [{"UserId": user} for user in users]},
        "description": {"Description": {"Value": text} if text else {}},
        "productCodes": {"ProductCodes": image.get("ProductCodes", [])},
    }
    if name not in attributes:
        raise not_modelled(f"The image attribute {name}")
    return {"ImageId": image["ImageId"], **attributes[name]}


def reset_image_attribute(call: Call) -> Answer:
    """ResetImageAttribute: the launch permission, back to nobody but the owner."""
    image = own_image(call)
    if (name := call.need("Attribute")) != "launchPermission":
        raise invalid_value("attribute", name)
    _make_private(call, image)
    return {}


def _make_private(call: Call, image: Image) -> None:
    image["Public"] = False
    call.state.image_rules.shared_with(call.region, image["ImageId"]).clear()


def enable_image_deprecation(call: Call) -> Answer:
    """EnableImageDeprecation at a coming minute; seconds are rounded."""
    image, at = own_image(call), call.need("DeprecateAt")
    rounded = (at + timedelta(seconds=30)).replace(second=0, microsecond=0)
    if at <= call.now:
        raise invalid_value("DeprecateAt", at, "It cannot be in the past.")
    made = call.now.fromisoformat(image.get("CreationDate") or call.now.isoformat())
    if at > (made + LONGEST_PUBLIC if image["Public"] else call.now + LONGEST):
        raise invalid_value("DeprecateAt", at, "It is too far away.")
    image["DeprecationTime"] = rounded.strftime(_DATE)
    return {"Return": True}


def disable_image_deprecation(call: Call) -> Answer:
    """DisableImageDeprecation: the image is not old any more."""
    own_image(call).pop("DeprecationTime", None)
    return {"Return": True}


def disable_image(call: Call) -> Answer:
    """DisableImage: no launch, no search finds it, and all its permissions are gone."""
    image = own_image(call)
    _move(call, image, "available", "disabled")
    _make_private(call, image)
    return {"Return": True}


def enable_image(call: Call) -> Answer:
    """EnableImage: it can be used again; whoever lost it does not get it back."""
    _move(call, own_image(call), "disabled", "available")
    return {"Return": True}


def _move(call: Call, image: Image, before: str, after: str) -> None:
    if image["State"] != before:
        raise unavailable(image["ImageId"])
    image["State"] = after
    tell(call.state, call.region, image["ImageId"], call.now, after)


OPERATIONS = {
    "ModifyImageAttribute": modify_image_attribute,
    "DescribeImageAttribute": describe_image_attribute,
    "ResetImageAttribute": reset_image_attribute,
    "EnableImageDeprecation": enable_image_deprecation,
    "DisableImageDeprecation": disable_image_deprecation,
    "EnableImage": enable_image,
    "DisableImage": disable_image,
}
