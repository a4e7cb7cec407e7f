"""What EC2 shows of a region's network, and whether it would launch a pool's machine there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from railyard.aws.errors import translated
from railyard.errors import Ambiguous, CapacityUnavailable, QuotaExceeded, RailyardError, Throttled
from railyard.model.networks import Network, Subnet
from railyard.model.pools import Pool

_NOT_ABOUT_THE_POOL = frozenset(
    ["DryRunOperation", "UnauthorizedOperation", "AccessDenied", "AccessDeniedException"]
)
"""EC2's yes, and no to this function's role. Source: EC2 API reference, "Error codes"."""


class Ec2Network:
    """DescribeSubnets, DescribeSecurityGroups, and RunInstances as a dry run."""

    def __init__(self, ec2: Any) -> None:
        self._ec2 = ec2

    def look(self, groups: Iterable[str]) -> Network:
        """Return every subnet of this region, and the VPC of each of *groups* that exists.

        A filter, not ``GroupIds``: a group that is gone is then absent instead of failing the others.
        """
        with translated("DescribeSubnets"):
            pages = self._ec2.get_paginator("describe_subnets").paginate()
            subnets = tuple(
                Subnet(
                    subnet_id=each["SubnetId"],
                    zone=each["AvailabilityZone"],
                    vpc_id=each["VpcId"],
                    default=bool(each.get("DefaultForAz")),
                )
                for page in pages
                for each in page["Subnets"]
            )
        asked = sorted(set(groups))
        if not asked:
            return Network(subnets, {})
        with translated("DescribeSecurityGroups"):
            found = self._ec2.get_paginator("describe_security_groups").paginate(
                Filters=[{"Name": "group-id", "Values": asked}]
            )
            return Network(
                subnets, {e["GroupId"]: e["VpcId"] for page in found for e in page["SecurityGroups"]}
            )

    def refusal(self, pool: Pool, *, zone: str, instance_type: str, image_id: str) -> str:
        """Return the code with which EC2 refuses to launch a machine of *pool*, tried without launching it.

        Empty if it would, and if that says nothing of the pool: capacity, quotas, patience, what this role may not.
        """
        key = {"KeyName": pool.key_name} if pool.key_name else {}
        try:
            with translated("RunInstances"):
                self._ec2.run_instances(
                    ImageId=image_id,
                    InstanceType=instance_type,
                    SubnetId=pool.subnets[zone],
                    SecurityGroupIds=list(pool.security_groups),
                    IamInstanceProfile={"Arn": pool.instance_profile},
                    MinCount=1,
                    MaxCount=1,
                    DryRun=True,
                    **key,
                )
        except (CapacityUnavailable, QuotaExceeded, Throttled, Ambiguous):
            return ""
        except RailyardError as answer:
            return "" if answer.code in _NOT_ABOUT_THE_POOL else answer.code
        raise AssertionError("a dry run never succeeds")
