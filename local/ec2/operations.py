"""The table of contents: which operation is answered by which file, and where."""

from __future__ import annotations

from collections.abc import Mapping

from local.ec2 import (
    fleets,
    images,
    instances,
    offerings,
    places,
    security_groups,
    spot,
    tagging,
    templates,
    termination,
    volumes,
)
from local.ec2.errors import Ec2Error, not_modelled
from local.ec2.state import Answer, Call, Operation
from local.ec2.world import COMPUTE_REGION

OPERATIONS: dict[str, Operation] = {
    **places.OPERATIONS,
    **security_groups.OPERATIONS,
    **images.OPERATIONS,
    **offerings.OPERATIONS,
    **spot.OPERATIONS,
    **templates.OPERATIONS,
    **fleets.OPERATIONS,
    **instances.OPERATIONS,
    **termination.OPERATIONS,
    **volumes.OPERATIONS,
    **tagging.OPERATIONS,
}
EVERYWHERE = ("DescribeImages", "DescribeRegions")
NOTHING_ELSEWHERE: Mapping[str, str] = {
    "DescribeInstances": "Reservations",
    "DescribeInstanceStatus": "InstanceStatuses",
    "DescribeVolumes": "Volumes",
    "DescribeLaunchTemplates": "LaunchTemplates",
    "DescribeFleets": "Fleets",
    "DescribeTags": "Tags",
}
"""What a region without compute answers to a question about all of its resources."""

KNOWN_BUT_NOT_MODELLED = (
    "RunInstances",
    "StartInstances",
    "StopInstances",
    "RebootInstances",
    "CreateLaunchTemplateVersion",
)


def answer(call: Call) -> Answer:
    """Answer *call*, or raise what EC2 would."""
    if call.operation in KNOWN_BUT_NOT_MODELLED:
        raise not_modelled(call.operation)
    if call.operation not in OPERATIONS:
        raise Ec2Error("InvalidAction", f"The action {call.operation} is not valid for this web service.")
    if call.region != COMPUTE_REGION and call.operation not in EVERYWHERE:
        return _elsewhere(call)
    if call.get("DryRun"):
        raise Ec2Error("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412)
    return OPERATIONS[call.operation](call)


def _elsewhere(call: Call) -> Answer:
    """Answer in a region that has no compute: nothing is there, and nothing can be made there."""
    named = any(name.endswith(("Ids", "Names")) and value for name, value in call.parameters.items())
    if call.operation in NOTHING_ELSEWHERE and not named:
        return {NOTHING_ELSEWHERE[call.operation]: []}
    message = f"The embedded EC2 has compute in {COMPUTE_REGION} only, not in {call.region}."
    raise Ec2Error("UnsupportedOperation", message)
