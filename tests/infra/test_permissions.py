"""Who may do what: read from the policies, because no embedded AWS judges their conditions."""

from __future__ import annotations

import re
from typing import Any

import pytest

from railyard.model import ownership
from tests.infra.synthesised import Synthesised

LAUNCH = {"ec2:CreateFleet", "ec2:RunInstances"}
END = {"ec2:TerminateInstances", "ec2:StopInstances", "ec2:DeleteFleets"}
READING = re.compile(r"ec2:Describe[A-Za-z]+")
ONLY_USED = {"subnet", "security-group", "key-pair", "spot-instances-request", "image", "snapshot"}
BORN_OURS = f"aws:RequestTag/{ownership.STACK}"
IS_OURS = f"aws:ResourceTag/{ownership.STACK}"


def test_no_action_is_a_wildcard(stack: Synthesised) -> None:
    actions = {action for _, statement in stack.all_statements() for action in statement["Action"]}
    assert actions
    assert not {action for action in actions if "*" in action}


def test_no_role_may_both_launch_and_end_machines(stack: Synthesised) -> None:
    rights = {role: allowed(stack.statements(role)) for role in stack.of("AWS::IAM::Role")}
    assert sum(bool(LAUNCH & each) for each in rights.values()) == 1
    assert sum(bool(END & each) for each in rights.values()) == 1
    assert not [role for role, each in rights.items() if LAUNCH & each and END & each]


def test_every_change_in_ec2_is_bound_to_our_tag(stack: Synthesised) -> None:
    """The exception: what a launch only uses, and a Spot request, which CreateFleet cannot tag."""
    for role, statement in stack.all_statements():
        changing = [action for action in statement["Action"] if is_change(action)]
        if not changing or statement["Effect"] == "Deny":
            continue
        if {kind(arn) for arn in statement["Resource"]} <= ONLY_USED:
            assert set(changing) == LAUNCH
            continue
        tags = statement["Condition"]["StringEquals"]
        assert "railyard" in (tags.get(BORN_OURS), tags.get(IS_OURS)), (role, statement)


def test_machines_volumes_and_interfaces_are_only_born_with_our_tag(stack: Synthesised) -> None:
    for kind_of in ("fleet", "instance", "volume", "network-interface"):
        (statement,) = (
            each
            for each in stack.statements_of("allocate_instances")
            if "ec2:CreateFleet" in each["Action"] and kind_of in map(kind, each["Resource"])
        )
        assert statement["Condition"]["StringEquals"] == {BORN_OURS: "railyard"}


def test_tags_are_written_at_birth_alone(stack: Synthesised) -> None:
    statements = stack.statements_of("allocate_instances")
    (tagging,) = (each for each in statements if each["Action"] == ["ec2:CreateTags"])
    at_birth = {"CreateFleet", "RunInstances", "CreateLaunchTemplate"}
    assert set(tagging["Condition"]["StringEquals"]["ec2:CreateAction"]) == at_birth
    (denied,) = (each for each in statements if each["Effect"] == "Deny")
    assert set(denied["Action"]) == {"ec2:CreateTags", "ec2:DeleteTags"}
    assert denied["Condition"] == {
        "Null": {"ec2:CreateAction": "true"},
        "ForAnyValue:StringLike": {"aws:TagKeys": ["railyard:*"]},
    }


def test_no_other_role_writes_tags(stack: Synthesised) -> None:
    taggers = {role for role, each in stack.all_statements() if "ec2:CreateTags" in each["Action"]}
    assert taggers == {stack.function("allocate_instances")["Role"]["Fn::GetAtt"][0]}


def test_the_reaper_ends_only_what_was_born_in_a_pool_of_this_stage(stack: Synthesised) -> None:
    (ending,) = (each for each in stack.statements_of("reap_instances") if END & set(each["Action"]))
    assert ending["Condition"] == {
        "StringEquals": {IS_OURS: "railyard"},
        "Null": {f"aws:ResourceTag/{ownership.POOL}": "false"},
    }


def test_only_the_allocator_passes_a_role_and_only_the_nodes_to_ec2(stack: Synthesised) -> None:
    ((role, statement),) = (
        (role, each) for role, each in stack.all_statements() if "iam:PassRole" in each["Action"]
    )
    assert role == stack.function("allocate_instances")["Role"]["Fn::GetAtt"][0]
    assert statement["Resource"] == [stack.template["Outputs"]["NodeRoleArn"]["Value"]]
    assert statement["Condition"] == {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}


def test_a_resource_is_everything_only_where_aws_knows_no_resources(stack: Synthesised) -> None:
    reading = {
        action
        for _, statement in stack.all_statements()
        if statement["Effect"] == "Allow" and "*" in statement["Resource"]
        for action in statement["Action"]
    }
    assert {each for each in reading if not READING.fullmatch(each)} == {
        "pricing:GetProducts",
        "dynamodb:ListStreams",
    }


def test_machines_may_report_and_nothing_else(stack: Synthesised) -> None:
    role = stack.template["Outputs"]["NodeRoleArn"]["Value"]["Fn::GetAtt"][0]
    assert [each["Action"] for each in stack.statements(role)] == [["sqs:SendMessage"]]
    trust = stack.of("AWS::IAM::Role")[role]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert [each["Principal"] for each in trust] == [{"Service": "ec2.amazonaws.com"}]


def test_reports_are_believed_from_the_role_of_the_machines(stack: Synthesised) -> None:
    role = stack.template["Outputs"]["NodeRoleArn"]["Value"]["Fn::GetAtt"][0]
    environment = stack.function("track_instances")["Environment"]["Variables"]
    assert environment["NODE_ROLE_ID"] == {"Fn::GetAtt": [role, "RoleId"]}


@pytest.mark.parametrize("name", ["allocate_instances", "keep_leases"])
def test_only_the_apis_role_is_believed_about_others(stack: Synthesised, name: str) -> None:
    role = stack.function("serve_api")["Role"]["Fn::GetAtt"][0]
    environment = stack.function(name)["Environment"]["Variables"]
    assert environment["API_ROLE_ID"] == {"Fn::GetAtt": [role, "RoleId"]}


def test_a_role_holds_all_its_rights_from_birth(stack: Synthesised) -> None:
    """A policy apart from its role would come to be later than the function that needs it."""
    assert stack.of("AWS::IAM::Policy") == {}
    assert stack.of("AWS::IAM::ManagedPolicy") == {}


@pytest.mark.parametrize("name", ["refresh_amis", "refresh_catalogue", "reap_instances"])
def test_a_schedule_may_invoke_exactly_its_function(stack: Synthesised, name: str) -> None:
    (target,) = (
        each["Target"]
        for each in stack.properties("AWS::Scheduler::Schedule")
        if each["Name"] == f"railyard-{name}"
    )
    (statement,) = stack.statements(target["RoleArn"]["Fn::GetAtt"][0])
    assert (statement["Action"], statement["Resource"]) == (["lambda:InvokeFunction"], [target["Arn"]])


def allowed(statements: list[dict[str, Any]]) -> set[str]:
    return {action for each in statements if each["Effect"] == "Allow" for action in each["Action"]}


def is_change(action: str) -> bool:
    return action.startswith("ec2:") and not READING.fullmatch(action)


def kind(arn: Any) -> str:
    """``instance`` of an ARN that ends in ``:instance/*``, joined or not."""
    text = arn["Fn::Join"][1][-1] if isinstance(arn, dict) else arn
    return str(text).rsplit(":", 1)[-1].removesuffix("/*")


CANARY = {"dynamodb:BatchGetItem", "ec2:DescribeInstanceStatus", "sqs:SendMessage"}


def test_refresh_amis_asks_for_machines_only_where_releases_are_tried(
    stack: Synthesised, other: Synthesised
) -> None:
    without, tries = (allowed(each.statements_of("refresh_amis")) for each in (stack, other))
    assert "sqs:SendMessage" not in without
    assert "ec2:DescribeInstanceStatus" not in without
    assert without >= {"dynamodb:BatchGetItem"}
    assert tries >= CANARY


def test_a_dry_run_may_start_nothing_but_the_smallest_types(stack: Synthesised, other: Synthesised) -> None:
    assert not LAUNCH & allowed(stack.statements_of("refresh_amis"))
    testing = [each for each in other.statements_of("refresh_amis") if "ec2:RunInstances" in each["Action"]]
    (instance,) = (each for each in testing if "instance" in map(kind, each["Resource"]))
    assert instance["Condition"] == {"StringEquals": {"ec2:InstanceType": ["t3.micro", "t4g.micro"]}}
    assert not END & allowed(other.statements_of("refresh_amis"))


COPYING = {"ec2:CopyImage", "ec2:CreateTags", "ec2:DeregisterImage", "ec2:DeleteSnapshot"}


def test_images_are_copied_and_taken_away_only_where_that_was_asked_for_and_only_ours(
    stack: Synthesised, other: Synthesised
) -> None:
    assert not COPYING & allowed(stack.statements_of("refresh_amis"))
    found = {
        action: each
        for each in other.statements_of("refresh_amis")
        for action in each["Action"]
        if action in COPYING
    }
    assert {action: set(map(kind, each["Resource"])) for action, each in found.items()} == {
        "ec2:CopyImage": {"image", "snapshot"},
        "ec2:CreateTags": {"image", "snapshot"},
        "ec2:DeregisterImage": {"image"},
        "ec2:DeleteSnapshot": {"snapshot"},
    }
    born_ours = {"ec2:CreateAction": "CopyImage", BORN_OURS: "yard-two"}
    assert found["ec2:CreateTags"]["Condition"] == {"StringEquals": born_ours}
    for action in ("ec2:DeregisterImage", "ec2:DeleteSnapshot"):
        assert found[action]["Condition"] == {
            "StringEquals": {IS_OURS: "yard-two"},
            "Null": {"aws:ResourceTag/railyard:copy-of": "false"},
        }


def test_machines_launch_from_the_account_s_own_images_too(stack: Synthesised) -> None:
    """The ARNs of images and snapshots name no account, whoever owns them."""
    arns = [
        "".join(part if isinstance(part, str) else "*" for part in arn["Fn::Join"][1])
        for each in stack.statements_of("allocate_instances")
        if "ec2:CreateFleet" in each["Action"]
        for arn in each["Resource"]
        if kind(arn) in ("image", "snapshot")
    ]
    assert sorted(arn.removeprefix("arn:*:ec2:") for arn in arns) == ["*::image/*", "*::snapshot/*"]


def test_the_api_may_wake_refresh_amis_alone(stack: Synthesised) -> None:
    (waking,) = (
        each for each in stack.statements_of("serve_api") if each["Action"] == ["lambda:InvokeFunction"]
    )
    (target,) = waking["Resource"]
    function = stack.template["Resources"][target["Fn::GetAtt"][0]]["Properties"]
    assert function["Handler"] == "refresh_amis.handler.handler"
