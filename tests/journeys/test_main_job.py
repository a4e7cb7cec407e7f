"""The main job, from a recorded Flatcar feed to a machine that is used and taken back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.journeys.conftest import Yard

REAL_US_EAST_1 = "ami-0604fd4b5a31a9e9f"
"""Flatcar stable 3510.2.8, amd64, us-east-1, as its feed said in September 2023."""


def test_the_feed_becomes_parameters_that_ec2_can_launch_in_every_region(yard: Yard) -> None:
    for region in ("us-east-1", "eu-central-1", "ap-southeast-3"):
        ssm, ec2 = yard.world.client("ssm", region), yard.world.client("ec2", region)
        for architecture in ("amd64", "arm64"):
            image = ssm.get_parameter(Name=f"/railyard/flatcar/stable/{architecture}/image")["Parameter"][
                "Value"
            ]
            release = ssm.get_parameter(Name=f"/railyard/flatcar/stable/{architecture}/release")["Parameter"][
                "Value"
            ]
            assert json.loads(release)["version"] == "3510.2.8"
            assert ec2.describe_images(ImageIds=[image])["Images"][0]["State"] == "available"
    value = yard.world.client("ssm").get_parameter(Name="/railyard/flatcar/stable/amd64/image")["Parameter"][
        "Value"
    ]
    assert value == REAL_US_EAST_1


def test_a_request_becomes_a_machine_on_that_image_and_ends_when_released(yard: Yard) -> None:
    request_id = yard.ask()
    yard.pass_time(60)
    (answer,) = yard.answers(request_id)
    (share,) = answer["allocations"]
    found = yard.world.client("ec2").describe_instances(InstanceIds=[share["instance_id"]])
    instance = found["Reservations"][0]["Instances"][0]
    assert (instance["ImageId"], instance["State"]["Name"]) == (REAL_US_EAST_1, "running")
    assert instance["PrivateIpAddress"] == share["private_ip"]
    yard.lease("release", request_id)
    yard.pass_time(10)
    yard.pass_time(900)
    assert yard.events(request_id) == ["fulfilled", "released"]
    assert share["instance_id"] not in yard.alive()


def test_a_lease_that_is_renewed_lives_and_one_that_is_not_lapses(yard: Yard) -> None:
    kept, forgotten = yard.ask(lease_seconds=300), yard.ask(lease_seconds=300)
    yard.pass_time(60)
    for _ in range(4):
        yard.lease("renew", kept, acknowledge=True)
        yard.pass_time(120)
    assert yard.events(kept) == ["fulfilled", "renewed", "renewed", "renewed", "renewed"]
    assert yard.events(forgotten) == ["fulfilled", "expired"]


def test_every_kind_of_nonsense_gets_its_code_and_leaves_the_rest_alone(yard: Yard) -> None:
    before = yard.alive()
    yard.send("RequestQueueUrl", "{")
    yard.send("RequestQueueUrl", {"version": 2})
    yard.send("RequestQueueUrl", {"version": 1, "action": "dance"})
    yard.ask("n-range", requirements={"vcpus": 0, "memory_mib": 4096})
    yard.ask("n-type", requirements={"vcpus": "two", "memory_mib": 4096})
    yard.ask("n-extra", requirements={"vcpus": 2, "memory_mib": 4096, "colour": "red"})
    yard.ask("n-pool", pool="nowhere")
    yard.ask("n-reply", reply_to="somebody-else")
    yard.lease("renew", "never-heard-of")
    yard.send("LeaseQueueUrl", "[]")
    yard.pass_time(30)
    found = sorted((a["event"], a["reason"]["code"], a["reason"]["path"] or "") for a in yard.heard)
    assert found == [
        ("refused", "invalid_request", ""),
        ("refused", "invalid_request", "requirements"),
        ("refused", "invalid_request", "requirements.vcpus"),
        ("refused", "invalid_request", "requirements.vcpus"),
        ("refused", "not_allowed", "reply_to"),
        ("refused", "unknown_pool", "pool"),
        ("refused", "unsupported_action", "action"),
        ("refused", "unsupported_version", "version"),
        ("release_refused", "invalid_request", ""),
        ("renew_refused", "unknown_request", "request_id"),
    ]
    assert yard.alive() == before
    depths = yard.world.status()["queues"]
    assert [name for name, depth in depths.items() if name.endswith("-dead") and any(depth.values())] == []


@pytest.mark.parametrize(
    "error", ["KillWorkerBefore", "KillWorkerAfter", "LostResponse", "RequestLimitExceeded"]
)
def test_trouble_around_create_fleet_ends_in_one_machine_and_one_answer(yard: Yard, error: str) -> None:
    yard.fault(error)
    request_id = yard.ask(timeout_seconds=3600, lease_seconds=7200)
    yard.pass_time(400)
    assert yard.events(request_id) == ["fulfilled"]
    assert len(yard.alive()) == 1
    yard.pass_time(600)  # the message of a killed worker comes back: nothing more may happen
    assert set(yard.events(request_id)) == {"fulfilled"}
    assert len({json.dumps(answer) for answer in yard.answers(request_id)}) == 1
    assert len(yard.alive()) == 1


def test_a_spot_interruption_is_told_before_and_after(yard: Yard) -> None:
    request_id = yard.ask(market="spot")
    yard.pass_time(60)
    machine = yard.answers(request_id)[0]["allocations"][0]["instance_id"]
    yard.world.ec2.interrupt(machine)
    yard.pass_time(30)
    yard.pass_time(240)
    assert yard.events(request_id) == ["fulfilled", "warned", "lost"]


def test_lost_events_cost_a_minute_and_nothing_else(yard: Yard) -> None:
    """The first report of the machine never arrives: the reaper's listing points track_instances to it."""
    rule = next(
        r for r in yard.world.client("events").list_rules()["Rules"] if "State-change" in r["EventPattern"]
    )
    yard.world.client("events").disable_rule(Name=rule["Name"])
    try:
        request_id = yard.ask()
        yard.pass_time(150)
        assert yard.events(request_id) == ["fulfilled"]
    finally:
        yard.world.client("events").enable_rule(Name=rule["Name"])


def test_the_api_shows_what_happens_and_takes_requests(yard: Yard) -> None:
    request_id = yard.ask()
    yard.pass_time(60)
    status, shown = yard.api("GET", f"/allocations/{request_id}")
    assert (status, shown["state"], shown["answer"]["event"]) == (200, "FULFILLED", "fulfilled")
    status, pools = yard.api("GET", "/pools")
    assert (status, pools["items"][0]["name"], pools["items"][0]["in_use"]["instances"]) == (
        200,
        "default",
        1,
    )
    status, accepted = yard.api(
        "POST", "/allocations", {"version": 1, "action": "allocate", "request_id": "by-api"}
    )
    assert (status, accepted["request_id"]) == (202, "by-api")
    assert yard.api("PUT", "/resources/ebs_volume/x")[0] == 501
    assert yard.api("GET", "/nothing")[0] == 404
    yard.pass_time(10)
    assert [a["reason"]["path"] for a in yard.answers("by-api")] == [None]


HELD = {
    "missing": ("feed", "feed_missing"),
    "truncated": ("feed", "bad_signature"),
    "html": ("feed", "version_missing"),
    "unsigned": ("feed", "feed_missing"),
    "foreign_key": ("feed", "bad_signature"),
    "other_bytes": ("feed", "bad_signature"),
    "older": ("older", "3510.2.6 is older than 3510.2.8"),
}
"""What a feed may do, and why its lines are held then; the older one is signed as well as any."""


def refreshed(yard: Yard) -> dict[str, Any]:
    lines: dict[str, Any] = yard.world.invoke("refresh_amis")["lines"]
    return lines


def test_a_broken_feed_holds_the_last_good_release_and_says_why(yard: Yard) -> None:
    for variant, (reason, detail) in HELD.items():
        yard.world.feed.set(variant)
        for line in refreshed(yard).values():
            assert line["reason"] == reason, variant
            assert detail in line["detail"], variant
    yard.world.feed.set("current")
    assert {line["result"] for line in refreshed(yard).values()} == {"unchanged"}
    value = yard.world.client("ssm").get_parameter(Name="/railyard/flatcar/stable/amd64/image")["Parameter"][
        "Value"
    ]
    assert value == REAL_US_EAST_1


def test_the_signature_was_checked_by_the_key_that_the_operator_gave(yard: Yard) -> None:
    release = yard.world.client("ssm").get_parameter(Name="/railyard/flatcar/stable/amd64/release")
    said = json.loads(release["Parameter"]["Value"])
    assert (said["signature"], len(said["signer"])) == ("verified", 40)
    assert said["signer"] != yard.world.feed.publisher.fingerprint, "a subkey signs"
    assert said["url"].startswith(f"{yard.world.front_url}/feed/stable/")


def test_two_feeds_that_have_not_changed_cost_two_requests_and_no_look_at_images(yard: Yard) -> None:
    refreshed(yard)
    requests, calls = yard.world.feed.requests, len(yard.world.calls())
    assert {line["result"] for line in refreshed(yard).values()} == {"unchanged"}
    assert yard.world.feed.requests - requests == 2
    assert {call.operation for call in yard.world.calls()[calls:]} <= {"BatchGetItem", "DescribeRegions"}


def test_the_one_line_form_is_read_when_the_other_is_gone(yard: Yard) -> None:
    yard.world.feed.set("text_only")
    try:
        for line in refreshed(yard).values():
            assert (line["result"], line["signature"]) == ("unchanged", "verified")
    finally:
        yard.world.feed.set("current")


def test_an_image_that_ec2_does_not_show_holds_the_line_with_its_region(yard: Yard) -> None:
    images = yard.world.ec2.call("eu-west-1", "DescribeImages", {})["Images"]
    amd64 = next(i for i in images if i["Name"] == "Flatcar-stable-3510.2.8-hvm")
    yard.world.ec2.remove_image("eu-west-1", amd64["ImageId"])
    yard.world.feed.set("text_only")  # another file than the last one is read whole
    try:
        line = refreshed(yard)["stable#amd64"]
        assert (line["result"], line["defects"]) == ("held", {"eu-west-1": ["missing"]})
    finally:
        yard.world.ec2.add_image("eu-west-1", amd64)
        yard.world.feed.set("current")


SAME = {
    "SendMessageBatch": {"sqs:SendMessage"},
    "SendMessage": {"sqs:SendMessage"},
    "Invoke": {"lambda:InvokeFunction"},
    "TransactWriteItems": {"dynamodb:PutItem"},
}
"""Operations whose permission has another name. Source: service authorization reference."""


def test_every_call_of_these_stories_is_one_that_the_caller_s_role_allows(yard: Yard) -> None:
    """The embedded AWS enforces no IAM, so what was called is held against the policies that are deployed."""
    request_id = yard.ask()
    yard.pass_time(60)
    yard.lease("release", request_id)
    yard.api("GET", f"/allocations/{request_id}")
    yard.pass_time(900)
    resources = yard.world.stack.assembly.template["Resources"]
    allowed = {}
    for each in resources.values():
        if each["Type"] != "AWS::Lambda::Function":
            continue
        role = resources[each["Properties"]["Role"]["Fn::GetAtt"][0]]["Properties"]
        statements = [
            s for p in role["Policies"] for s in p["PolicyDocument"]["Statement"] if s["Effect"] == "Allow"
        ]
        actions = {
            a for s in statements for a in ([s["Action"]] if isinstance(s["Action"], str) else s["Action"])
        }
        allowed[each["Properties"]["FunctionName"]] = actions
    calls = {(call.function, call.service, call.operation) for call in yard.world.calls()}
    assert {function for function, _, _ in calls} == set(allowed), "a function made no call in any story"
    denied = [
        (function, operation)
        for function, service, operation in sorted(calls)
        if not SAME.get(operation, {f"{service}:{operation}"}) <= allowed[function]
    ]
    assert denied == []
