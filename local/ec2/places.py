"""DescribeRegions, DescribeAvailabilityZones, DescribeVpcs and DescribeSubnets."""

from __future__ import annotations

from local.ec2.kinds import REGION, SUBNET, VPC, ZONE
from local.ec2.listing import Listing
from local.ec2.paging import Member
from local.ec2.state import Call, Operation
from local.ec2.world import COMPUTE_REGION, OPT_IN_REGIONS, REGIONS, VPC_CIDR, ZONES, Subnet, zone_id


def _region(_: Call, name: str) -> Member:
    return {
        "RegionName": name,
        "Endpoint": f"ec2.{name}.amazonaws.com",
        "OptInStatus": "opted-in" if name in OPT_IN_REGIONS else "opt-in-not-required",
    }


def _zone(_: Call, zone: str) -> Member:
    return {
        "ZoneName": zone,
        "ZoneId": zone_id(zone),
        "RegionName": COMPUTE_REGION,
        "State": "available",
        "OptInStatus": "opt-in-not-required",
        "ZoneType": "availability-zone",
        "GroupName": COMPUTE_REGION,
        "NetworkBorderGroup": COMPUTE_REGION,
        "Messages": [],
    }


def _vpc(call: Call, vpc_id: str) -> Member:
    return {
        "VpcId": vpc_id,
        "CidrBlock": VPC_CIDR,
        "IsDefault": True,
        "State": "available",
        "OwnerId": call.state.account,
        "InstanceTenancy": "default",
        "Tags": call.state.tag_list(vpc_id),
    }


def _subnet(call: Call, subnet: Subnet) -> Member:
    account = call.state.account
    return {
        "SubnetId": subnet.subnet_id,
        "SubnetArn": f"arn:aws:ec2:{call.region}:{account}:subnet/{subnet.subnet_id}",
        "VpcId": subnet.vpc_id,
        "AvailabilityZone": subnet.zone,
        "AvailabilityZoneId": zone_id(subnet.zone),
        "CidrBlock": subnet.cidr,
        "AvailableIpAddressCount": subnet.available,
        "DefaultForAz": True,
        "MapPublicIpOnLaunch": True,
        "State": "available",
        "OwnerId": account,
        "Tags": call.state.tag_list(subnet.subnet_id),
    }


OPERATIONS: dict[str, Operation] = {
    "DescribeRegions": Listing[str](
        member="Regions",
        store=lambda _: {name: name for name in REGIONS},
        show=_region,
        kind=REGION,
        tagged=False,
        filters="region-name endpoint opt-in-status",
    ),
    "DescribeAvailabilityZones": Listing[str](
        member="AvailabilityZones",
        store=lambda _: {zone: zone for zone in ZONES},
        show=_zone,
        kind=ZONE,
        tagged=False,
        filters="zone-name zone-id region-name state zone-type opt-in-status",
    ),
    "DescribeVpcs": Listing[str](
        member="Vpcs",
        store=lambda call: {call.state.vpc_id: call.state.vpc_id},
        show=_vpc,
        kind=VPC,
        filters="vpc-id cidr=CidrBlock is-default isDefault=IsDefault state owner-id",
    ),
    "DescribeSubnets": Listing[Subnet](
        member="Subnets",
        store=lambda call: call.state.subnets,
        show=_subnet,
        kind=SUBNET,
        filters="subnet-id vpc-id availability-zone availability-zone-id cidr-block state default-for-az"
        " owner-id",
    ),
}
