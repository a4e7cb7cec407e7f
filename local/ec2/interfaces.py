"""Network interfaces: each instance has one, from its birth until it is terminated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from local.ec2.instance import Instance
from local.ec2.kinds import INTERFACE
from local.ec2.listing import Listing
from local.ec2.paging import Member
from local.ec2.state import Call, Operation
from local.ec2.world import zone_id


def with_public_address(birth: Mapping[str, Any], address: str | None) -> dict[str, Any]:
    """Return an instance's *birth* with a public address, or without one."""
    (interface,) = birth["NetworkInterfaces"]
    bare = {k: v for k, v in interface.items() if k != "Association"}
    kept = {k: v for k, v in birth.items() if k != "PublicIpAddress"}
    if address is None:
        return kept | {"PublicDnsName": "", "NetworkInterfaces": [bare]}
    name = f"ec2-{address.replace('.', '-')}.compute-1.amazonaws.com"
    interfaces = [bare | {"Association": {"PublicIp": address, "PublicDnsName": name, "IpOwnerId": "amazon"}}]
    return kept | {"PublicIpAddress": address, "PublicDnsName": name, "NetworkInterfaces": interfaces}


def _owners(call: Call) -> dict[str, Instance]:
    """Return the instances that hold an interface, by its id."""
    state = call.state
    there = (i for i in state.instances.values() if i.state != "terminated" and state.appears(i.instance_id))
    return {i.interface["NetworkInterfaceId"]: i for i in there}


def _shown(call: Call, instance: Instance) -> Member:
    interface = instance.interface
    owner = {"InstanceId": instance.instance_id, "InstanceOwnerId": call.state.account}
    return {
        **interface,
        "Attachment": interface["Attachment"] | owner,
        "AvailabilityZone": instance.pool.zone,
        "AvailabilityZoneId": zone_id(instance.pool.zone),
        "RequesterManaged": False,
        "TagSet": call.state.tag_list(interface["NetworkInterfaceId"]),
    }


OPERATIONS: dict[str, Operation] = {
    "DescribeNetworkInterfaces": Listing[Instance](
        member="NetworkInterfaces",
        store=_owners,
        show=_shown,
        kind=INTERFACE,
        alone=True,
        order=lambda i: i.sequence,
        filters="network-interface-id attachment.instance-id=Attachment.InstanceId"
        " attachment.attachment-id=Attachment.AttachmentId attachment.status=Attachment.Status"
        " attachment.device-index=Attachment.DeviceIndex association.public-ip=Association.PublicIp"
        " attachment.delete-on-termination=Attachment.DeleteOnTermination availability-zone"
        " availability-zone-id description group-id=Groups.GroupId interface-type mac-address owner-id"
        " private-dns-name private-ip-address requester-managed source-dest-check status subnet-id vpc-id",
    )
}
