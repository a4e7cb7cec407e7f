"""Machine images as EC2 shows them to this account."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from railyard.aws.errors import translated
from railyard.aws.regions import in_each
from railyard.errors import ImageUnavailable, RailyardError
from railyard.model.images import TESTED, Image

_EC2_NAMES = {"amd64": "x86_64"}
_NOT_OURS_TO_LAUNCH = ("OptInRequired", "AuthFailure")
"""No subscription, no launch permission. Source: EC2 API reference, "Error codes"."""
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
        return {image["ImageId"]: image_of(region, image) for image in answer["Images"]}

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
            found = [image_of(region, image) for page in pages for image in page["Images"]]
        return max(found, key=lambda image: (image.created_at, image.image_id), default=None)

    def newest_everywhere(
        self, regions: Iterable[str], *, owner: str, name: str, architecture: str
    ) -> dict[str, Image | RailyardError | None]:
        """Look for the newest image in each of *regions* at once; a region that did not answer gets its error."""
        wanted = dict.fromkeys(regions, name)
        return in_each(
            wanted,
            lambda region, name: self.newest(region, owner=owner, name=name, architecture=architecture),
        )

    def refusal(self, region: str, image_id: str, architecture: str) -> str:
        """Return the code with which EC2 refuses to launch *image_id*, tried without launching it.

        Empty if it would launch, and if nobody can tell: this role may not launch, or EC2 asks for patience.
        """
        try:
            with translated(f"RunInstances in {region}"):
                self._client(region).run_instances(
                    ImageId=image_id,
                    InstanceType=TESTED[architecture],
                    MinCount=1,
                    MaxCount=1,
                    DryRun=True,
                )
        except RailyardError as answer:
            about_it = isinstance(answer, ImageUnavailable) or answer.code in _NOT_OURS_TO_LAUNCH
            return answer.code if about_it else ""  # DryRunOperation is EC2's yes
        raise AssertionError("a dry run never succeeds")


def image_of(region: str, image: dict[str, Any]) -> Image:
    """Return an image of EC2's answer in our words."""
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
