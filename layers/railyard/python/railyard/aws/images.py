"""Machine images as EC2 shows them to this account."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from railyard.aws.errors import translated
from railyard.aws.regions import in_each
from railyard.errors import RailyardError
from railyard.model.images import Image


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


def _image(region: str, image: dict[str, Any]) -> Image:
    return Image(
        image_id=image["ImageId"],
        region=region,
        name=image.get("Name", ""),
        owner=image.get("OwnerId", ""),
        architecture={"x86_64": "amd64"}.get(image.get("Architecture", ""), image.get("Architecture", "")),
        virtualization=image.get("VirtualizationType", ""),
        root_device=image.get("RootDeviceType", ""),
        state=image.get("State", ""),
        public=bool(image.get("Public")),
        deprecation_time=image.get("DeprecationTime", ""),
    )
