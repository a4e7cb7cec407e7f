"""DescribeInstances: late, paged by instances, found through indexes."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from local.ec2.device_mappings import mappings
from local.ec2.errors import Ec2Error
from local.ec2.filters import Fields, is_exact, matching
from local.ec2.instance import Instance
from local.ec2.paging import Limits, page
from local.ec2.state import Answer, Call
from local.ec2.tags import tag_list

PAGES = Limits(lowest=5, highest=1000, default=1000)
"""Without MaxResults EC2 may return all or not; the harsher reading is a page of 1,000."""

_PLACES = (
    "SubnetId",
    "VpcId",
    "PrivateIpAddress",
    "PublicIpAddress",
    "NetworkInterfaces",
    "BlockDeviceMappings",
    "SecurityGroups",
)

FIELDS: Fields[Instance] = {
    "instance-id": lambda i: [i.instance_id],
    "instance-state-name": lambda i: [i.state],
    "instance-state-code": lambda i: [str(i.state_member()["Code"])],
    "instance-type": lambda i: [i.pool.instance_type],
    "instance-lifecycle": lambda i: ["spot"] if i.pool.market == "spot" else [],
    "availability-zone": lambda i: [i.pool.zone],
    "client-token": lambda i: [i.client_token],
    "image-id": lambda i: [i.image_id],
    "subnet-id": lambda i: [i.subnet_id],
    "vpc-id": lambda i: [i.birth["VpcId"]],
    "reservation-id": lambda i: [i.reservation_id],
    "private-ip-address": lambda i: [i.private_ip],
    "private-dns-name": lambda i: [i.birth["PrivateDnsName"]],
    "ip-address": lambda i: [i.birth["PublicIpAddress"]] if "PublicIpAddress" in i.birth else [],
    "network-interface.network-interface-id": lambda i: [
        interface["NetworkInterfaceId"] for interface in i.birth["NetworkInterfaces"]
    ],
    "state-reason-code": lambda i: [i.state_reason[0]] if i.state_reason else [],
    "architecture": lambda i: [i.birth["Architecture"]],
    "instance.group-id": lambda i: i.group_ids,
    "launch-time": lambda i: [i.launched_at.strftime("%Y-%m-%dT%H:%M:%S.000Z")],
    "key-name": lambda i: [i.birth["KeyName"]] if "KeyName" in i.birth else [],
    "iam-instance-profile.arn": lambda i: (
        [i.birth["IamInstanceProfile"]["Arn"]] if "IamInstanceProfile" in i.birth else []
    ),
}


def find_instances(call: Call, ids: Iterable[str]) -> list[Instance]:
    """Return the instances of *ids*; one that is unknown, or not visible yet, fails the call."""
    found, absent = [], []
    for instance_id in dict.fromkeys(ids):
        if not re.fullmatch(r"i-[0-9a-f]{8}([0-9a-f]{9})?", instance_id):
            raise Ec2Error("InvalidInstanceID.Malformed", f'Invalid id: "{instance_id}" (expecting "i-...")')
        instance = call.state.instances.get(instance_id)
        if instance is None or call.now < instance.visible_at:
            absent.append(instance_id)
        else:
            found.append(instance)
    if absent:
        what = (
            f"ID '{absent[0]}' does not exist"
            if len(absent) == 1
            else f"IDs '{', '.join(absent)}' do not exist"
        )
        raise Ec2Error("InvalidInstanceID.NotFound", f"The instance {what}")
    return found


def describe_instances(call: Call) -> Answer:
    """List instances, grouped into their reservations, oldest first."""
    found, token = page_of(call, PAGES, FIELDS)
    reservations = []
    for reservation_id, group in groupby(found, key=lambda i: i.reservation_id):
        head = {"ReservationId": reservation_id, "OwnerId": call.state.account, "Groups": []}
        reservations.append(head | {"Instances": [member(call, i) for i in group]})
    return {"Reservations": reservations, **token}


def page_of(
    call: Call,
    limits: Limits,
    fields: Fields[Instance],
    also: Callable[[Instance], bool] = lambda _: True,
    *,
    tags: bool = True,
) -> tuple[list[Instance], dict[str, str]]:
    """Return the page of visible instances that a describe call asks for, and its token."""
    ids, filters = call.get("InstanceIds", ()), call.get("Filters", ())
    if ids and call.get("MaxResults"):
        raise Ec2Error(
            "InvalidParameterCombination", "The parameter instancesSet cannot be used with maxResults"
        )

    def tags_of(instance: Instance) -> Mapping[str, str]:
        return call.state.tags.of(instance.instance_id, call.now)

    passes = matching(filters, fields, tags_of if tags else None)
    chosen = find_instances(call, ids) if ids else _candidates(call, filters)

    def keep(instance: Instance) -> bool:
        return call.now >= instance.visible_at and also(instance) and passes(instance)

    by_age = sorted(map(call.state.shown, chosen), key=lambda i: i.sequence)
    return page(by_age, call.parameters, limits, key=lambda i: i.sequence, keep=keep)


def _candidates(call: Call, filters: Sequence[Mapping[str, Any]]) -> list[Instance]:
    """Return the fewest instances that an index can promise to hold every match."""
    state = call.state
    best: Collection[str] = state.instances
    for filter_ in filters:
        name, values = str(filter_["Name"]), filter_["Values"]
        if not all(map(is_exact, values)):
            continue
        indexed = [_indexed(call, name, value) for value in set(values)]
        if None not in indexed and sum(len(i or ()) for i in indexed) < len(best):
            best = [one for ids in indexed for one in ids or ()]
    return [state.instances[i] for i in dict.fromkeys(best) if i in state.instances]


def _indexed(call: Call, name: str, value: str) -> Collection[str] | None:
    if name.startswith("tag:"):
        return call.state.tags.holders(name.removeprefix("tag:"), value)
    if name == "instance-state-name":
        return [*call.state.by_state.get(value, {}), *map(str, call.state.late_states.unsettled(call.now))]
    return [value] if name == "instance-id" else None


def member(call: Call, instance: Instance) -> dict[str, Any]:
    """Return *instance* as EC2 shows it now; a terminated one has lost its place and its disks."""
    shown = {**instance.birth, "BlockDeviceMappings": mappings(call.state, instance.instance_id)}
    if instance.state == "terminated":
        shown = {k: v for k, v in shown.items() if k not in _PLACES}
        shown |= {"PrivateDnsName": "", "PublicDnsName": ""}
    if instance.state_reason:
        code, message = instance.state_reason
        shown["StateReason"] = {"Code": code, "Message": message}
    return shown | {
        "State": instance.state_member(),
        "StateTransitionReason": instance.transition_reason,
        "Placement": instance.placement(),
        "Tags": tag_list(call.state.tags.of(instance.instance_id, call.now)),
    }


OPERATIONS = {"DescribeInstances": describe_instances}
