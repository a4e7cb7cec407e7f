"""Launch templates: created once per token, found by name or id, checked where EC2 checks.

EC2 creates a template whose image or security group does not exist and says so in ``Warning``; the launch
then fails. User data that it could not store is refused at once.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

from local.ec2.errors import Ec2Error
from local.ec2.image_rules import ALIAS
from local.ec2.images import find_image, image_id_of
from local.ec2.kinds import GROUP, TEMPLATE, find
from local.ec2.listing import Listing
from local.ec2.paging import Limits, Member
from local.ec2.quotas import MAX_TEMPLATES
from local.ec2.state import Answer, Call, Operation, State
from local.ec2.tags import TAGGED_AT_LAUNCH, tag_specifications

USER_DATA_BYTES = 16 * 1024
"""Raw, before base64. Source: EC2 user guide, "Work with instance user data"."""

_NAME = re.compile(r"[a-zA-Z0-9().\-/_]{3,128}")

Template = dict[str, Any]
Version = dict[str, Any]


def create_launch_template(call: Call) -> Answer:
    """CreateLaunchTemplate with its first version."""
    name, data = call.need("LaunchTemplateName"), call.need("LaunchTemplateData")
    if not _NAME.fullmatch(name):
        message = f"The name '{name}' needs 3 to 128 of: letters, digits, ( ) . - / _"
        raise Ec2Error("InvalidLaunchTemplateName.MalformedException", message)
    if any(t["LaunchTemplateName"] == name for t in call.state.templates.values()):
        message = "Launch template name already in use."
        raise Ec2Error("InvalidLaunchTemplateName.AlreadyExistsException", message)
    tags = call.tags("launch-template")
    call.state.quotas.check_count("launch-templates", call.state.templates, MAX_TEMPLATES)
    template_id = call.state.chance.id("lt")
    template = {
        "LaunchTemplateId": template_id,
        "LaunchTemplateName": name,
        "CreateTime": call.now,
        "CreatedBy": f"arn:aws:iam::{call.state.account}:root",
        "Default": 1,
        "Next": 1,
        "Versions": {},
    }
    add_version(call, template, data)
    call.state.templates[template_id] = template
    call.state.appears_late(template_id, call.state.timing.template_visibility)
    call.state.tags.put(template_id, tags)
    return with_warnings(call, data, {"LaunchTemplate": head(call, template)})


def add_version(call: Call, template: Template, data: Mapping[str, Any]) -> Version:
    """Give *template* its next version, unless EC2 could not store *data*."""
    check_user_data(data.get("UserData", ""))
    image_id_of(call.state, call.region, data.get("ImageId", ""))
    tag_specifications(data.get("TagSpecifications", ()), TAGGED_AT_LAUNCH)
    version = {
        "VersionNumber": template["Next"],
        "VersionDescription": call.get("VersionDescription"),
        "CreateTime": call.now,
        "CreatedBy": f"arn:aws:iam::{call.state.account}:root",
        "LaunchTemplateData": data,
    }
    template["Versions"][template["Next"]] = version
    template["Next"] += 1
    return version


def with_warnings(call: Call, data: Mapping[str, Any], answer: Answer) -> Answer:
    """Return *answer*, with what EC2 warns of in template *data*."""
    warnings = _warnings(call, data)
    return answer | ({"Warning": {"Errors": warnings}} if warnings else {})


def check_user_data(text: str) -> None:
    """Refuse user data that is not base64, or is more than 16 KB without it."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        raise Ec2Error("InvalidUserData.Malformed", "Invalid BASE64 encoding of user data.") from None
    if len(raw) > USER_DATA_BYTES:
        raise Ec2Error("InvalidUserData.Malformed", f"User data is limited to {USER_DATA_BYTES} bytes.")


def group_ids(data: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the security groups that template *data* names, for the instance or for its first interface."""
    interfaces = data.get("NetworkInterfaces") or [{}]
    return tuple(data.get("SecurityGroupIds") or interfaces[0].get("Groups") or ())


def check_groups(call: Call, data: Mapping[str, Any]) -> None:
    """Refuse security groups that do not exist, or are not known yet."""
    find(GROUP, group_ids(data), call.state.seen(call.state.groups))


def _warnings(call: Call, data: Mapping[str, Any]) -> list[dict[str, str]]:
    found = []
    image_id = data.get("ImageId", ALIAS)
    for check in (
        lambda: image_id.startswith(ALIAS) or find_image(call.state, call.region, image_id),
        lambda: check_groups(call, data),
    ):
        try:
            check()
        except Ec2Error as error:
            found.append({"Code": error.code, "Message": error.message})
    return found


def find_template(state: State, specification: Mapping[str, Any]) -> Template:
    """Return the template that *specification* names by id or name."""
    template_id, name = specification.get("LaunchTemplateId"), specification.get("LaunchTemplateName")
    if bool(template_id) == bool(name):
        message = "Name a launch template by its id or by its name, one of them."
        raise Ec2Error("InvalidLaunchTemplate", message)
    template_id = template_id or _id_of(state, str(name))
    template: Template = find(TEMPLATE, [template_id], state.seen(state.templates))[0]
    return template


def _id_of(state: State, name: str) -> str:
    """Return the id of the template with a name."""
    for template_id, template in state.templates.items():
        if template["LaunchTemplateName"] == name and state.appears(template_id):
            return template_id
    message = f"The specified launch template, with template name {name}, does not exist."
    raise Ec2Error("InvalidLaunchTemplateName.NotFoundException", message)


def find_version(state: State, specification: Mapping[str, Any]) -> Version:
    """Return the version that *specification* names, the default one if it names none."""
    template = find_template(state, specification)
    asked = str(specification.get("Version") or "$Default")
    number = {"$Default": template["Default"], "$Latest": max(template["Versions"])}.get(asked, asked)
    if not str(number).isdecimal() or int(number) not in template["Versions"]:
        message = f"Could not find the specified version {asked} for the launch template."
        raise Ec2Error("InvalidLaunchTemplateId.VersionNotFound", message)
    version: Version = template["Versions"][int(number)]
    return version


def template_tags(state: State, specification: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags that EC2 gives to what it launches from a template."""
    return {
        "aws:ec2launchtemplate:id": find_template(state, specification)["LaunchTemplateId"],
        "aws:ec2launchtemplate:version": str(find_version(state, specification)["VersionNumber"]),
    }


def head(call: Call, template: Template) -> Member:
    """Return what EC2 shows of a template beside its versions."""
    kept = ("LaunchTemplateId", "LaunchTemplateName", "CreateTime", "CreatedBy")
    return {k: template[k] for k in kept} | {
        "DefaultVersionNumber": template["Default"],
        "LatestVersionNumber": max(template["Versions"]),
        "Tags": call.state.tag_list(template["LaunchTemplateId"]),
    }


def delete_launch_template(call: Call) -> Answer:
    """DeleteLaunchTemplate; what was launched from it stays."""
    template = find_template(call.state, call.parameters)
    shown = head(call, template)
    del call.state.templates[template["LaunchTemplateId"]]
    call.state.forget(template["LaunchTemplateId"])
    return {"LaunchTemplate": shown}


OPERATIONS: dict[str, Operation] = {
    "CreateLaunchTemplate": create_launch_template,
    "DescribeLaunchTemplates": Listing[Template](
        member="LaunchTemplates",
        store=lambda call: call.state.templates,
        show=head,
        kind=TEMPLATE,
        named=lambda call: [_id_of(call.state, n) for n in call.get("LaunchTemplateNames", ())],
        limits=Limits(1, 200),
        filters="launch-template-name create-time",
    ),
    "DeleteLaunchTemplate": delete_launch_template,
}
