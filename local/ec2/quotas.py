"""Quotas: how many vCPUs may run, by market and class of families, and how many fleets and templates may be.

An instance counts from the moment of its launch until some time after it has ended. The limits are generous;
the hand of the world changes them.
"""

from __future__ import annotations

import heapq
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from local.ec2.capacity import Pool
from local.ec2.catalogue import instance_types
from local.ec2.errors import Ec2Error

OF_FAMILY = {
    **dict.fromkeys(("g", "gr", "vt"), "g-vt"),
    **{name: name for name in ("p", "f", "inf", "trn", "dl", "x", "hpc", "mac")},
    "u": "high-memory",
}
"""The class of a type by the letters of its name; all others (A, C, D, H, I, M, R, T, Z) are standard.
Source: EC2 user guide, "Amazon EC2 service quotas".
"""

CODES: Mapping[str, str] = {
    "L-1216C47A": "on-demand/standard",
    "L-DB2E81BA": "on-demand/g-vt",
    "L-417A185B": "on-demand/p",
    "L-34B43A08": "spot/standard",
    "L-3819A6DF": "spot/g-vt",
}
"""Names of quotas by their Service Quotas code; the codes are from memory, no source at hand confirms them."""

STANDARD_VCPUS, OTHER_VCPUS = 500_000, 50_000
"""What an account has here before anybody changes it; a new account of AWS has 5 or 0."""

LIMITS: Mapping[str, int] = {
    **{
        f"{market}/{kind}": STANDARD_VCPUS if kind == "standard" else OTHER_VCPUS
        for market in ("on-demand", "spot")
        for kind in ("standard", *OF_FAMILY.values())
    },
    "fleets": 100_000,
    "launch-templates": 5_000,
}
"""Source of the number of templates: EC2 user guide, "Launch template restrictions"."""

COUNTED = frozenset({"pending", "running", "stopping", "shutting-down"})
MAX_FLEETS = (
    "MaxFleetCountExceeded",
    "You've reached your quota for maximum Fleet Requests for this account.",
)
MAX_TEMPLATES = ("MaxTemplateLimitExceeded", "Account has already reached max permitted templates")


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """How much there may be and how much is counted now."""

    limit: int
    used: int


def name_of(pool: Pool) -> str:
    """Return the quota under which an instance of *pool* counts."""
    letters = re.match("[a-z]*", pool.instance_type)
    return f"{pool.market}/{OF_FAMILY.get(letters[0] if letters else '', 'standard')}"


class Quotas:
    """Limits, and the vCPUs that count against them."""

    def __init__(self) -> None:
        self.limits = dict(LIMITS)
        self._used: Counter[str] = Counter()
        self._leaving: list[tuple[datetime, str, int]] = []

    def used(self, name: str, now: datetime) -> int:
        """Return how many vCPUs count against the quota *name*."""
        while self._leaving and self._leaving[0][0] <= now:
            _, gone, vcpus = heapq.heappop(self._leaving)
            self._used[gone] -= vcpus
        return self._used[name]

    def room(self, pool: Pool, now: datetime) -> int:
        """Return how many more instances of *pool* the quota allows."""
        name = name_of(pool)
        return max(0, (self.limits[name] - self.used(name, now)) // _vcpus(pool))

    def take(self, pool: Pool, count: int = 1) -> None:
        """Count *count* more instances."""
        self._used[name_of(pool)] += count * _vcpus(pool)

    def give_back(self, pool: Pool, count: int, at: datetime) -> None:
        """Stop counting *count* instances when *at* has come."""
        if count:
            heapq.heappush(self._leaving, (at, name_of(pool), count * _vcpus(pool)))

    def refusal(self, pool: Pool) -> Ec2Error:
        """Return what EC2 says when the quota of *pool* is exhausted."""
        if pool.market == "spot":
            return Ec2Error("MaxSpotInstanceCountExceeded", "Max spot instance count exceeded")
        message = (
            f"You have requested more vCPU capacity than your current vCPU limit of {self.limits[name_of(pool)]}"
            " allows for the instance bucket that the specified instance type belongs to. Please visit"
            " http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this limit."
        )
        return Ec2Error("VcpuLimitExceeded", message)

    def check_count(self, name: str, present: Iterable[object], refusal: tuple[str, str]) -> None:
        """Refuse one more thing of a kind of which those *present* that are true count."""
        if sum(map(bool, present)) >= self.limits[name]:
            raise Ec2Error(*refusal)


def _vcpus(pool: Pool) -> int:
    return int(instance_types()[pool.instance_type].row["vcpu"])
