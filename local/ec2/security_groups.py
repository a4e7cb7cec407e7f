"""Security groups: made, described, their rules stored, refused deletion while an instance has them."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

from local.ec2.errors import Ec2Error, invalid_value, missing
from local.ec2.kinds import GROUP, VPC, unknown
from local.ec2.listing import Listing
from local.ec2.paging import Member
from local.ec2.state import Answer, Call, Operation, State
from local.ec2.tags import tag_list

EVERYWHERE = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}


def make_group(
    state: State, name: str, description: str, vpc_id: str, tags: Mapping[str, str] | None = None
) -> str:
    """Add a security group with EC2's first rule, everything outward, and return its id."""
    if vpc_id != state.vpc_id:
        raise unknown(VPC, vpc_id)
    if any(group["GroupName"] == name for group in state.groups.values()):
        message = f"The security group '{name}' already exists for VPC '{vpc_id}'"
        raise Ec2Error("InvalidGroup.Duplicate", message)
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
    tags, vpc_id = call.tags("security-group"), call.get("VpcId", call.state.vpc_id)
    group_id = make_group(call.state, name, call.need("Description"), vpc_id, tags)
    call.state.appears_late(group_id, call.state.timing.group_visibility)
    return {"GroupId": group_id, "Tags": tag_list(tags)}


def delete_security_group(call: Call) -> Answer:
    """DeleteSecurityGroup, unless it is the default one or an instance still has it."""
    group = _group(call)
    group_id = group["GroupId"]
    if group["GroupName"] == "default":
        message = f'the specified group: "{group_id}" name: "default" cannot be deleted by a user'
        raise Ec2Error("CannotDelete", message)
    if any(group_id in i.group_ids for i in call.state.instances.values() if i.state != "terminated"):
        raise Ec2Error("DependencyViolation", f"resource {group_id} has a dependent object")
    del call.state.groups[group_id]
    call.state.forget(group_id)
    return {"Return": True, "GroupId": group_id}


def _shown(call: Call, group: Member) -> Member:
    return group | {"Tags": call.state.tag_list(group["GroupId"])}


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


def _rules(call: Call) -> tuple[list[Member], Sequence[Member]]:
    member = "IpPermissionsEgress" if call.operation.endswith("Egress") else "IpPermissions"
    rules: list[Member] = _group(call)[member]
    return rules, copy.deepcopy(call.get("IpPermissions")) or [_single_rule(call)]


def _single_rule(call: Call) -> Member:
    """Return the rule of a request in the short form: one protocol, one port range, one CIDR."""
    rule = {"IpProtocol": call.need("IpProtocol"), "IpRanges": [{"CidrIp": call.need("CidrIp")}]}
    return rule | {name: call.get(name) for name in ("FromPort", "ToPort") if call.get(name) is not None}


def _group(call: Call) -> Member:
    wanted = call.get("GroupId") or call.get("GroupName")
    if not wanted:
        raise missing("GroupId")
    group: Member = call.state.groups[_id_of(call, wanted)]
    return group


def _id_of(call: Call, wanted: str) -> str:
    """Return the id of the group that an id or a name means."""
    for group_id, group in call.state.groups.items():
        if wanted in (group_id, group["GroupName"]) and call.state.appears(group_id):
            return group_id
    raise unknown(GROUP, wanted)


OPERATIONS: dict[str, Operation] = {
    "CreateSecurityGroup": create_security_group,
    "DeleteSecurityGroup": delete_security_group,
    "DescribeSecurityGroups": Listing[Member](
        member="SecurityGroups",
        store=lambda call: call.state.groups,
        show=_shown,
        kind=GROUP,
        named=lambda call: [_id_of(call, name) for name in call.get("GroupNames", ())],
        filters="group-id group-name vpc-id description owner-id",
    ),
    "AuthorizeSecurityGroupIngress": authorize,
    "AuthorizeSecurityGroupEgress": authorize,
    "RevokeSecurityGroupIngress": revoke,
    "RevokeSecurityGroupEgress": revoke,
}
