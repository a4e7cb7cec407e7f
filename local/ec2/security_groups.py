"""Security groups: made, described, their rules stored, refused deletion while an instance has them."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from local.ec2.errors import Ec2Error, invalid_value, missing
from local.ec2.filters import Fields, matching
from local.ec2.paging import Limits, page
from local.ec2.state import Answer, Call, State
from local.ec2.tags import tag_list, tag_specifications

PAGES = Limits(lowest=5, highest=1000, default=1000)
EVERYWHERE = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}


def make_group(
    state: State, *, name: str, description: str, vpc_id: str, tags: Mapping[str, str] | None = None
) -> str:
    """Add a security group with EC2's first rule, everything outward, and return its id."""
    if vpc_id != state.vpc_id:
        raise Ec2Error("InvalidVpcID.NotFound", f"The vpc ID '{vpc_id}' does not exist")
    if any(group["GroupName"] == name for group in state.groups.values()):
        raise Ec2Error(
            "InvalidGroup.Duplicate", f"The security group '{name}' already exists for VPC '{vpc_id}'"
        )
    group_id = state.chance.id("sg")
    state.groups[group_id] = {
        "GroupId": group_id,
        "GroupName": name,
        "Description": description,
        "VpcId": vpc_id,
        "OwnerId": state.account,
        "IpPermissions": [],
        "IpPermissionsEgress": [copy.deepcopy(EVERYWHERE)],
    }
    state.tags.put(group_id, tags or {})
    return group_id


def create_security_group(call: Call) -> Answer:
    """CreateSecurityGroup in the default VPC."""
    name = call.need("GroupName")
    if not isinstance(name, str) or len(name) > 255 or name.startswith("sg-") or name == "default":
        raise invalid_value("GroupName", name)
    tags = tag_specifications(call.get("TagSpecifications", ()), {"security-group"}).get("security-group", {})
    group_id = make_group(
        call.state,
        name=name,
        description=call.need("Description"),
        vpc_id=call.get("VpcId", call.state.vpc_id),
        tags=tags,
    )
    call.state.appears_late(group_id, call.state.timing.group_visibility)
    return {"GroupId": group_id, "Tags": tag_list(tags)}


def delete_security_group(call: Call) -> Answer:
    """DeleteSecurityGroup, unless it is the default one or an instance still has it."""
    group = _group(call)
    group_id = group["GroupId"]
    if group["GroupName"] == "default":
        raise Ec2Error(
            "CannotDelete", f'the specified group: "{group_id}" name: "default" cannot be deleted by a user'
        )
    if any(group_id in i.group_ids for i in call.state.instances.values() if i.state != "terminated"):
        raise Ec2Error("DependencyViolation", f"resource {group_id} has a dependent object")
    del call.state.groups[group_id]
    call.state.tags.forget(group_id)
    return {"Return": True, "GroupId": group_id}


def describe_security_groups(call: Call) -> Answer:
    """DescribeSecurityGroups by id, name or filter."""
    state, ids, names = call.state, call.get("GroupIds", ()), call.get("GroupNames", ())
    shown = {i: group for i, group in state.groups.items() if state.appears(i)}
    known = {group["GroupName"] for group in shown.values()}
    if unknown := [i for i in ids if i not in shown] + [n for n in names if n not in known]:
        raise Ec2Error("InvalidGroup.NotFound", f"The security group '{unknown[0]}' does not exist")
    fields: Fields[dict[str, Any]] = {
        "group-id": lambda g: [g["GroupId"]],
        "group-name": lambda g: [g["GroupName"]],
        "vpc-id": lambda g: [g["VpcId"]],
        "description": lambda g: [g["Description"]],
        "owner-id": lambda g: [g["OwnerId"]],
    }
    keep = matching(call.get("Filters", ()), fields, lambda g: state.tags.of(g["GroupId"], call.now))
    groups = sorted(shown.values(), key=lambda g: str(g["GroupId"]))
    wanted = [
        g for g in groups if (not ids or g["GroupId"] in ids) and (not names or g["GroupName"] in names)
    ]
    found, token = page(wanted, call.parameters, PAGES, key=lambda g: str(g["GroupId"]), keep=keep)
    tagged = [g | {"Tags": tag_list(state.tags.of(g["GroupId"], call.now))} for g in found]
    return {"SecurityGroups": tagged, **token}


def authorize(call: Call) -> Answer:
    """Add rules, none of which may be there already."""
    rules, added = _rules(call)
    if doubled := [rule for rule in added if rule in rules]:
        raise Ec2Error("InvalidPermission.Duplicate", f"the specified rule {doubled[0]} already exists")
    rules.extend(added)
    return {"Return": True}


def revoke(call: Call) -> Answer:
    """Take rules away, all of which have to be there."""
    rules, removed = _rules(call)
    if absent := [rule for rule in removed if rule not in rules]:
        raise Ec2Error("InvalidPermission.NotFound", f"The specified rule {absent[0]} does not exist")
    for rule in removed:
        rules.remove(rule)
    return {"Return": True}


def _rules(call: Call) -> tuple[list[dict[str, Any]], Sequence[dict[str, Any]]]:
    member = "IpPermissionsEgress" if call.operation.endswith("Egress") else "IpPermissions"
    rules: list[dict[str, Any]] = _group(call)[member]
    return rules, copy.deepcopy(call.get("IpPermissions")) or [_single_rule(call)]


def _single_rule(call: Call) -> dict[str, Any]:
    """Return the rule of a request in the short form: one protocol, one port range, one CIDR."""
    rule = {"IpProtocol": call.need("IpProtocol"), "IpRanges": [{"CidrIp": call.need("CidrIp")}]}
    return rule | {name: call.get(name) for name in ("FromPort", "ToPort") if call.get(name) is not None}


def _group(call: Call) -> dict[str, Any]:
    wanted = call.get("GroupId") or call.get("GroupName")
    if not wanted:
        raise missing("GroupId")
    for group in call.state.groups.values():
        if wanted in (group["GroupId"], group["GroupName"]) and call.state.appears(group["GroupId"]):
            return group
    raise Ec2Error("InvalidGroup.NotFound", f"The security group '{wanted}' does not exist")


OPERATIONS = {
    "CreateSecurityGroup": create_security_group,
    "DeleteSecurityGroup": delete_security_group,
    "DescribeSecurityGroups": describe_security_groups,
    "AuthorizeSecurityGroupIngress": authorize,
    "AuthorizeSecurityGroupEgress": authorize,
    "RevokeSecurityGroupIngress": revoke,
    "RevokeSecurityGroupEgress": revoke,
}
