"""The versions of a launch template: numbered in order, never changed, one of them the default.

A number is never used again. Without a version, and as ``$Default``, a launch uses the default version; ``$Latest``
is the one with the highest number.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from local.ec2.errors import missing
from local.ec2.images import image_id_of
from local.ec2.listing import Listing
from local.ec2.paging import Limits, Member
from local.ec2.state import Answer, Call, Operation
from local.ec2.templates import (
    Template,
    Version,
    add_version,
    find_template,
    find_version,
    head,
    with_warnings,
)

_NAMES = frozenset({"$Latest", "$Default"})


def create_version(call: Call) -> Answer:
    """CreateLaunchTemplateVersion, from a source version or from nothing."""
    template, data = find_template(call.state, call.parameters), call.get("LaunchTemplateData")
    if data is None:
        raise missing("LaunchTemplateData")
    if source := call.get("SourceVersion"):
        inherited = find_version(call.state, {**_named(call), "Version": source})["LaunchTemplateData"]
        data = {**_without_snapshots(inherited), **data}
    version = add_version(call, template, data)
    return with_warnings(call, data, {"LaunchTemplateVersion": _member(template, version)})


def _named(call: Call) -> dict[str, Any]:
    names = ("LaunchTemplateId", "LaunchTemplateName")
    return {name: call.get(name) for name in names if call.get(name)}


def _without_snapshots(source: Mapping[str, Any]) -> dict[str, Any]:
    """Return the data of a *source* version as EC2 takes it over: snapshots of devices stay behind."""
    data = copy.deepcopy(dict(source))
    for device in data.get("BlockDeviceMappings", ()):
        device.get("Ebs", {}).pop("SnapshotId", None)
    return data


def _names(template: Template) -> dict[str, Any]:
    return {k: template[k] for k in ("LaunchTemplateId", "LaunchTemplateName")}


def _member(template: Template, version: Version) -> Member:
    given = {k: v for k, v in version.items() if v is not None}
    return _names(template) | given | {"DefaultVersion": version["VersionNumber"] == template["Default"]}


def _shown(call: Call, version: Member) -> Member | None:
    """Return a version between MinVersion and MaxVersion; ResolveAlias asks for its image instead of an alias."""
    lowest, highest = int(call.get("MinVersion", 0)), int(call.get("MaxVersion", 0)) or float("inf")
    if not lowest <= version["VersionNumber"] <= highest:
        return None
    data = version["LaunchTemplateData"]
    if not call.get("ResolveAlias") or "ImageId" not in data:
        return version
    image_id = image_id_of(call.state, call.region, data["ImageId"])
    return version | {"LaunchTemplateData": {**data, "ImageId": image_id}}


def _chosen(call: Call) -> dict[str, Member]:
    """Return the versions that are asked for, newest first: of one template, or every latest or default one."""
    state, asked, named = call.state, call.get("Versions", ()), _named(call)
    if not named and (not asked or not _NAMES.issuperset(asked)):
        raise missing("LaunchTemplateId")
    found: dict[str, Member] = {}
    for template in [find_template(state, named)] if named else state.templates.values():
        which = {"LaunchTemplateId": template["LaunchTemplateId"]}
        versions = [find_version(state, {**which, "Version": one}) for one in asked]
        for version in versions if asked else template["Versions"].values():
            key = f"{template['LaunchTemplateId']}/{10**9 - version['VersionNumber']:010d}"
            found[key] = _member(template, version)
    return found


def modify_launch_template(call: Call) -> Answer:
    """ModifyLaunchTemplate: say which version is the default."""
    version = call.need("DefaultVersion")
    template = find_template(call.state, call.parameters)
    found = find_version(call.state, {**_named(call), "Version": version})
    template["Default"] = found["VersionNumber"]
    return {"LaunchTemplate": head(call, template)}


def delete_versions(call: Call) -> Answer:
    """DeleteLaunchTemplateVersions: each version by itself; the default one stays."""
    template, asked = find_template(call.state, call.parameters), call.need("Versions")
    deleted, failed = [], []
    for text in asked:
        number = int(text) if text.isdecimal() else 0
        code = _undeletable(template, number)
        one = {**_names(template), "VersionNumber": number}
        if code:
            message = f"Version {text} of {template['LaunchTemplateId']} was not deleted."
            failed.append(one | {"ResponseError": {"Code": code, "Message": message}})
        else:
            del template["Versions"][number]
            deleted.append(one)
    return {
        "SuccessfullyDeletedLaunchTemplateVersions": deleted,
        "UnsuccessfullyDeletedLaunchTemplateVersions": failed,
    }


def _undeletable(template: Template, number: int) -> str:
    """Return the code with which EC2 keeps a version; for the default one its list has no better."""
    if number not in template["Versions"]:
        return "launchTemplateVersionDoesNotExist"
    return "unexpectedError" if number == template["Default"] else ""


OPERATIONS: dict[str, Operation] = {
    "CreateLaunchTemplateVersion": create_version,
    "DescribeLaunchTemplateVersions": Listing[Member](
        member="LaunchTemplateVersions",
        store=_chosen,
        show=_shown,
        limits=Limits(1, 200),
        tagged=False,
        filters="create-time is-default-version=DefaultVersion image-id=LaunchTemplateData.ImageId"
        " instance-type=LaunchTemplateData.InstanceType ebs-optimized=LaunchTemplateData.EbsOptimized"
        " iam-instance-profile=LaunchTemplateData.IamInstanceProfile.Arn"
        " http-tokens=LaunchTemplateData.MetadataOptions.HttpTokens"
        " http-endpoint=LaunchTemplateData.MetadataOptions.HttpEndpoint",
    ),
    "ModifyLaunchTemplate": modify_launch_template,
    "DeleteLaunchTemplateVersions": delete_versions,
}
