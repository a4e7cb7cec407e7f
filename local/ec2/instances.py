"""DescribeInstances: late, paged by instances, found through indexes."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from local.ec2.instance import Instance
from local.ec2.kinds import INSTANCE, find
from local.ec2.listing import Listing, itself
from local.ec2.paging import Member
from local.ec2.state import Answer, Call, Operation, State
from local.ec2.world import zone_id

_LOST = (
    *("SubnetId", "VpcId", "PrivateIpAddress", "PublicIpAddress", "PrivateDnsName", "PublicDnsName"),
    *("NetworkInterfaces", "BlockDeviceMappings", "SecurityGroups"),
)
"""What a terminated instance does not show any more: its place and its disks."""


def find_instances(call: Call, ids: Iterable[str]) -> list[Instance]:
    """Return the instances of *ids*; one that is unknown, or not visible yet, fails the call."""
    return find(INSTANCE, ids, call.state.seen(call.state.instances))


def the_instance(call: Call) -> Instance:
    """Return the instance that the call names."""
    return find_instances(call, [call.need("InstanceId")])[0]


def mappings(state: State, instance_id: str) -> list[Member]:
    """Return the BlockDeviceMappings of an instance now."""
    there = [(v, v.attachment) for v in state.volumes.at(instance_id) if v.attachment]
    return [
        {
            "DeviceName": attachment.device,
            "Ebs": {
                "VolumeId": volume.volume_id,
                "Status": attachment.state,
                "AttachTime": attachment.attached_at,
                "DeleteOnTermination": attachment.delete_on_termination,
            },
        }
        for volume, attachment in there
    ]


def member(state: State, instance: Instance) -> Member:
    """Return *instance* as EC2 shows it now."""
    shown: dict[str, Any] = {**instance.birth, "BlockDeviceMappings": mappings(state, instance.instance_id)}
    if instance.state == "terminated":
        shown = {k: v for k, v in shown.items() if k not in _LOST}
        shown |= {"PrivateDnsName": "", "PublicDnsName": ""}
    if instance.state_reason:
        code, message = instance.state_reason
        shown["StateReason"] = {"Code": code, "Message": message}
    zone = instance.pool.zone
    return shown | {
        "State": instance.state_member(),
        "StateTransitionReason": instance.transition_reason,
        "Placement": {
            "AvailabilityZone": zone,
            "AvailabilityZoneId": zone_id(zone),
            "GroupName": "",
            "Tenancy": "default",
        },
        "Tags": state.tag_list(instance.instance_id),
    }


def _shown(call: Call, instance: Instance) -> Member:
    seen = call.state.shown(instance)
    return member(call.state, seen) | {"ReservationId": instance.reservation_id}


def _in_state(call: Call, state: str) -> list[str]:
    """Return what is in *state*, and all that may still be seen in another."""
    return [*call.state.by_state.get(state, {}), *map(str, call.state.late_states.unsettled(call.now))]


INSTANCES = Listing[Instance](
    member="Instances",
    store=lambda call: call.state.instances,
    show=_shown,
    kind=INSTANCE,
    alone=True,
    order=lambda i: i.sequence,
    index={"instance-id": itself, "instance-state-name": _in_state},
    filters="instance-id instance-state-name=State.Name instance-state-code=State.Code instance-type"
    " instance-lifecycle availability-zone=Placement.AvailabilityZone client-token image-id subnet-id vpc-id"
    " availability-zone-id=Placement.AvailabilityZoneId reservation-id private-ip-address private-dns-name"
    " ip-address=PublicIpAddress state-reason-code=StateReason.Code architecture launch-time key-name"
    " network-interface.network-interface-id=NetworkInterfaces.NetworkInterfaceId"
    " instance.group-id=SecurityGroups.GroupId iam-instance-profile.arn=IamInstanceProfile.Arn",
)
"""Without MaxResults EC2 may return all or not; the harsher reading is a page of 1,000."""


def describe_instances(call: Call) -> Answer:
    """List instances, grouped into their reservations, oldest first."""
    shown, token = INSTANCES.page(call)
    reservations = []
    for reservation_id, group in groupby(shown, key=lambda i: str(i.pop("ReservationId"))):
        head = {"ReservationId": reservation_id, "OwnerId": call.state.account, "Groups": []}
        reservations.append(head | {"Instances": list(group)})
    return {"Reservations": reservations, **token}


OPERATIONS: dict[str, Operation] = {"DescribeInstances": describe_instances}
