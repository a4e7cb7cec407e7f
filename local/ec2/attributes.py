"""ModifyInstanceAttribute, DescribeInstanceAttribute and ModifyInstanceMetadataOptions.

One attribute a call. The type and the user data change only while the instance is stopped.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from local.ec2.catalogue import instance_types
from local.ec2.device_mappings import mappings, modify_mappings
from local.ec2.errors import Ec2Error, invalid_value, missing, not_modelled
from local.ec2.instance import Instance
from local.ec2.instances import find_instances
from local.ec2.launching import check_architecture
from local.ec2.state import Answer, Call
from local.ec2.tags import readable_from_metadata
from local.ec2.templates import check_user_data

Change = Callable[[Call, Instance, Any], Instance]

_FORMS = ("Value", "Attribute")
_OTHERS = ("InstanceId", "DryRun", *_FORMS)
_ONLY_STOPPED = frozenset({"InstanceType", "UserData"})
"""Source: EC2 user guide, "Change the instance type" and "Work with instance user data"."""


def _termination(_: Call, instance: Instance, value: Any) -> Instance:
    return replace(_no_spot(instance, value), protected=_true(value))


def _stop(_: Call, instance: Instance, value: Any) -> Instance:
    return replace(_no_spot(instance, value), stop_protected=_true(value))


def _true(value: Any) -> bool:
    return value in (True, "true", "True")


def _no_spot(instance: Instance, value: Any) -> Instance:
    if _true(value) and instance.pool.market == "spot":
        raise Ec2Error("UnsupportedOperation", "This protection is not supported for Spot Instances.")
    return instance


def _type(_: Call, instance: Instance, value: Any) -> Instance:
    if value not in instance_types():
        message = f"Invalid value '{value}' for InstanceType."
        raise Ec2Error("InvalidInstanceAttributeValue", message)
    check_architecture(value, instance.birth["Architecture"])
    birth = {**instance.birth, "InstanceType": value}
    return replace(instance, pool=instance.pool._replace(instance_type=value), birth=birth)


def _behavior(_: Call, instance: Instance, value: Any) -> Instance:
    if value not in ("stop", "terminate"):
        raise invalid_value("instanceInitiatedShutdownBehavior", value)
    return replace(instance, shutdown_behavior=value)


def _user_data(_: Call, instance: Instance, value: Any) -> Instance:
    text = base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)
    check_user_data(text)
    return replace(instance, user_data=text)


def _groups(call: Call, instance: Instance, value: Any) -> Instance:
    known = call.state.groups
    if absent := [one for one in value if one not in known]:
        raise Ec2Error("InvalidGroup.NotFound", f"The security group '{absent[0]}' does not exist")
    groups = [{"GroupId": one, "GroupName": known[one]["GroupName"]} for one in value]
    changed = _in_birth(instance, {"SecurityGroups": groups}, {"Groups": groups})
    return replace(changed, group_ids=tuple(value))


def _source_dest_check(_: Call, instance: Instance, value: Any) -> Instance:
    member = {"SourceDestCheck": _true(value)}
    return _in_birth(instance, member, member)


def _in_birth(instance: Instance, members: Mapping[str, Any], of_interface: Mapping[str, Any]) -> Instance:
    (interface,) = instance.birth["NetworkInterfaces"]
    interfaces = {"NetworkInterfaces": [{**interface, **of_interface}]}
    return replace(instance, birth={**instance.birth, **members, **interfaces})


def _mappings(call: Call, instance: Instance, value: Any) -> Instance:
    modify_mappings(call, instance.instance_id, value)
    return instance


_CHANGES: Mapping[str, Change] = {
    "BlockDeviceMappings": _mappings,
    "DisableApiTermination": _termination,
    "DisableApiStop": _stop,
    "InstanceType": _type,
    "InstanceInitiatedShutdownBehavior": _behavior,
    "UserData": _user_data,
    "Groups": _groups,
    "SourceDestCheck": _source_dest_check,
}


def modify_instance_attribute(call: Call) -> Answer:
    """ModifyInstanceAttribute of one attribute, in the form with a member of its own or with Value."""
    (instance,) = find_instances(call, [call.need("InstanceId")])
    name, value = _wanted(call)
    if not instance.alive or (name in _ONLY_STOPPED and instance.state != "stopped"):
        needed = "stopped" if instance.alive else "running or stopped"
        message = f"The instance '{instance.instance_id}' is not in the '{needed}' state."
        raise Ec2Error("IncorrectInstanceState", message)
    call.state.put_instance(_CHANGES[name](call, instance, value))
    return {}


def _wanted(call: Call) -> tuple[str, Any]:
    """Return the one attribute that the call changes, and its new value."""
    given = {k: v for k, v in call.parameters.items() if k not in _OTHERS and v is not None}
    if call.get("Value") is not None:
        given |= {
            str(call.need("Attribute"))[:1].upper() + str(call.need("Attribute"))[1:]: call.get("Value")
        }
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
    (instance,) = find_instances(call, [call.need("InstanceId")])
    attributes: dict[str, dict[str, Any]] = {
        "disableApiTermination": {"DisableApiTermination": {"Value": instance.protected}},
        "disableApiStop": {"DisableApiStop": {"Value": instance.stop_protected}},
        "instanceType": {"InstanceType": {"Value": instance.pool.instance_type}},
        "userData": {"UserData": {"Value": instance.user_data} if instance.user_data else {}},
        "instanceInitiatedShutdownBehavior": {
            "InstanceInitiatedShutdownBehavior": {"Value": instance.shutdown_behavior}
        },
        "blockDeviceMapping": {"BlockDeviceMappings": mappings(call.state, instance.instance_id)},
        "groupSet": {"Groups": instance.birth["SecurityGroups"]},
        "sourceDestCheck": {"SourceDestCheck": {"Value": instance.birth["SourceDestCheck"]}},
        "rootDeviceName": {"RootDeviceName": {"Value": instance.birth["RootDeviceName"]}},
        "ebsOptimized": {"EbsOptimized": {"Value": instance.birth["EbsOptimized"]}},
    }
    name = call.need("Attribute")
    if name not in attributes:
        raise not_modelled(f"The instance attribute {name}")
    return {"InstanceId": instance.instance_id, **attributes[name]}


def modify_metadata_options(call: Call) -> Answer:
    """ModifyInstanceMetadataOptions: what is not named stays; the answer still says pending."""
    (instance,) = find_instances(call, [call.need("InstanceId")])
    if instance.state not in ("running", "stopped"):
        message = f"The instance '{instance.instance_id}' is not in the 'running or stopped' state."
        raise Ec2Error("IncorrectInstanceState", message)
    asked = {k: v for k, v in call.parameters.items() if k not in ("InstanceId", "DryRun") and v is not None}
    options = {**instance.birth["MetadataOptions"], **asked}
    tags = call.state.tags.of(instance.instance_id)
    if options["InstanceMetadataTags"] == "enabled" and not readable_from_metadata(tags):
        message = "Tag keys in instance metadata may have letters, digits and + - = . , _ : @ only."
        raise Ec2Error("InvalidParameterValue", message)
    call.state.put_instance(replace(instance, birth={**instance.birth, "MetadataOptions": options}))
    return {
        "InstanceId": instance.instance_id,
        "InstanceMetadataOptions": {**options, "State": "pending"},
    }


OPERATIONS = {
    "ModifyInstanceAttribute": modify_instance_attribute,
    "DescribeInstanceAttribute": describe_instance_attribute,
    "ModifyInstanceMetadataOptions": modify_metadata_options,
}
