"""StopInstances, StartInstances and RebootInstances: all of a batch or none of it.

One unknown id, one wrong state or one instance that cannot be stopped fails the whole call and changes nothing;
stop protection saves its zone's part, as termination protection does. Stopping a stopped instance is fine, and
so is starting a running one.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from local.ec2.errors import Ec2Error, not_modelled
from local.ec2.instance import Instance
from local.ec2.instances import find_instances
from local.ec2.launching import Place, check_place, give_back, take
from local.ec2.pause import reboot, start, stop
from local.ec2.state import Answer, Call
from local.ec2.termination import change_of, refuse_protected, unprotected


def stop_instances(call: Call) -> Answer:
    """StopInstances; Force and SkipOsShutdown make it as fast as it can be."""
    if call.get("Hibernate"):
        raise not_modelled("Hibernate")
    instances = find_instances(call, call.need("InstanceIds"))
    _check_state(instances, {"running", "stopping", "stopped"}, "stopped")
    for instance in instances:
        _check_stoppable(instance)
    protected = [i.instance_id for i in instances if i.stop_protected and i.state == "running"]
    hurry = bool(call.get("Force") or call.get("SkipOsShutdown"))
    for instance in unprotected(instances, protected):
        stop(call.state, instance.instance_id, call.now, hurry=hurry)
    refuse_protected(protected, "stopped", "disableApiStop")
    return {"StoppingInstances": [change_of(call, i) for i in instances]}


def _check_state(instances: Sequence[Instance], allowed: Collection[str], what: str) -> None:
    for instance in instances:
        if instance.state not in allowed:
            message = f"The instance '{instance.instance_id}' is not in a state from which it can be {what}."
            raise Ec2Error("IncorrectInstanceState", message)


def _check_stoppable(instance: Instance) -> None:
    if instance.pool.market == "spot":
        message = (
            f"You can't stop the Spot Instance '{instance.instance_id}' because it is associated with a one-time"
            " Spot Instance request. You can only stop Spot Instances associated with persistent Spot Instance"
            " requests."
        )
        raise Ec2Error("UnsupportedOperation", message)
    if instance.birth["RootDeviceType"] != "ebs":
        why = "does not have an 'ebs' root device type and cannot be stopped."
        raise Ec2Error("UnsupportedOperation", f"The instance '{instance.instance_id}' {why}")


def start_instances(call: Call) -> Answer:
    """StartInstances: it needs capacity again, for all that it starts or for none."""
    instances = find_instances(call, call.need("InstanceIds"))
    _check_state(instances, {"pending", "running", "stopped"}, "started")
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
        start(call.state, instance, call.now)
    return {"StartingInstances": [change_of(call, i) for i in instances]}


def _check_root(call: Call, instance: Instance) -> None:
    root, state = instance.birth["RootDeviceName"], call.state
    volumes = [state.volumes[volume_id] for volume_id in state.volumes.at(instance.instance_id)]
    ours = [a.device for v in volumes for a in v.attachments if a.instance_id == instance.instance_id]
    if root not in ours:
        why = f"Instance does not have a volume attached at root ({root})"
        raise Ec2Error(
            "InvalidParameterValue", f"Invalid value '{instance.instance_id}' for instanceId. {why}"
        )


def _place(instance: Instance) -> Place:
    kind, zone, market = instance.pool
    data = {"InstanceType": kind}
    return Place(market=market, zone=zone, subnet_id=instance.subnet_id, data=data, tags={})


def reboot_instances(call: Call) -> Answer:
    """RebootInstances; those that end or have ended are ignored."""
    instances = find_instances(call, call.need("InstanceIds"))
    _check_state(instances, {"running", "shutting-down", "terminated"}, "rebooted")
    for instance in instances:
        reboot(call.state, instance.instance_id, call.now)
    return {}


OPERATIONS = {
    "StopInstances": stop_instances,
    "StartInstances": start_instances,
    "RebootInstances": reboot_instances,
}
