"""DescribeImages, in every region: the one thing that exists everywhere."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from local.ec2.errors import Ec2Error
from local.ec2.filters import Fields, matching
from local.ec2.paging import Limits, page
from local.ec2.state import Answer, Call, State
from local.ec2.tags import tag_list

PAGES = Limits(lowest=1, highest=1000, default=1000)
Image = dict[str, Any]

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
}
_FLAG_FIELDS = {"is-public": "Public", "ena-support": "EnaSupport"}


def _text(member: str, image: Image) -> Iterable[str]:
    return [str(image[member])] if image.get(member) is not None else []


def _flag(member: str, image: Image) -> Iterable[str]:
    return ["true" if image.get(member) else "false"]


_FIELDS: Fields[Image] = {
    **{name: (lambda i, m=member: _text(m, i)) for name, member in _TEXT_FIELDS.items()},  # type: ignore[misc]
    **{name: (lambda i, m=member: _flag(m, i)) for name, member in _FLAG_FIELDS.items()},  # type: ignore[misc]
}


def find_image(state: State, region: str, image_id: str) -> Image:
    """Return the image, or say about its id what EC2 would."""
    if not re.fullmatch(r"ami-[0-9a-f]{8}([0-9a-f]{9})?", image_id):
        raise Ec2Error("InvalidAMIID.Malformed", f'Invalid id: "{image_id}" (expecting "ami-...")')
    image = state.images.get(region, {}).get(image_id)
    if image is None:
        raise Ec2Error("InvalidAMIID.NotFound", f"The image id '[{image_id}]' does not exist")
    return image


def describe_images(call: Call) -> Answer:
    """Show images by id, owner and filter.

    A deprecated image is hidden unless it is asked for by id, is our own, or IncludeDeprecated is set.
    ExecutableUsers is ignored.
    """
    state, ids, owners = call.state, call.get("ImageIds", ()), call.get("Owners", ())
    named = [find_image(state, call.region, image_id) for image_id in ids]
    images = sorted(named or state.images.get(call.region, {}).values(), key=lambda i: str(i["ImageId"]))
    passes = matching(call.get("Filters", ()), _FIELDS, lambda i: state.tags.of(i["ImageId"]))
    show_old = bool(ids) or call.get("IncludeDeprecated", False)

    def keep(image: Image) -> bool:
        ours = image["OwnerId"] == state.account
        return (
            _owned(image, owners, ours)
            and (show_old or ours or not _deprecated(image, call.now))
            and passes(image)
        )

    found, token = page(images, call.parameters, PAGES, key=lambda i: str(i["ImageId"]), keep=keep)
    return {"Images": [i | {"Tags": tag_list(state.tags.of(i["ImageId"]))} for i in found], **token}


def _owned(image: Image, owners: Iterable[str], ours: bool) -> bool:
    names = {image["OwnerId"], image.get("ImageOwnerAlias"), "self" if ours else None}
    return not owners or bool(names & set(owners))


def _deprecated(image: Image, now: datetime) -> bool:
    text = image.get("DeprecationTime")
    return text is not None and datetime.fromisoformat(str(text)) <= now


OPERATIONS = {"DescribeImages": describe_images}
