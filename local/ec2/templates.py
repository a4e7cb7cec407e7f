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
from local.ec2.filters import Fields, matching
from local.ec2.image_launches import image_id_of
from local.ec2.images import find_image
from local.ec2.paging import Limits, page
from local.ec2.quotas import MAX_TEMPLATES
from local.ec2.state import Answer, Call, State
from local.ec2.tags import tag_list, tag_specifications

PAGES = Limits(lowest=1, highest=200, default=200)
USER_DATA_BYTES = 16 * 1024
"""Raw, before base64. Source: EC2 user guide, "Work with instance user data"."""

_NAME = re.compile(r"[a-zA-Z0-9().\-/_]{3,128}")
_TAGGED_AT_LAUNCH = {"instance", "volume", "network-interface", "spot-instances-request"}
LONGEST_TOKEN = 128
"""Source: EC2 API reference, CreateLaunchTemplate and CreateLaunchTemplateVersion."""

Template = dict[str, Any]
Version = dict[str, Any]


def create_launch_template(call: Call) -> Answer:
    """CreateLaunchTemplate, once per client token."""
    return call.once(lambda: _create(call), longest=LONGEST_TOKEN)


def _create(call: Call) -> Answer:
    name, data = call.need("LaunchTemplateName"), call.need("LaunchTemplateData")
    if not _NAME.fullmatch(name):
        message = f"The name '{name}' needs 3 to 128 of: letters, digits, ( ) . - / _"
        raise Ec2Error("InvalidLaunchTemplateName.MalformedException", message)
    if any(t["LaunchTemplateName"] == name for t in call.state.templates.values()):
        raise Ec2Error(
            "InvalidLaunchTemplateName.AlreadyExistsException", "Launch template name already in use."
        )
    tags = tag_specifications(call.get("TagSpecifications", ()), {"launch-template"}).get(
        "launch-template", {}
    )
    call.state.quotas.check_count("launch-templates", call.state.templates, MAX_TEMPLATES)
    template = {
        "LaunchTemplateId": call.state.chance.id("lt"),
        "LaunchTemplateName": name,
        "CreateTime": call.now,
        "CreatedBy": f"arn:aws:iam::{call.state.account}:root",
        "Default": 1,
        "Next": 1,
        "Versions": {},
    }
    add_version(call, template, data)
    call.state.templates[template["LaunchTemplateId"]] = template
    call.state.appears_late(template["LaunchTemplateId"], call.state.timing.template_visibility)
    call.state.tags.put(template["LaunchTemplateId"], tags)
    return with_warnings(call, data, {"LaunchTemplate": head(call.state, template)})


def add_version(call: Call, template: Template, data: Mapping[str, Any]) -> Version:
    """Give *template* its next version, unless EC2 could not store *data*."""
    check_user_data(data.get("UserData", ""))
    image_id_of(call.state, call.region, data.get("ImageId", ""))
    tag_specifications(data.get("TagSpecifications", ()), _TAGGED_AT_LAUNCH)
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


def _warnings(call: Call, data: Mapping[str, Any]) -> list[dict[str, str]]:
    found = []
    if (image_id := data.get("ImageId")) and not image_id.startswith("resolve:ssm:"):
        try:
            find_image(call.state, call.region, image_id)
        except Ec2Error as error:
            found.append({"Code": error.code, "Message": error.message})
    absent = [
        group_id
        for group_id in group_ids(data)
        if group_id not in call.state.groups or not call.state.appears(group_id)
    ]
    code, message = "InvalidGroup.NotFound", "The security group '{}' does not exist"
    return found + [{"Code": code, "Message": message.format(group_id)} for group_id in absent]


def find_template(state: State, specification: Mapping[str, Any]) -> Template:
    """Return the template that *specification* names by id or name."""
    template_id, name = specification.get("LaunchTemplateId"), specification.get("LaunchTemplateName")
    if bool(template_id) == bool(name):
        raise Ec2Error(
            "InvalidLaunchTemplate", "Name a launch template by its id or by its name, one of them."
        )
    return _by_id(state, template_id) if template_id else _by_name(state, str(name))


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


def _by_id(state: State, template_id: str) -> Template:
    if not re.fullmatch(r"lt-[0-9a-f]{17}", template_id):
        raise Ec2Error("InvalidLaunchTemplateId.Malformed", f"Invalid launch template id '{template_id}'.")
    if template_id not in state.templates or not state.appears(template_id):
        message = f"The specified launch template, with template ID {template_id}, does not exist."
        raise Ec2Error("InvalidLaunchTemplateId.NotFound", message)
    return state.templates[template_id]


def _by_name(state: State, name: str) -> Template:
    for template in state.templates.values():
        if template["LaunchTemplateName"] == name and state.appears(template["LaunchTemplateId"]):
            return template
    message = f"The specified launch template, with template name {name}, does not exist."
    raise Ec2Error("InvalidLaunchTemplateName.NotFoundException", message)


def head(state: State, template: Template) -> dict[str, Any]:
    """Return what EC2 shows of a template beside its versions."""
    kept = ("LaunchTemplateId", "LaunchTemplateName", "CreateTime", "CreatedBy")
    tags = tag_list(state.tags.of(template["LaunchTemplateId"], state.agenda.now))
    return {k: template[k] for k in kept} | {
        "DefaultVersionNumber": template["Default"],
        "LatestVersionNumber": max(template["Versions"]),
        "Tags": tags,
    }


def describe_launch_templates(call: Call) -> Answer:
    """DescribeLaunchTemplates; one unknown id or name fails the call."""
    state = call.state
    named = [_by_id(state, i) for i in call.get("LaunchTemplateIds", ())]
    named += [_by_name(state, n) for n in call.get("LaunchTemplateNames", ())]
    fields: Fields[Template] = {
        "launch-template-name": lambda t: [t["LaunchTemplateName"]],
        "create-time": lambda t: [t["CreateTime"].isoformat()],
    }
    keep = matching(call.get("Filters", ()), fields, lambda t: state.tags.of(t["LaunchTemplateId"], call.now))
    visible = (t for i, t in state.templates.items() if state.appears(i))
    templates = sorted(named or visible, key=lambda t: str(t["LaunchTemplateId"]))
    found, token = page(
        templates, call.parameters, PAGES, key=lambda t: str(t["LaunchTemplateId"]), keep=keep
    )
    return {"LaunchTemplates": [head(state, t) for t in found], **token}


def delete_launch_template(call: Call) -> Answer:
    """DeleteLaunchTemplate; what was launched from it stays."""
    template = find_template(call.state, call.parameters)
    shown = head(call.state, template)
    del call.state.templates[template["LaunchTemplateId"]]
    call.state.tags.forget(template["LaunchTemplateId"])
    return {"LaunchTemplate": shown}


OPERATIONS = {
    "CreateLaunchTemplate": create_launch_template,
    "DescribeLaunchTemplates": describe_launch_templates,
    "DeleteLaunchTemplate": delete_launch_template,
}
