"""What the owner of an image may change: who launches it, its description, and when it is old."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from local.ec2.errors import Ec2Error, invalid_value, missing, not_modelled
from local.ec2.filters import TIME
from local.ec2.image_copies import own_image
from local.ec2.image_rules import Image
from local.ec2.images import unavailable
from local.ec2.state import Answer, Call

LONGEST, LONGEST_PUBLIC = timedelta(days=3653), timedelta(days=731)
"""Until when deprecation may be put off: ten years from now, a public image two years from its creation.
Source: EC2 API reference, EnableImageDeprecation.
"""

_ATTRIBUTES = {"LaunchPermission": "launchPermission", "Description": "description"}
_ORGANIZATIONS = ("OrganizationArn", "OrganizationalUnitArn")


def modify_image_attribute(call: Call) -> Answer:
    """ModifyImageAttribute of the launch permission or the description, one of them."""
    image = own_image(call)
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


def enable_image_deprecation(call: Call) -> Answer:
    """EnableImageDeprecation at a coming minute; seconds are rounded."""
    image, at = own_image(call), call.need("DeprecateAt")
    rounded = (at + timedelta(seconds=30)).replace(second=0, microsecond=0)
    if at <= call.now:
        raise invalid_value("DeprecateAt", at, "It cannot be in the past.")
    made = call.now.fromisoformat(image.get("CreationDate") or call.now.isoformat())
    if at > (made + LONGEST_PUBLIC if image["Public"] else call.now + LONGEST):
        raise invalid_value("DeprecateAt", at, "It is too far away.")
    image["DeprecationTime"] = rounded.strftime(TIME)
    return {"Return": True}


def disable_image_deprecation(call: Call) -> Answer:
    """DisableImageDeprecation: the image is not old any more."""
    own_image(call).pop("DeprecationTime", None)
    return {"Return": True}


OPERATIONS = {
    "ModifyImageAttribute": modify_image_attribute,
    "DescribeImageAttribute": describe_image_attribute,
    "EnableImageDeprecation": enable_image_deprecation,
    "DisableImageDeprecation": disable_image_deprecation,
}
