"""The versions of a launch template: numbered in order, never changed, one of them the default.

A number is never used again. Without a version, and as ``$Default``, a launch uses the default version; ``$Latest``
is the one with the highest number.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from local.ec2.errors import invalid_value, missing
from local.ec2.filters import Fields, matching
from local.ec2.image_launches import image_id_of
from local.ec2.paging import Limits, page
from local.ec2.state import Answer, Call, State
from local.ec2.templates import (
    LONGEST_TOKEN,
    Template,
    Version,
    add_version,
    find_template,
    find_version,
    head,
    with_warnings,
)

PAGES = Limits(lowest=1, highest=200, default=200)
LARGEST_BATCH = 200
"""Source: EC2 API reference, DeleteLaunchTemplateVersions."""

_NAMES = frozenset({"$Latest", "$Default"})
_TEXT_FIELDS = {
    "image-id": ("ImageId",),
    "instance-type": ("InstanceType",),
    "ebs-optimized": ("EbsOptimized",),
    "iam-instance-profile": ("IamInstanceProfile", "Arn"),
    "http-tokens": ("MetadataOptions", "HttpTokens"),
    "http-endpoint": ("MetadataOptions", "HttpEndpoint"),
}


def create_version(call: Call) -> Answer:
    """CreateLaunchTemplateVersion, once per client token."""
    return call.once(lambda: _create(call), longest=LONGEST_TOKEN)


def _create(call: Call) -> Answer:
    template, data = find_template(call.state, call.parameters), call.get("LaunchTemplateData")
    if data is None:
        raise missing("LaunchTemplateData")
    if source := call.get("SourceVersion"):
        inherited = find_version(call.state, {**_named(call), "Version": source})["LaunchTemplateData"]
        data = {**_without_snapshots(inherited), **data}
    version = add_version(call, template, data)
    return with_warnings(call, data, {"LaunchTemplateVersion": _shown(template, version)})


def _named(call: Call) -> dict[str, Any]:
    names = ("LaunchTemplateId", "LaunchTemplateName")
    return {name: call.get(name) for name in names if call.get(name)}


def _without_snapshots(source: Mapping[str, Any]) -> dict[str, Any]:
    """Return the data of a *source* version as EC2 takes it over: snapshots of devices stay behind."""
    data = copy.deepcopy(dict(source))
    for device in data.get("BlockDeviceMappings", ()):
        device.get("Ebs", {}).pop("SnapshotId", None)
    return data


def _shown(template: Template, version: Version) -> dict[str, Any]:
    names: dict[str, Any] = {k: template[k] for k in ("LaunchTemplateId", "LaunchTemplateName")}
    given = {k: v for k, v in version.items() if v is not None}
    return names | given | {"DefaultVersion": version["VersionNumber"] == template["Default"]}


def describe_versions(call: Call) -> Answer:
    """DescribeLaunchTemplateVersions of one template, newest first, or every template's latest or default."""
    shown = sorted(_chosen(call), key=_key)
    lowest, highest = int(call.get("MinVersion", 0)), int(call.get("MaxVersion", 0)) or float("inf")
    fields: Fields[dict[str, Any]] = {
        "create-time": lambda v: [v["CreateTime"].isoformat()],
        "is-default-version": lambda v: [str(v["DefaultVersion"]).lower()],
        **{name: (lambda v, p=path: _read(v, p)) for name, path in _TEXT_FIELDS.items()},  # type: ignore[misc]
    }
    passes = matching(call.get("Filters", ()), fields)

    def keep(version: dict[str, Any]) -> bool:
        return lowest <= version["VersionNumber"] <= highest and passes(version)

    found, token = page(shown, call.parameters, PAGES, key=_key, keep=keep)
    if call.get("ResolveAlias"):
        found = [_resolved(call, version) for version in found]
    return {"LaunchTemplateVersions": found, **token}


def _resolved(call: Call, version: dict[str, Any]) -> dict[str, Any]:
    """Return *version* with the image that its alias stands for now."""
    data = version["LaunchTemplateData"]
    image = {"ImageId": image_id_of(call.state, call.region, data["ImageId"])} if "ImageId" in data else {}
    return version | {"LaunchTemplateData": {**data, **image}}


def _key(version: Mapping[str, Any]) -> str:
    return f"{version['LaunchTemplateId']}/{10**9 - version['VersionNumber']:010d}"


def _read(version: Mapping[str, Any], path: tuple[str, ...]) -> list[str]:
    value: Any = version["LaunchTemplateData"]
    for name in path:
        value = (value or {}).get(name)
    return [] if value is None else [str(value).lower() if isinstance(value, bool) else str(value)]


def _chosen(call: Call) -> Iterator[dict[str, Any]]:
    state, asked = call.state, call.get("Versions", ())
    if named := _named(call):
        template = find_template(state, named)
        if not asked:
            yield from (_shown(template, version) for version in template["Versions"].values())
        numbers = {find_version(state, {**named, "Version": one})["VersionNumber"] for one in asked}
        yield from (_shown(template, template["Versions"][number]) for number in numbers)
    elif not asked or not _NAMES.issuperset(asked):
        raise missing("LaunchTemplateId")
    else:
        for template in state.templates.values():
            numbers = {_number(state, template, one) for one in asked}
            yield from (_shown(template, template["Versions"][number]) for number in numbers)


def _number(state: State, template: Template, name: str) -> int:
    which = {"LaunchTemplateId": template["LaunchTemplateId"], "Version": name}
    return int(find_version(state, which)["VersionNumber"])


def modify_launch_template(call: Call) -> Answer:
    """ModifyLaunchTemplate: say which version is the default."""
    return call.once(lambda: _modify(call), longest=LONGEST_TOKEN)


def _modify(call: Call) -> Answer:
    version = call.need("DefaultVersion")
    template = find_template(call.state, call.parameters)
    found = find_version(call.state, {**_named(call), "Version": version})
    template["Default"] = found["VersionNumber"]
    return {"LaunchTemplate": head(call.state, template)}


def delete_versions(call: Call) -> Answer:
    """DeleteLaunchTemplateVersions: each version by itself; the default one stays."""
    template, asked = find_template(call.state, call.parameters), call.need("Versions")
    if len(asked) > LARGEST_BATCH:
        raise invalid_value("Versions", len(asked), f"At most {LARGEST_BATCH} in one request.")
    names = {k: template[k] for k in ("LaunchTemplateId", "LaunchTemplateName")}
    deleted, failed = [], []
    for text in asked:
        number = int(text) if text.isdecimal() else 0
        code = _undeletable(template, number)
        one = {**names, "VersionNumber": number}
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


OPERATIONS = {
    "CreateLaunchTemplateVersion": create_version,
    "DescribeLaunchTemplateVersions": describe_versions,
    "ModifyLaunchTemplate": modify_launch_template,
    "DeleteLaunchTemplateVersions": delete_versions,
}
