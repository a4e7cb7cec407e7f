"""The table of contents: which operation is answered by which file, where, and what holds for whole calls.

Checked here for every operation: throttling, region, dry run, parameters that are not modelled, the largest
list, and what is accepted once per client token.
"""

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
    statuses,
    stopping,
    tagging,
    template_versions,
    templates,
    volume_modifying,
    volumes,
)
from local.ec2.errors import Ec2Error, invalid_value, not_modelled
from local.ec2.filters import values
from local.ec2.state import Answer, Call, Operation
from local.ec2.world import COMPUTE_REGION

OF_IMAGES: dict[str, Operation] = {
    **images.OPERATIONS,
    **image_copies.OPERATIONS,
    **image_permissions.OPERATIONS,
    **allowed_images.OPERATIONS,
}
OPERATIONS: dict[str, Operation] = {
    **OF_IMAGES,
    **places.OPERATIONS,
    **security_groups.OPERATIONS,
    **offerings.OPERATIONS,
    **spot.OPERATIONS,
    **templates.OPERATIONS,
    **template_versions.OPERATIONS,
    **fleets.OPERATIONS,
    **run_instances.OPERATIONS,
    **instances.OPERATIONS,
    **statuses.OPERATIONS,
    **interfaces.OPERATIONS,
    **attributes.OPERATIONS,
    **stopping.OPERATIONS,
    **volumes.OPERATIONS,
    **attachments.OPERATIONS,
    **volume_modifying.OPERATIONS,
    **snapshots.OPERATIONS,
    **tagging.OPERATIONS,
}
EVERYWHERE = ("DescribeRegions", *OF_IMAGES)
NOTHING_ELSEWHERE: Mapping[str, str] = {
    "DescribeInstances": "Reservations",
    "DescribeInstanceStatus": "InstanceStatuses",
    "DescribeNetworkInterfaces": "NetworkInterfaces",
    "DescribeVolumes": "Volumes",
    "DescribeVolumesModifications": "VolumesModifications",
    "DescribeSnapshots": "Snapshots",
    "DescribeLaunchTemplates": "LaunchTemplates",
    "DescribeFleets": "Fleets",
    "DescribeTags": "Tags",
}
"""What a region without compute answers to a question about all of its resources."""

_KNOWN = (
    "CopySnapshot CopyVolumes CreateSnapshots ModifySnapshotAttribute CreateReplaceRootVolumeTask"
    " DescribeVolumeAttribute ModifyVolumeAttribute DescribeVolumeStatus EnableVolumeIO"
    " CreateNetworkInterface DeleteNetworkInterface AttachNetworkInterface DetachNetworkInterface"
    " ModifyNetworkInterfaceAttribute RequestSpotInstances DescribeSpotInstanceRequests"
    " CancelSpotInstanceRequests GetConsoleScreenshot ModifyInstanceEventStartTime"
    " ModifyInstanceMetadataOptions CreateImage ResetImageAttribute EnableImage DisableImage"
)
KNOWN_BUT_NOT_MODELLED = frozenset(_KNOWN.split())
_OVERRIDE, _FLEET_TEMPLATE = (
    "LaunchTemplateConfigs.Overrides",
    "LaunchTemplateConfigs.LaunchTemplateSpecification",
)
REFUSED: Mapping[str, str] = {
    "AttachVolume": "EbsCardIndex",
    "CopyImage": "KmsKeyId DestinationOutpostArn DestinationAvailabilityZone DestinationAvailabilityZoneId"
    " SnapshotCopyCompletionDurationMinutes",
    "CreateFleet": "ReservedCapacityOptions SpotOptions.MaxTotalPrice SpotOptions.MaintenanceStrategies"
    " OnDemandOptions.MaxTotalPrice OnDemandOptions.CapacityReservationOptions"
    f" {_FLEET_TEMPLATE}.LaunchTemplateSpecificationUserData {_OVERRIDE}.InstanceRequirements"
    f" {_OVERRIDE}.WeightedCapacity {_OVERRIDE}.Placement {_OVERRIDE}.AvailabilityZoneId",
    "CreateSnapshot": "OutpostArn Location",
    "CreateVolume": "OutpostArn VolumeInitializationRate Operator MultiAttachEnabled",
    "DescribeFleets": "Filters",
    "DescribeImages": "IncludeDisabled",
    "GetConsoleOutput": "Latest",
    "ModifyImageAttribute": "OrganizationArns OrganizationalUnitArns ProductCodes ImdsSupport",
    "ModifyVolume": "MultiAttachEnabled",
    "StopInstances": "Hibernate SkipOsShutdown",
}
"""Parameters that EC2 knows and this model refuses by name, a dot before what is inside."""

LARGEST: Mapping[str, tuple[str, int]] = {
    "CreateTags": ("Resources", 1000),
    "DeleteTags": ("Resources", 1000),
    "DeleteFleets": ("FleetIds", 25),
    "DeleteLaunchTemplateVersions": ("Versions", 200),
    "DescribeInstanceStatus": ("InstanceIds", 100),
    "ReplaceImageCriteriaInAllowedImagesSettings": ("ImageCriteria", 10),
    "TerminateInstances": ("InstanceIds", 1000),
}
"""How long a list may be. Source: EC2 API reference, each operation (DeleteFleets: of instant fleets)."""

ONCE: Mapping[str, int] = {
    "CreateFleet": 64,
    "CreateVolume": 64,
    "CopyImage": 128,
    "CreateLaunchTemplate": 128,
    "CreateLaunchTemplateVersion": 128,
    "ModifyLaunchTemplate": 128,
}
"""What is accepted once per client token, and how long that may be. Source: EC2 API reference, each."""

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
    _check(call)
    if call.operation in ONCE:
        return call.once(lambda: OPERATIONS[call.operation](call), ONCE[call.operation])
    return OPERATIONS[call.operation](call)


def _check(call: Call) -> None:
    for path in REFUSED.get(call.operation, "").split():
        if any(value not in ("", "{}", "false") for value in values(call.parameters, tuple(path.split(".")))):
            raise not_modelled(f"{call.operation} with {path}")
    name, most = LARGEST.get(call.operation, ("", 0))
    if len(asked := call.get(name, ())) > most:
        raise invalid_value(name, len(asked), f"At most {most} in one request.")


def _elsewhere(call: Call) -> Answer:
    """Answer in a region that has no compute: nothing is there, and nothing can be made there."""
    named = any(name.endswith(("Ids", "Names")) and value for name, value in call.parameters.items())
    if call.operation in NOTHING_ELSEWHERE and not named:
        return {NOTHING_ELSEWHERE[call.operation]: []}
    message = f"The embedded EC2 has compute in {COMPUTE_REGION} only, not in {call.region}."
    raise Ec2Error("UnsupportedOperation", message)
