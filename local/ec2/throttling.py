"""How often may be asked: token buckets of the account in each region, as EC2 publishes them.

A request needs a token of its kind; launching, starting, stopping and terminating need one for each instance
as well. A request without its tokens is refused before anything else happens, and takes none.

EC2 does not say whether a fleet's instances draw on the bucket of RunInstances: here they do. A request for
more than a bucket holds passes when the bucket is full.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from local.ec2.catalogue import rows
from local.ec2.errors import Ec2Error

if TYPE_CHECKING:
    from local.ec2.state import Call

READING = ("Describe", "Get", "List", "Search")
SMALLER_IF_UNFILTERED = frozenset(
    {
        *("DescribeInstances", "DescribeInstanceStatus", "DescribeNetworkInterfaces"),
        *("DescribeSecurityGroups", "DescribeSnapshots", "DescribeVolumes"),
    }
)
"""Asked without a filter and without pages these draw on a smaller bucket; ids are no filter."""

INTENSIVE = frozenset({"AuthorizeSecurityGroupIngress", "CancelSpotInstanceRequests", "RequestSpotInstances"})
"""Source of both lists: EC2 developer guide, "Request throttling for the Amazon EC2 API"."""


class Bucket(NamedTuple):
    """One row of the table: how many tokens fit, and how many come back each second."""

    name: str
    capacity: int
    per_second: float


@cache
def _table() -> dict[tuple[str, str], Bucket]:
    """Return the published buckets by kind and by the first word of what they are for."""
    return {
        (row["kind"].split()[0], (word := row["action_or_category"].split()[0])): Bucket(
            f"{row['kind']} {word}", int(row["bucket_capacity"]), float(row["refill_per_second"])
        )
        for row in rows("ec2-api-throttle.csv")
    }


class Throttle:
    """The buckets of an account; each is full at first."""

    def __init__(self) -> None:
        self._left: dict[tuple[str, str], tuple[float, datetime]] = {}

    def admit(self, call: Call) -> None:
        """Take the tokens of *call*, all or none.

        Raises:
            Ec2Error: RequestLimitExceeded.
        """
        drawn = []
        for bucket, wanted in _draws(call):
            key, count = (call.region, bucket.name), min(wanted, bucket.capacity)
            tokens, since = self._left.get(key, (bucket.capacity, call.now))
            tokens = min(bucket.capacity, tokens + (call.now - since).total_seconds() * bucket.per_second)
            if tokens < count:
                raise Ec2Error("RequestLimitExceeded", "Request limit exceeded.", 503)
            drawn.append((key, (tokens - count, call.now)))
        self._left.update(drawn)


def _draws(call: Call) -> Iterator[tuple[Bucket, int]]:
    """Yield the buckets that a call draws on, with how many tokens it needs."""
    table, operation = _table(), call.operation
    if operation.startswith(READING):
        plain = not (call.get("Filters") or call.get("MaxResults") or call.get("NextToken"))
        small = plain and operation in SMALLER_IF_UNFILTERED
        yield table["request", "Unfiltered+unpaginated" if small else "Describe*/Get*/List*/Search*"], 1
    elif operation in INTENSIVE:
        yield table["request", "Resource-intensive"], 1
    else:
        yield table.get(("request", operation)) or table["request", "Mutating"], 1
    by = "RunInstances" if operation == "CreateFleet" else operation
    if ("resource", by) in table:
        yield table["resource", by], _instances(call)


def _instances(call: Call) -> int:
    """Return how many instances a call is about."""
    target = (call.get("TargetCapacitySpecification") or {}).get("TotalTargetCapacity")
    return int(target or call.get("MaxCount") or len(call.get("InstanceIds", ())))
