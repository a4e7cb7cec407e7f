"""Network interfaces: each instance has one, from its birth until it is terminated."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from local.ec2.errors import Ec2Error
from local.ec2.filters import Fields, matching
from local.ec2.instance import Instance
from local.ec2.paging import Limits, page
from local.ec2.state import Answer, Call
from local.ec2.tags import tag_list
from local.ec2.world import zone_id

PAGES = Limits(lowest=5, highest=1000, default=1000)
"""Source: EC2 API reference, DescribeNetworkInterfaces."""

Member = dict[str, Any]


def with_public_address(birth: Mapping[str, Any], address: str | None) -> dict[str, Any]:
    """Return an instance's *birth* with a public address, or without one."""
    (interface,) = birth["NetworkInterfaces"]
    bare = {k: v for k, v in interface.items() if k != "Association"}
    kept = {k: v for k, v in birth.items() if k != "PublicIpAddress"}
    if address is None:
        return kept | {"PublicDnsName": "", "NetworkInterfaces": [bare]}
    name = f"ec2-{address.replace('.', '-')}.compute-1.amazonaws.com"
    known = {"PublicIp": address, "PublicDnsName": name, "IpOwnerId": "amazon"}
    interfaces = [bare | {"Association": known}]
    return kept | {
        "PublicIpAddress": address,
        "PublicDnsName": name,
        "NetworkInterfaces": interfaces,
    }


def _interface(instance: Instance) -> Member:
    interface: Member = instance.birth["NetworkInterfaces"][0]
    return interface


def _attachment(instance: Instance) -> Member:
    attachment: Member = _interface(instance)["Attachment"]
    return attachment


FIELDS: Fields[Instance] = {
    "network-interface-id": lambda i: [_interface(i)["NetworkInterfaceId"]],
    "attachment.instance-id": lambda i: [i.instance_id],
    "attachment.attachment-id": lambda i: [_attachment(i)["AttachmentId"]],
    "attachment.status": lambda i: [_attachment(i)["Status"]],
    "attachment.device-index": lambda _: ["0"],
    "attachment.delete-on-termination": lambda _: ["true"],
    "association.public-ip": lambda i: [i.birth["PublicIpAddress"]] if "PublicIpAddress" in i.birth else [],
    "availability-zone": lambda i: [i.pool.zone],
    "availability-zone-id": lambda i: [zone_id(i.pool.zone)],
    "description": lambda i: [_interface(i)["Description"]],
    "group-id": lambda i: i.group_ids,
    "interface-type": lambda _: ["interface"],
    "mac-address": lambda i: [_interface(i)["MacAddress"]],
    "owner-id": lambda i: [_interface(i)["OwnerId"]],
    "private-dns-name": lambda i: [i.birth["PrivateDnsName"]],
    "private-ip-address": lambda i: [i.private_ip],
    "requester-managed": lambda _: ["false"],
    "source-dest-check": lambda i: [str(_interface(i)["SourceDestCheck"]).lower()],
    "status": lambda i: [_interface(i)["Status"]],
    "subnet-id": lambda i: [i.subnet_id],
    "vpc-id": lambda i: [i.birth["VpcId"]],
}


def describe_network_interfaces(call: Call) -> Answer:
    """DescribeNetworkInterfaces by id and filter; it shows and goes with its instance."""
    state, ids = call.state, call.get("NetworkInterfaceIds", ())
    if ids and call.get("MaxResults"):
        message = "The parameter networkInterfaceIdSet cannot be used with maxResults"
        raise Ec2Error("InvalidParameterCombination", message)
    owners = {
        _interface(i)["NetworkInterfaceId"]: i
        for i in state.instances.values()
        if i.state != "terminated" and call.now >= i.visible_at
    }
    for interface_id in ids:
        _check(interface_id, owners)
    passes = matching(
        call.get("Filters", ()), FIELDS, lambda i: state.tags.of(_interface(i)["NetworkInterfaceId"])
    )
    chosen = [i for interface_id, i in owners.items() if not ids or interface_id in ids]
    found, token = page(chosen, call.parameters, PAGES, key=lambda i: i.sequence, keep=passes)
    return {"NetworkInterfaces": [_shown(call, i) for i in found], **token}


def _check(interface_id: str, owners: Mapping[str, Instance]) -> None:
    if not re.fullmatch(r"eni-[0-9a-f]{8}([0-9a-f]{9})?", interface_id):
        message = f'Invalid id: "{interface_id}" (expecting "eni-...")'
        raise Ec2Error("InvalidNetworkInterfaceId.Malformed", message)
    if interface_id not in owners:
        message = f"The networkInterface ID '{interface_id}' does not exist"
        raise Ec2Error("InvalidNetworkInterfaceID.NotFound", message)


def _shown(call: Call, instance: Instance) -> Member:
    member = _interface(instance)
    owner = {"InstanceId": instance.instance_id, "InstanceOwnerId": call.state.account}
    return member | {
        "Attachment": member["Attachment"] | owner,
        "AvailabilityZone": instance.pool.zone,
        "AvailabilityZoneId": zone_id(instance.pool.zone),
        "RequesterManaged": False,
        "TagSet": tag_list(call.state.tags.of(member["NetworkInterfaceId"])),
    }


OPERATIONS = {"DescribeNetworkInterfaces": describe_network_interfaces}
