"""DescribeRegions, DescribeAvailabilityZones, DescribeVpcs and DescribeSubnets."""

from __future__ import annotations

from typing import Any

from local.ec2.errors import Ec2Error
from local.ec2.filters import Fields, matching
from local.ec2.paging import Limits, page
from local.ec2.state import Answer, Call
from local.ec2.tags import tag_list
from local.ec2.world import COMPUTE_REGION, OPT_IN_REGIONS, REGIONS, VPC_CIDR, ZONES, Subnet, zone_id

PAGES = Limits(lowest=5, highest=1000, default=1000)


def describe_regions(call: Call) -> Answer:
    """List the regions, those that need opting in as opted in."""
    names = _known(call.get("RegionNames", ()), REGIONS, "RegionName")
    regions = [
        {
            "RegionName": name,
            "Endpoint": f"ec2.{name}.amazonaws.com",
            "OptInStatus": "opted-in" if name in OPT_IN_REGIONS else "opt-in-not-required",
        }
        for name in names
    ]
    fields: Fields[dict[str, str]] = {
        "region-name": lambda r: [r["RegionName"]],
        "endpoint": lambda r: [r["Endpoint"]],
        "opt-in-status": lambda r: [r["OptInStatus"]],
    }
    keep = matching(call.get("Filters", ()), fields)
    return {"Regions": [region for region in regions if keep(region)]}


def describe_availability_zones(call: Call) -> Answer:
    """List the six zones of the compute region."""
    zones = [
        {
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
        for zone in _known(call.get("ZoneNames", ()), ZONES, "ZoneName")
    ]
    fields: Fields[dict[str, Any]] = {
        "zone-name": lambda z: [z["ZoneName"]],
        "zone-id": lambda z: [z["ZoneId"]],
        "region-name": lambda z: [z["RegionName"]],
        "state": lambda z: [z["State"]],
        "zone-type": lambda z: [z["ZoneType"]],
        "opt-in-status": lambda z: [z["OptInStatus"]],
    }
    keep = matching(call.get("Filters", ()), fields)
    return {"AvailabilityZones": [zone for zone in zones if keep(zone)]}


def describe_vpcs(call: Call) -> Answer:
    """Show the default VPC."""
    state = call.state
    if any(vpc_id != state.vpc_id for vpc_id in call.get("VpcIds", ())):
        raise Ec2Error("InvalidVpcID.NotFound", f"The vpc IDs '{call.get('VpcIds')}' do not all exist")
    vpc = {
        "VpcId": state.vpc_id,
        "CidrBlock": VPC_CIDR,
        "IsDefault": True,
        "State": "available",
        "OwnerId": state.account,
        "InstanceTenancy": "default",
        "Tags": tag_list(state.tags.of(state.vpc_id, call.now)),
    }
    fields: Fields[dict[str, Any]] = {
        "vpc-id": lambda v: [v["VpcId"]],
        "cidr": lambda v: [v["CidrBlock"]],
        "is-default": lambda _: ["true"],
        "isDefault": lambda _: ["true"],
        "state": lambda v: [v["State"]],
        "owner-id": lambda v: [v["OwnerId"]],
    }
    keep = matching(call.get("Filters", ()), fields, lambda v: state.tags.of(v["VpcId"], call.now))
    return {"Vpcs": [vpc] if keep(vpc) else []}


def describe_subnets(call: Call) -> Answer:
    """List the subnets with the addresses that are left in each."""
    state = call.state
    ids = call.get("SubnetIds", ())
    if unknown := [i for i in ids if i not in state.subnets]:
        raise Ec2Error("InvalidSubnetID.NotFound", f"The subnet ID '{unknown[0]}' does not exist")
    fields: Fields[Subnet] = {
        "subnet-id": lambda s: [s.subnet_id],
        "vpc-id": lambda s: [s.vpc_id],
        "availability-zone": lambda s: [s.zone],
        "availability-zone-id": lambda s: [zone_id(s.zone)],
        "cidr-block": lambda s: [s.cidr],
        "state": lambda _: ["available"],
        "default-for-az": lambda _: ["true"],
        "owner-id": lambda _: [state.account],
    }
    keep = matching(call.get("Filters", ()), fields, lambda s: state.tags.of(s.subnet_id, call.now))
    chosen = [s for s in state.subnets.values() if not ids or s.subnet_id in ids]
    chosen.sort(key=lambda s: s.subnet_id)
    found, token = page(chosen, call.parameters, PAGES, key=lambda s: s.subnet_id, keep=keep)
    return {"Subnets": [_subnet(call, s) for s in found], **token}


def _subnet(call: Call, subnet: Subnet) -> Answer:
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
        "Tags": tag_list(call.state.tags.of(subnet.subnet_id, call.now)),
    }


def _known(asked: list[str] | tuple[str, ...], known: tuple[str, ...], name: str) -> list[str]:
    if unknown := [one for one in asked if one not in known]:
        raise Ec2Error("InvalidParameterValue", f"Invalid {name}: {unknown[0]}")
    return [one for one in known if not asked or one in asked]


OPERATIONS = {
    "DescribeRegions": describe_regions,
    "DescribeAvailabilityZones": describe_availability_zones,
    "DescribeVpcs": describe_vpcs,
    "DescribeSubnets": describe_subnets,
}
