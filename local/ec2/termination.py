"""TerminateInstances and the protection against it.

One unknown id fails the whole call. A protected instance saves every instance of its zone that the call
names, while those of other zones are terminated, and the call fails all the same. Terminating twice is fine.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from local.ec2.errors import Ec2Error, invalid_value
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
    protected = [i.instance_id for i in instances if i.saved and i.alive]
    for instance in unprotected(instances, protected):
        end_by_user(call.state, instance.instance_id, call.now)
    only_stop = all(i.stop_protected and not i.protected for i in instances if i.instance_id in protected)
    refuse_protected(protected, "terminated", "disableApiStop" if only_stop else "disableApiTermination")
    return {"TerminatingInstances": [change_of(call, i) for i in instances]}


def unprotected(instances: Sequence[Instance], protected: Collection[str]) -> list[Instance]:
    """Return those of *instances* in whose zone none is *protected*."""
    saved = {i.pool.zone for i in instances if i.instance_id in protected}
    return [i for i in instances if i.pool.zone not in saved]


def refuse_protected(protected: Sequence[str], what: str, attribute: str) -> None:
    """Fail the call if an instance was protected."""
    for instance_id in protected:
        message = (
            f"The instance '{instance_id}' may not be {what}."
            f" Modify its '{attribute}' instance attribute and try again."
        )
        raise Ec2Error("OperationNotPermitted", message)


def change_of(call: Call, before: Instance) -> dict[str, Any]:
    """Return the state of an instance *before* the call, and now."""
    after = call.state.instances[before.instance_id]
    states = {"PreviousState": before.state_member(), "CurrentState": after.state_member()}
    return {"InstanceId": before.instance_id, **states}


OPERATIONS = {"TerminateInstances": terminate_instances}
