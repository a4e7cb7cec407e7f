"""Security groups of the stack go to our EC2 model: moto's EC2 has no part in this world."""

from __future__ import annotations

from typing import Any

from moto.core.common_models import CloudFormationModel

from local.shims.resource import Request, Resource

EC2: list[Any] = []
"""The world's EC2 model, put here when a world starts."""


class SecurityGroupType(Resource, CloudFormationModel):
    """``Ref`` and ``GroupId`` give the group's id."""

    kind = "AWS::EC2::SecurityGroup"

    @classmethod
    def create(cls, request: Request) -> Resource:
        """Create the group in the VPC (the default one if none is named) with its rules.

        CloudFormation waits until a new group is known everywhere; here it is at once.
        """
        given, region, ec2 = request.properties, request.region, EC2[-1]
        vpc = given.get("VpcId") or _default_vpc(ec2, region)
        name = given.get("GroupName", request.name)
        group_id = ec2.create_security_group(region, name, given["GroupDescription"], vpc)
        for rule in given.get("SecurityGroupIngress", []):
            _authorize(ec2, region, "AuthorizeSecurityGroupIngress", group_id, rule)
        return cls(group_id, {"GroupId": group_id, "VpcId": vpc})

    @classmethod
    def update(cls, original: Any, _request: Request) -> Any:
        """Keep the group: its rules decide nothing here."""
        return original

    def delete(self, _account: str, region: str) -> None:
        """Remove the group; EC2 refuses while an instance has it."""
        EC2[-1].call(region, "DeleteSecurityGroup", {"GroupId": self.physical_resource_id})


def _default_vpc(ec2: Any, region: str) -> str:
    found = ec2.call(region, "DescribeVpcs", {"Filters": [{"Name": "is-default", "Values": ["true"]}]})
    return str(found["Vpcs"][0]["VpcId"])


def _authorize(ec2: Any, region: str, operation: str, group_id: str, rule: dict[str, Any]) -> None:
    permission: dict[str, Any] = {"IpProtocol": str(rule["IpProtocol"])}
    permission |= {name: int(rule[name]) for name in ("FromPort", "ToPort") if name in rule}
    if "CidrIp" in rule:
        permission["IpRanges"] = [{"CidrIp": rule["CidrIp"]}]
    if "SourceSecurityGroupId" in rule:
        permission["UserIdGroupPairs"] = [{"GroupId": rule["SourceSecurityGroupId"]}]
    ec2.call(region, operation, {"GroupId": group_id, "IpPermissions": [permission]})


def install() -> None:
    """Import is registration; this says where it happens."""
