"""The table of contents: which operation is answered by which file, and where."""

from __future__ import annotations

from collections.abc import Mapping

from local.ec2 import (
    allowed_images,
    attachments,
    attributes,
    fleets,
    image_copies,
    image_permissions,
    images,
    instances,
    interfaces,
    offerings,
    places,
    run_instances,
    security_groups,
    snapshots,
    spot,
    spot_requests,
    statuses,
    stopping,
    tagging,
    template_versions,
    templates,
    termination,
    volume_life,
    volume_modifications,
    volume_modifying,
    volumes,
)
from local.ec2.errors import Ec2Error, not_modelled
from local.ec2.state import Answer, Call, Operation
from local.ec2.world import COMPUTE_REGION

OPERATIONS: dict[str, Operation] = {
    **places.OPERATIONS,
    **security_groups.OPERATIONS,
    **images.OPERATIONS,
    **image_copies.OPERATIONS,
    **image_permissions.OPERATIONS,
    **allowed_images.OPERATIONS,
    **offerings.OPERATIONS,
    **spot.OPERATIONS,
    **spot_requests.OPERATIONS,
    **templates.OPERATIONS,
    **template_versions.OPERATIONS,
    **fleets.OPERATIONS,
    **run_instances.OPERATIONS,
    **instances.OPERATIONS,
    **statuses.OPERATIONS,
    **interfaces.OPERATIONS,
    **attributes.OPERATIONS,
    **stopping.OPERATIONS,
    **termination.OPERATIONS,
    **volumes.OPERATIONS,
    **volume_life.OPERATIONS,
    **attachments.OPERATIONS,
    **volume_modifying.OPERATIONS,
    **volume_modifications.OPERATIONS,
    **snapshots.OPERATIONS,
    **tagging.OPERATIONS,
}
EVERYWHERE = (
    "DescribeRegions",
    *images.OPERATIONS,
    *image_copies.OPERATIONS,
    *image_permissions.OPERATIONS,
    *allowed_images.OPERATIONS,
)
NOTHING_ELSEWHERE: Mapping[str, str] = {
    "DescribeInstances": "Reservations",
    "DescribeInstanceStatus": "InstanceStatuses",
    "DescribeNetworkInterfaces": "NetworkInterfaces",
    "DescribeVolumes": "Volumes",
    "DescribeVolumeStatus": "VolumeStatuses",
    "DescribeVolumesModifications": "VolumesModifications",
    "DescribeSnapshots": "Snapshots",
    "DescribeLaunchTemplates": "LaunchTemplates",
    "DescribeFleets": "Fleets",
    "DescribeTags": "Tags",
}
"""What a region without compute answers to a question about all of its resources."""

KNOWN_BUT_NOT_MODELLED = (
    "CopySnapshot",
    "CopyVolumes",
    "CreateSnapshots",
    "DescribeVolumeAttribute",
    "ModifyVolumeAttribute",
    "EnableVolumeIO",
    "ModifySnapshotAttribute",
    "CreateReplaceRootVolumeTask",
    "CreateNetworkInterface",
    "DeleteNetworkInterface",
    "AttachNetworkInterface",
    "DetachNetworkInterface",
    "ModifyNetworkInterfaceAttribute",
    "RequestSpotInstances",
    "GetConsoleScreenshot",
    "ModifyInstanceEventStartTime",
)
CHECKED_FIRST = ("RunInstances",)
"""A dry run of these makes their own checks first; all others are answered at once."""


def answer(call: Call) -> Answer:
    """Answer *call*, or raise what EC2 would."""
    if call.operation in KNOWN_BUT_NOT_MODELLED:
        raise not_modelled(call.operation)
    if call.operation not in OPERATIONS:
        raise Ec2Error("InvalidAction", f"The action {call.operation} is not valid for this web service.")
    if call.state.timing.throttled:
        call.state.throttle.admit(call)
    if call.region != COMPUTE_REGION and call.operation not in EVERYWHERE:
        return _elsewhere(call)
    if call.get("DryRun") and call.operation not in CHECKED_FIRST:
        raise Ec2Error("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412)
    return OPERATIONS[call.operation](call)


def _elsewhere(call: Call) -> Answer:
    """Answer in a region that has no compute: nothing is there, and nothing can be made there."""
    named = any(name.endswith(("Ids", "Names")) and value for name, value in call.parameters.items())
    if call.operation in NOTHING_ELSEWHERE and not named:
        return {NOTHING_ELSEWHERE[call.operation]: []}
    message = f"The embedded EC2 has compute in {COMPUTE_REGION} only, not in {call.region}."
    raise Ec2Error("UnsupportedOperation", message)
