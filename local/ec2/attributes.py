"""ModifyInstanceAttribute and DescribeInstanceAttribute, one attribute a call.

The type and the user data change only while the instance is stopped.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from local.ec2.catalogue import instance_types
from local.ec2.errors import Ec2Error, missing, not_modelled
from local.ec2.instance import Instance
from local.ec2.instances import mappings, the_instance
from local.ec2.kinds import GROUP, find
from local.ec2.launching import check_architecture
from local.ec2.state import Answer, Call
from local.ec2.stopping import check_state
from local.ec2.templates import check_user_data

Change = Callable[[Call, Instance, Any], Instance]

_OTHERS = ("InstanceId", "DryRun", "Value", "Attribute")
_ONLY_STOPPED = frozenset({"InstanceType", "UserData"})
"""Source: EC2 user guide, "Change the instance type" and "Work with instance user data"."""


def _termination(_: Call, instance: Instance, value: Any) -> Instance:
    return replace(instance, protected=_protects(instance, value))


def _stop(_: Call, instance: Instance, value: Any) -> Instance:
    return replace(instance, stop_protected=_protects(instance, value))


def _protects(instance: Instance, value: Any) -> bool:
    wanted = value in (True, "true", "True")
    if wanted and instance.pool.market == "spot":
        raise Ec2Error("UnsupportedOperation", "This protection is not supported for Spot Instances.")
    return wanted


def _type(_: Call, instance: Instance, value: Any) -> Instance:
    if value not in instance_types():
        raise Ec2Error("InvalidInstanceAttributeValue", f"Invalid value '{value}' for InstanceType.")
    check_architecture(value, instance.birth["Architecture"])
    birth = {**instance.birth, "InstanceType": value}
    return replace(instance, pool=instance.pool._replace(instance_type=value), birth=birth)


def _user_data(_: Call, instance: Instance, value: Any) -> Instance:
    text = base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)
    check_user_data(text)
    return replace(instance, user_data=text)


def _groups(call: Call, instance: Instance, value: Any) -> Instance:
    found = find(GROUP, value, call.state.seen(call.state.groups))
    groups = [{"GroupId": group["GroupId"], "GroupName": group["GroupName"]} for group in found]
    return instance.with_members({"Groups": groups}, SecurityGroups=groups)


_CHANGES: Mapping[str, Change] = {
    "DisableApiTermination": _termination,
    "DisableApiStop": _stop,
    "InstanceType": _type,
    "UserData": _user_data,
    "Groups": _groups,
}


def modify_instance_attribute(call: Call) -> Answer:
    """ModifyInstanceAttribute of one attribute, in the form with a member of its own or with Value."""
    instance = the_instance(call)
    name, value = _wanted(call)
    stopped = {"stopped"} if name in _ONLY_STOPPED else {"pending", "running", "stopping", "stopped"}
    check_state([instance], stopped, "modified")
    call.state.put_instance(_CHANGES[name](call, instance, value))
    return {}


def _wanted(call: Call) -> tuple[str, Any]:
    """Return the one attribute that the call changes, and its new value."""
    given = {k: v for k, v in call.parameters.items() if k not in _OTHERS and v is not None}
    if call.get("Value") is not None:
        attribute = str(call.need("Attribute"))
        given[attribute[:1].upper() + attribute[1:]] = call.get("Value")
    if not given:
        raise missing("Attribute")
    if len(given) > 1:
        raise Ec2Error("InvalidParameterCombination", "Fields for multiple attribute types specified.")
    ((name, value),) = given.items()
    if name not in _CHANGES:
        raise not_modelled(f"ModifyInstanceAttribute of {name}")
    return name, value.get("Value") if isinstance(value, Mapping) else value


def describe_instance_attribute(call: Call) -> Answer:
    """DescribeInstanceAttribute of one attribute."""
    instance, name = the_instance(call), call.need("Attribute")
    single = {
        "disableApiTermination": instance.protected,
        "disableApiStop": instance.stop_protected,
        "instanceType": instance.pool.instance_type,
        "instanceInitiatedShutdownBehavior": instance.shutdown_behavior,
        "userData": instance.user_data or None,
    }
    whole = {
        "groupSet": {"Groups": instance.birth["SecurityGroups"]},
        "blockDeviceMapping": {"BlockDeviceMappings": mappings(call.state, instance.instance_id)},
    }
    if name in single:
        value = {} if single[name] is None else {"Value": single[name]}
        return {"InstanceId": instance.instance_id, name[:1].upper() + name[1:]: value}
    if name not in whole:
        raise not_modelled(f"The instance attribute {name}")
    return {"InstanceId": instance.instance_id, **whole[name]}


OPERATIONS = {
    "ModifyInstanceAttribute": modify_instance_attribute,
    "DescribeInstanceAttribute": describe_instance_attribute,
}
