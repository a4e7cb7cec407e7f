"""DescribeImages, in every region, and what the account knows of an image."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from local.ec2.errors import Ec2Error
from local.ec2.filters import Fields, matching
from local.ec2.image_rules import Image
from local.ec2.paging import Limits, page
from local.ec2.state import Answer, Call, State
from local.ec2.tags import tag_list

PAGES = Limits(lowest=1, highest=1000, default=1000)

_TEXT_FIELDS = {
    "image-id": "ImageId",
    "name": "Name",
    "architecture": "Architecture",
    "owner-id": "OwnerId",
    "owner-alias": "ImageOwnerAlias",
    "state": "State",
    "virtualization-type": "VirtualizationType",
    "root-device-type": "RootDeviceType",
    "root-device-name": "RootDeviceName",
    "hypervisor": "Hypervisor",
    "image-type": "ImageType",
    "description": "Description",
    "creation-date": "CreationDate",
    "boot-mode": "BootMode",
    "manifest-location": "ImageLocation",
    "platform": "Platform",
    "sriov-net-support": "SriovNetSupport",
    "source-image-id": "SourceImageId",
    "source-image-region": "SourceImageRegion",
    "public-ssm-parameter-name": "PublicSsmParameterName",
}
_FLAG_FIELDS = {"is-public": "Public", "ena-support": "EnaSupport"}
_NESTED_FIELDS = {
    "product-code": ("ProductCodes", "ProductCodeId"),
    "product-code.type": ("ProductCodes", "ProductCodeType"),
    "block-device-mapping.device-name": ("BlockDeviceMappings", "DeviceName"),
}
_DISK_FIELDS = {
    "snapshot-id": "SnapshotId",
    "volume-size": "VolumeSize",
    "volume-type": "VolumeType",
    "encrypted": "Encrypted",
    "delete-on-termination": "DeleteOnTermination",
}


def _text(member: str) -> Callable[[Image], Iterable[str]]:
    return lambda image: [str(image[member])] if image.get(member) is not None else []


def _flag(member: str) -> Callable[[Image], Iterable[str]]:
    return lambda image: ["true" if image.get(member) else "false"]


def _each(group: str, member: str) -> Callable[[Image], Iterable[str]]:
    return lambda image: _values(image.get(group, ()), member)


def _disk(member: str) -> Callable[[Image], Iterable[str]]:
    return lambda image: _values([d.get("Ebs", {}) for d in image.get("BlockDeviceMappings", ())], member)


def _values(entries: Sequence[dict[str, Any]], member: str) -> list[str]:
    found = [entry[member] for entry in entries if member in entry]
    return [str(value).lower() if isinstance(value, bool) else str(value) for value in found]


_FIELDS: Fields[Image] = {
    **{name: _text(member) for name, member in _TEXT_FIELDS.items()},
    **{name: _flag(member) for name, member in _FLAG_FIELDS.items()},
    **{name: _each(*where) for name, where in _NESTED_FIELDS.items()},
    **{f"block-device-mapping.{name}": _disk(member) for name, member in _DISK_FIELDS.items()},
    "state-reason-code": lambda image: _values([image.get("StateReason", {})], "Code"),
    "image-allowed": lambda image: _values([image], "ImageAllowed"),
}


def find_image(state: State, region: str, image_id: str) -> Image:
    """Return an image that the account can find, or say about its id what EC2 would."""
    if not re.fullmatch(r"ami-[0-9a-f]{8}([0-9a-f]{9})?", image_id):
        raise Ec2Error("InvalidAMIID.Malformed", f'Invalid id: "{image_id}" (expecting "ami-...")')
    image = state.images.get(region, {}).get(image_id)
    if image is None or not _known(state, region, image):
        raise Ec2Error("InvalidAMIID.NotFound", f"The image id '[{image_id}]' does not exist")
    return image


def _known(state: State, region: str, image: Image) -> bool:
    return state.image_rules.knows(state.account, region, image, state.agenda.now)


def describe_images(call: Call) -> Answer:
    """Show images by id, owner, user and filter.

    A deprecated image is hidden unless it is asked for by id, is our own, or IncludeDeprecated is set; a
    disabled one, even our own and asked for by id, unless IncludeDisabled is set.
    """
    state, ids = call.state, call.get("ImageIds", ())
    named = [find_image(state, call.region, image_id) for image_id in ids]
    known = [i for i in state.images.get(call.region, {}).values() if _known(state, call.region, i)]
    chosen = (i for i in (named or known) if _shows(call, i))
    images = sorted((_shown(call, i) for i in chosen), key=lambda i: str(i["ImageId"]))

    def tags(image: Image) -> Mapping[str, str]:
        return state.tags.of(image["ImageId"], call.now)

    passes = matching(call.get("Filters", ()), _FIELDS, tags)
    found, token = page(images, call.parameters, PAGES, key=lambda i: str(i["ImageId"]), keep=passes)
    return {"Images": [i | {"Tags": tag_list(tags(i))} for i in found], **token}


def _shows(call: Call, image: Image) -> bool:
    ours = image["OwnerId"] == call.state.account
    old = call.get("ImageIds") or call.get("IncludeDeprecated") or ours or not _deprecated(image, call.now)
    off = call.get("IncludeDisabled") or image["State"] != "disabled"
    names = {image["OwnerId"], image.get("ImageOwnerAlias"), "self" if ours else None}
    owners = call.get("Owners", ())
    return bool(old and off and (not owners or names & set(owners)) and _executable(call, image))


def _executable(call: Call, image: Image) -> bool:
    """Tell whether one of ExecutableUsers may explicitly launch *image*; its owner needs no permission."""
    users, account = call.get("ExecutableUsers", ()), call.state.account
    shared = call.state.image_rules.shares.get((call.region, image["ImageId"]), ())
    asked = {account if user == "self" else user for user in users}
    return not users or bool(asked & set(shared)) or ("all" in asked and bool(image.get("Public")))


def _shown(call: Call, image: Image) -> Image:
    """Return *image* with what the Allowed AMIs settings say of it, when they say anything."""
    settings = call.state.image_rules.settings(call.region)
    if settings.state == "disabled":
        return image
    ours = image["OwnerId"] == call.state.account
    return image | {"ImageAllowed": ours or settings.allow(image, call.now)}


def _deprecated(image: Image, now: datetime) -> bool:
    text = image.get("DeprecationTime")
    return text is not None and datetime.fromisoformat(str(text)) <= now


OPERATIONS = {"DescribeImages": describe_images}
