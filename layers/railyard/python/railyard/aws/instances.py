"""EC2 instances that carry our tags: found, and ended.

Every listing is complete or an error: a failed page must never look like absence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from railyard.aws.errors import translated
from railyard.errors import RailyardError, Throttled
from railyard.model import ownership
from railyard.model.instances import Sighting

PAGE = 1000
BATCH = 100
"""Ids of one TerminateInstances call. ``docs/protocol.md`` rule 13."""


class Ec2Instances:
    """The instances of one stack, in one region."""

    def __init__(self, ec2: Any, stack: str) -> None:
        self._ec2 = ec2
        self._stack = stack

    def owned(self) -> tuple[Sighting, ...]:
        """List every instance born with this stack's tag and a pool's, terminated ones included."""
        return self._list(
            [
                {"Name": f"tag:{ownership.STACK}", "Values": [self._stack]},
                {"Name": "tag-key", "Values": [ownership.POOL]},
            ]
        )

    def of_launch(self, launch_id: str) -> tuple[Sighting, ...]:
        """List what the launch *launch_id* started, dead ones included."""
        return self._list([{"Name": f"tag:{ownership.LAUNCH}", "Values": [launch_id]}])

    def look(self, ids: Sequence[str]) -> tuple[Sighting, ...]:
        """Look at *ids*; what EC2 does not show is absent, which proves nothing."""
        found: tuple[Sighting, ...] = ()
        for start in range(0, len(ids), 200):
            found += self._list([{"Name": "instance-id", "Values": list(ids[start : start + 200])}])
        return found

    def health(self, instance_id: str) -> tuple[bool | None, str]:
        """Return what EC2's status checks say of a machine, and their words; None while they have not said."""
        with translated("DescribeInstanceStatus"):
            found = self._ec2.describe_instance_status(InstanceIds=[instance_id])["InstanceStatuses"]
        checks = [
            each.get("Status", "") for one in found for each in (one["InstanceStatus"], one["SystemStatus"])
        ]
        if "impaired" in checks:
            return False, "impaired"
        return (True if checks and set(checks) == {"ok"} else None), ", ".join(checks)

    def terminate(self, ids_by_zone: Mapping[str, Sequence[str]]) -> dict[str, RailyardError]:
        """Terminate instances, batched by zone; return those that were refused, with EC2's reason.

        One bad id fails a whole call, so a failed batch is halved until the bad ones stand alone. A throttle is not
        bisected: the rest waits for the next run. Already gone counts as done.
        """
        refused: dict[str, RailyardError] = {}
        for ids in ids_by_zone.values():
            for start in range(0, len(ids), BATCH):
                refused |= self._terminate(list(ids[start : start + BATCH]))
        return refused

    def _terminate(self, ids: list[str]) -> dict[str, RailyardError]:
        try:
            with translated("TerminateInstances"):
                self._ec2.terminate_instances(InstanceIds=ids)
        except Throttled as busy:
            return dict.fromkeys(ids, busy)
        except RailyardError as error:
            if len(ids) == 1:
                return {ids[0]: error}
            half = len(ids) // 2
            return self._terminate(ids[:half]) | self._terminate(ids[half:])
        return {}

    def _list(self, filters: list[dict[str, Any]]) -> tuple[Sighting, ...]:
        found: list[Sighting] = []
        arguments: dict[str, Any] = {"Filters": filters, "MaxResults": PAGE}
        while True:
            with translated("DescribeInstances"):
                page = self._ec2.describe_instances(**arguments)
            found += [sighting(i) for r in page["Reservations"] for i in r["Instances"]]
            if not page.get("NextToken"):
                return tuple(found)
            arguments["NextToken"] = page["NextToken"]


def sighting(instance: Mapping[str, Any]) -> Sighting:
    """Return an instance of DescribeInstances in our words."""
    return Sighting(
        instance_id=instance["InstanceId"],
        state=instance["State"]["Name"],
        instance_type=instance["InstanceType"],
        availability_zone=instance.get("Placement", {}).get("AvailabilityZone", ""),
        image_id=instance["ImageId"],
        market="spot" if instance.get("InstanceLifecycle") == "spot" else "on-demand",
        architecture="arm64" if instance.get("Architecture") == "arm64" else "amd64",
        launched_at=instance["LaunchTime"].replace(microsecond=0),
        private_ip=instance.get("PrivateIpAddress", ""),
        private_dns_name=instance.get("PrivateDnsName", ""),
        state_reason=instance.get("StateReason", {}).get("Code", ""),
        tags={tag["Key"]: tag["Value"] for tag in instance.get("Tags", [])},
    )
