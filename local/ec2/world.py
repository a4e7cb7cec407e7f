"""Where the model's account is: its regions, the six zones with compute, the default VPC, its subnets.

Images exist in every region; compute exists in us-east-1 only. Addresses are finite: a subnet hands out each
of its own once, and takes it back when the instance is terminated.
"""

from __future__ import annotations

from collections import deque
from ipaddress import IPv4Network

COMPUTE_REGION = "us-east-1"
ZONES = tuple(f"{COMPUTE_REGION}{letter}" for letter in "abcdef")
OPT_IN_REGIONS = ("af-south-1", "ap-east-1", "ap-southeast-3", "eu-south-1", "me-south-1")
REGIONS = (
    *("af-south-1", "ap-east-1", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1"),
    *("ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ca-central-1", "eu-central-1", "eu-north-1"),
    *("eu-south-1", "eu-west-1", "eu-west-2", "eu-west-3", "me-south-1", "sa-east-1"),
    *("us-east-1", "us-east-2", "us-west-1", "us-west-2"),
)
VPC_CIDR = "172.31.0.0/16"
PUBLIC_CIDR = IPv4Network("3.80.0.0/12")
"""Some of EC2's public addresses in us-east-1. Source: AWS IP address ranges (ip-ranges.json)."""

RESERVED_ADDRESSES = 5
"""The first four addresses of a subnet and its last belong to AWS. Source: VPC user guide, "Subnet
sizing".
"""


def zone_id(zone: str) -> str:
    """Return the id of *zone*, which is the same in every account."""
    return f"use1-az{ZONES.index(zone) + 1}"


class Subnet:
    """A subnet of one zone and the addresses that are left in it."""

    def __init__(self, subnet_id: str, vpc_id: str, zone: str, cidr: str) -> None:
        self.subnet_id, self.vpc_id, self.zone, self.cidr = subnet_id, vpc_id, zone, cidr
        self._network = IPv4Network(cidr)
        self._next = RESERVED_ADDRESSES - 1
        self._returned: deque[str] = deque()

    @property
    def available(self) -> int:
        """Return how many addresses are left."""
        return len(self._returned) + self._network.num_addresses - 1 - self._next

    def take(self) -> str:
        """Return an address that nobody has; those given back are used last."""
        if self._next < self._network.num_addresses - 1:
            self._next += 1
            return str(self._network[self._next - 1])
        return self._returned.popleft()

    def give_back(self, address: str) -> None:
        """Take *address* back."""
        self._returned.append(address)


def default_cidrs() -> dict[str, str]:
    """Return the default subnet of each zone, as EC2 lays them out."""
    return dict(zip(ZONES, map(str, IPv4Network(VPC_CIDR).subnets(new_prefix=20)), strict=False))
