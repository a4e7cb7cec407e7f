"""TerminateInstances and the protection against it.

One unknown id fails the whole call. A protected instance saves every instance of its zone that the call
names, while those of other zones are terminated, and the call fails all the same. Terminating twice is fine.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from local.ec2.errors import Ec2Error, invalid_value, not_modelled
from local.ec2.instance import Instance
from local.ec2.instances import find_instances
from local.ec2.life import end_by_user
from local.ec2.state import Answer, Call

LARGEST_BATCH = 1000
"""Source: EC2 API reference, TerminateInstances: at most 1,000 instances a request."""


def terminate_instances(call: Call) -> Answer:
    """TerminateInstances as EC2 promises it; see the module."""
    ids = call.need("InstanceIds")
    if len(ids) > LARGEST_BATCH:
        raise invalid_value("InstanceIds", len(ids), f"At most {LARGEST_BATCH} in one request.")
    instances = find_instances(call, ids)
    saved = {i.pool.zone for i in instances if i.protected and i.alive}
    for instance in instances:
        if instance.pool.zone not in saved:
            end_by_user(call.state, instance.instance_id, call.now)
    for instance in instances:
        if instance.protected and instance.alive:
            message = (
                f"The instance '{instance.instance_id}' may not be terminated."
                " Modify its 'disableApiTermination' instance attribute and try again."
            )
            raise Ec2Error("OperationNotPermitted", message)
    return {"TerminatingInstances": [_change(call, i) for i in instances]}


def _change(call: Call, before: Instance) -> dict[str, Any]:
    after = call.state.instances[before.instance_id]
    states = {"PreviousState": before.state_member(), "CurrentState": after.state_member()}
    return {"InstanceId": before.instance_id, **states}


def modify_instance_attribute(call: Call) -> Answer:
    """ModifyInstanceAttribute of DisableApiTermination; a spot instance cannot be protected."""
    wanted = call.get("DisableApiTermination")
    if wanted is None or call.get("Attribute"):
        raise not_modelled("ModifyInstanceAttribute of anything but DisableApiTermination")
    (instance,) = find_instances(call, [call.need("InstanceId")])
    if not instance.alive:
        message = f"Unable to modify: instance '{instance.instance_id}' is {instance.state}."
        raise Ec2Error("IncorrectInstanceState", message)
    protected = bool(wanted.get("Value", False))
    if protected and instance.pool.market == "spot":
        raise Ec2Error("UnsupportedOperation", "Termination protection is not supported for Spot Instances.")
    call.state.put_instance(replace(instance, protected=protected))
    return {}


def describe_instance_attribute(call: Call) -> Answer:
    """DescribeInstanceAttribute of one of four attributes."""
    (instance,) = find_instances(call, [call.need("InstanceId")])
    attributes: dict[str, dict[str, Any]] = {
        "disableApiTermination": {"DisableApiTermination": {"Value": instance.protected}},
        "instanceType": {"InstanceType": {"Value": instance.pool.instance_type}},
        "userData": {"UserData": {"Value": instance.user_data} if instance.user_data else {}},
        "instanceInitiatedShutdownBehavior": {
            "InstanceInitiatedShutdownBehavior": {"Value": instance.shutdown_behavior}
        },
    }
    name = call.need("Attribute")
    if name not in attributes:
        raise not_modelled(f"The instance attribute {name}")
    return {"InstanceId": instance.instance_id, **attributes[name]}


OPERATIONS = {
    "TerminateInstances": terminate_instances,
    "ModifyInstanceAttribute": modify_instance_attribute,
    "DescribeInstanceAttribute": describe_instance_attribute,
}
