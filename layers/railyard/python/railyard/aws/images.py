"""Machine images as EC2 shows them to this account."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from railyard.aws.errors import translated
from railyard.aws.regions import in_each
from railyard.errors import RailyardError
from railyard.model.images import Image

_EC2_NAMES = {"amd64": "x86_64"}
_OUR_NAMES = {theirs: ours for ours, theirs in _EC2_NAMES.items()}


class Ec2Images:
    """DescribeImages, in any region."""

    def __init__(self, client: Callable[[str], Any]) -> None:
        """*client* returns the EC2 client of a region."""
        self._client = client

    def enabled_regions(self, home: str) -> frozenset[str]:
        """Return the regions that this account may use, as *home* knows them."""
        with translated("DescribeRegions"):
            answer = self._client(home).describe_regions()
        return frozenset(region["RegionName"] for region in answer["Regions"])

    def everywhere(self, ids: Mapping[str, Sequence[str]]) -> dict[str, Mapping[str, Image] | RailyardError]:
        """Look in every region of *ids* at once; a region that did not answer gets its error."""
        return in_each(ids, self.look)

    def look(self, region: str, ids: Sequence[str]) -> dict[str, Image]:
        """Return the images among *ids* that EC2 shows in *region*, by id, in one call.

        A filter, not ``ImageIds``: an image that is gone is then absent instead of failing the others.
        """
        with translated(f"DescribeImages in {region}"):
            answer = self._client(region).describe_images(
                Filters=[{"Name": "image-id", "Values": sorted(ids)}], IncludeDeprecated=True
            )
        return {image["ImageId"]: _image(region, image) for image in answer["Images"]}

    def newest(self, region: str, *, owner: str, name: str, architecture: str) -> Image | None:
        """Return the newest available image of *owner* (an account or an alias) whose name fits the pattern *name*."""
        filters = {
            "name": name,
            "architecture": _EC2_NAMES.get(architecture, architecture),
            "state": "available",
        }
        question = [{"Name": key, "Values": [value]} for key, value in filters.items()]
        with translated(f"DescribeImages in {region}"):
            pages = (
                self._client(region)
                .get_paginator("describe_images")
                .paginate(Owners=[owner], Filters=question)
            )
            found = [_image(region, image) for page in pages for image in page["Images"]]
        return max(found, key=lambda image: (image.created_at, image.image_id), default=None)


def _image(region: str, image: dict[str, Any]) -> Image:
    return Image(
        image_id=image["ImageId"],
        region=region,
        name=image.get("Name", ""),
        owner=image.get("OwnerId", ""),
        architecture=_OUR_NAMES.get(image.get("Architecture", ""), image.get("Architecture", "")),
        virtualization=image.get("VirtualizationType", ""),
        root_device=image.get("RootDeviceType", ""),
        state=image.get("State", ""),
        public=bool(image.get("Public")),
        allowed=bool(image.get("ImageAllowed", True)),
        created_at=image.get("CreationDate", ""),
        deprecation_time=image.get("DeprecationTime", ""),
    )
