"""TerminateInstances, StopInstances, StartInstances and RebootInstances: all of a batch or none of it.

One unknown id fails the whole call; so do one wrong state and one instance that cannot be stopped. A protected
instance saves every instance of its zone that the call names, while the call is done to those of other zones,
and fails all the same. To terminate, stop or start what is so already is fine.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from local.ec2.errors import Ec2Error, invalid_value
from local.ec2.instance import Instance
from local.ec2.instances import find_instances
from local.ec2.launching import Place, check_place, give_back, take
from local.ec2.life import BY_USER, end, reboot, start, stop
from local.ec2.state import Answer, Call


def terminate_instances(call: Call) -> Answer:
    """TerminateInstances as EC2 promises it; see the module."""
    instances = find_instances(call, call.need("InstanceIds"))
    protected = [i.instance_id for i in instances if i.saved and i.alive]
    for instance in unprotected(instances, protected):
        end(call.state, instance.instance_id, BY_USER)
    only_stop = all(i.stop_protected and not i.protected for i in instances if i.instance_id in protected)
    refuse_protected(protected, "terminated", "disableApiStop" if only_stop else "disableApiTermination")
    return {"TerminatingInstances": [change_of(call, i) for i in instances]}


def unprotected(instances: Sequence[Instance], protected: Collection[str]) -> list[Instance]:
    """Return those of *instances* in whose zone none is *protected*."""
    saved = {i.pool.zone for i in instances if i.instance_id in protected}
    return [i for i in instances if i.pool.zone not in saved]


def refuse_protected(protected: Sequence[str], what: str, attribute: str) -> None:
    """Fail the call if an instance was protected."""
    if protected:
        why = f"Modify its '{attribute}' instance attribute and try again."
        raise Ec2Error("OperationNotPermitted", f"The instance '{protected[0]}' may not be {what}. {why}")


def change_of(call: Call, before: Instance) -> dict[str, Any]:
    """Return the state of an instance *before* the call, and now."""
    after = call.state.instances[before.instance_id]
    states = {"PreviousState": before.state_member(), "CurrentState": after.state_member()}
    return {"InstanceId": before.instance_id, **states}


def stop_instances(call: Call) -> Answer:
    """StopInstances; Force makes it as fast as it can be."""
    instances = find_instances(call, call.need("InstanceIds"))
    check_state(instances, {"running", "stopping", "stopped"}, "stopped")
    for instance in instances:
        _check_stoppable(instance)
    protected = [i.instance_id for i in instances if i.stop_protected and i.state == "running"]
    for instance in unprotected(instances, protected):
        stop(call.state, instance.instance_id, hurry=bool(call.get("Force")))
    refuse_protected(protected, "stopped", "disableApiStop")
    return {"StoppingInstances": [change_of(call, i) for i in instances]}


def check_state(instances: Sequence[Instance], allowed: Collection[str], what: str) -> None:
    """Refuse instances that are not in one of the *allowed* states."""
    for instance in instances:
        if instance.state not in allowed:
            message = f"The instance '{instance.instance_id}' is not in a state from which it can be {what}."
            raise Ec2Error("IncorrectInstanceState", message)


def _check_stoppable(instance: Instance) -> None:
    name = instance.instance_id
    why = f"The instance '{name}' does not have an 'ebs' root device type and cannot be stopped."
    if instance.pool.market == "spot":
        why = f"You can't stop the Spot Instance '{name}': it is associated with a one-time Spot Instance request."
    if not instance.stoppable:
        raise Ec2Error("UnsupportedOperation", why)


def start_instances(call: Call) -> Answer:
    """StartInstances: it needs capacity again, for all that it starts or for none."""
    instances = find_instances(call, call.need("InstanceIds"))
    check_state(instances, {"pending", "running", "stopped"}, "started")
    stopped = [i for i in instances if i.state == "stopped"]
    places = [_place(i) for i in stopped]
    for instance, place in zip(stopped, places, strict=True):
        check_place(call, place)
        _check_root(call, instance)
    taken: list[Place] = []
    for place in places:
        count, why_not = take(call, place, 1)
        if why_not is not None and not count:
            for other in taken:
                give_back(call, other, 1)
            raise why_not
        taken.append(place)
    for instance in stopped:
        start(call.state, instance)
    return {"StartingInstances": [change_of(call, i) for i in instances]}


def _check_root(call: Call, instance: Instance) -> None:
    root, there = instance.birth["RootDeviceName"], call.state.volumes.at(instance.instance_id)
    if not any(volume.attachment and volume.attachment.device == root for volume in there):
        why = f"Instance does not have a volume attached at root ({root})"
        raise invalid_value("instanceId", instance.instance_id, why)


def _place(instance: Instance) -> Place:
    kind, zone, market = instance.pool
    data, subnet_id = {"InstanceType": kind}, instance.birth["SubnetId"]
    return Place(market=market, zone=zone, subnet_id=subnet_id, data=data, tags={})


def reboot_instances(call: Call) -> Answer:
    """RebootInstances; those that end or have ended are ignored."""
    instances = find_instances(call, call.need("InstanceIds"))
    check_state(instances, {"running", "shutting-down", "terminated"}, "rebooted")
    for instance in instances:
        reboot(call.state, instance.instance_id)
    return {}


OPERATIONS = {
    "TerminateInstances": terminate_instances,
    "StopInstances": stop_instances,
    "StartInstances": start_instances,
    "RebootInstances": reboot_instances,
}
