"""The account's own copies of images, in any region: listed, made and taken away."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from railyard.aws.errors import translated
from railyard.aws.images import image_of
from railyard.aws.regions import in_each
from railyard.errors import ImageUnavailable, RailyardError
from railyard.model import ownership
from railyard.model.copies import COPY_OF, Copy, CopyOrder

PAGE = 1000
DELETED = ("success", "skipped")
"""What a snapshot's end may be; it is skipped if another image needs it. Source: EC2 API reference, DeregisterImage."""


class Ec2Copies:
    """The copies that one stack has made."""

    def __init__(self, client: Callable[[str], Any], stack: str) -> None:
        """*client* returns the EC2 client of a region."""
        self._client, self._stack = client, stack

    def everywhere(self, regions: Iterable[str]) -> dict[str, tuple[Copy, ...] | RailyardError]:
        """List the copies in each of *regions* at once; a region that did not answer in full gets its error."""
        return in_each(dict.fromkeys(regions), lambda region, _: self._list(region))

    def make(self, orders: Iterable[CopyOrder]) -> dict[str, RailyardError]:
        """Begin the copies of *orders*; return those that were refused, by their keys."""
        return _failed(in_each({order.key: order for order in orders}, lambda _, order: self._make(order)))

    def take_away(self, copies: Iterable[Copy]) -> dict[str, RailyardError]:
        """Deregister *copies* with their snapshots; return those that failed. Already gone counts as done."""
        return _failed(in_each({copy.image_id: copy for copy in copies}, lambda _, copy: self._end(copy)))

    def _list(self, region: str) -> tuple[Copy, ...]:
        found: list[Copy] = []
        arguments: dict[str, Any] = {
            "Owners": ["self"],
            "Filters": [{"Name": f"tag:{ownership.STACK}", "Values": [self._stack]}],
            "MaxResults": PAGE,
        }
        while True:
            with translated(f"DescribeImages in {region}"):
                page = self._client(region).describe_images(**arguments)
            found += [_copy(region, image) for image in page["Images"]]
            if not page.get("NextToken"):
                return tuple(found)
            arguments["NextToken"] = page["NextToken"]

    def _make(self, order: CopyOrder) -> None:
        tags = [{"Key": key, "Value": value} for key, value in sorted(order.tags.items())]
        with translated(f"CopyImage in {order.region}"):
            self._client(order.region).copy_image(
                Name=order.name,
                SourceRegion=order.region,
                SourceImageId=order.source,
                ClientToken=order.token,
                TagSpecifications=[{"ResourceType": kind, "Tags": tags} for kind in ("image", "snapshot")],
            )

    def _end(self, copy: Copy) -> None:
        region = copy.image.region
        try:
            with translated(f"DeregisterImage in {region}"):
                answer = self._client(region).deregister_image(
                    ImageId=copy.image_id, DeleteAssociatedSnapshots=True
                )
        except ImageUnavailable:
            return
        results = answer.get("DeleteSnapshotResults", ())
        left = {
            each["SnapshotId"]: each["ReturnCode"] for each in results if each["ReturnCode"] not in DELETED
        }
        if left:
            message = f"DeregisterImage in {region}: {copy.image_id} is gone, its snapshots are not: {left}"
            raise RailyardError(message, code="SnapshotsLeft")


def _copy(region: str, image: dict[str, Any]) -> Copy:
    """Read a copy. Tags may be written later, EC2's own word may not: where they differ it is a copy of nothing."""
    tags = {tag["Key"]: tag["Value"] for tag in image.get("Tags", ())}
    source = tags.get(COPY_OF, "")
    true = image.get("SourceImageId", source) == source
    return Copy(image=image_of(region, image), source=source if true else "", tags=tags)


def _failed(answers: dict[str, RailyardError | None]) -> dict[str, RailyardError]:
    return {key: answer for key, answer in answers.items() if answer is not None}
