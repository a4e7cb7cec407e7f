"""What wakes track_instances, and whom it believes."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from railyard.errors import InvalidRequest
from tests.builders import NOW, a_message
from track_instances.signals import Signal, read_event, read_report

INSTANCE = "i-1234567890abcdef0"
NODE_ROLE = "AROANODE"


def an_event(kind: str, **detail: Any) -> str:
    """An event of EC2 as EventBridge delivers it. Form: EC2 user guide (2023)."""
    return json.dumps(
        {
            "version": "0",
            "id": "12345678-1234-1234-1234-123456789012",
            "detail-type": kind,
            "source": "aws.ec2",
            "account": "123456789012",
            "time": "2026-11-20T09:00:00Z",
            "region": "us-east-1",
            "resources": [f"arn:aws:ec2:us-east-1:123456789012:instance/{INSTANCE}"],
            "detail": {"instance-id": INSTANCE} | detail,
        }
    )


def a_report(**changes: Any) -> str:
    base = {"version": 1, "instance_id": INSTANCE, "boot_id": "b-1", "sequence": 1, "busy": True}
    return json.dumps(base | changes)


def test_a_state_change_points_at_its_instance_and_is_not_believed_otherwise() -> None:
    message = a_message(an_event("EC2 Instance State-change Notification", state="terminated"))
    assert read_event(message) == (Signal(instance_id=INSTANCE),)


def test_a_spot_warning_names_the_moment_two_minutes_after_it_was_sent() -> None:
    (signal,) = read_event(a_message(an_event("EC2 Spot Instance Interruption Warning")))
    assert signal.warned_for == NOW + timedelta(minutes=2)
    assert signal.why == "spot interruption"


def test_a_rebalance_recommendation_is_a_warning_too() -> None:
    (signal,) = read_event(a_message(an_event("EC2 Instance Rebalance Recommendation")))
    assert (signal.warned_for, signal.why) == (NOW, "rebalance recommendation")


def test_a_pointer_of_the_reaper_names_many() -> None:
    found = read_event(a_message('{"instances": ["i-1", "i-2"]}'))
    assert found == (Signal(instance_id="i-1"), Signal(instance_id="i-2"))


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "{}",
        '{"detail": null}',
        '{"detail": "i-1"}',
        '{"detail": {"instance-id": 7}}',
        '{"instances": 7}',
        '{"instances": null}',
        '{"instances": "i-1"}',
        '{"instances": [7]}',
    ],
)
def test_what_points_nowhere_is_invalid(body: str) -> None:
    with pytest.raises(InvalidRequest):
        read_event(a_message(body))


def test_a_node_speaks_for_itself() -> None:
    message = a_message(a_report(), sender=f"{NODE_ROLE}:{INSTANCE}")
    assert read_report(message, NODE_ROLE) == Signal(instance_id=INSTANCE, reported=True)


@pytest.mark.parametrize(
    "sender",
    [f"{NODE_ROLE}:i-other", f"AROAOTHER:{INSTANCE}", NODE_ROLE, INSTANCE, "", f"{NODE_ROLE}:{INSTANCE}:x"],
)
def test_a_node_speaks_for_nobody_else(sender: str) -> None:
    with pytest.raises(InvalidRequest):
        read_report(a_message(a_report(), sender=sender), NODE_ROLE)


def test_without_a_node_role_no_report_is_believed() -> None:
    with pytest.raises(InvalidRequest):
        read_report(a_message(a_report(), sender=f":{INSTANCE}"), "")


@pytest.mark.parametrize("wrong", [{"sequence": "1"}, {"instance_id": None}, {"boot_id": 1}, {"version": []}])
def test_a_malformed_report_is_invalid(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        read_report(a_message(a_report(**wrong), sender=f"{NODE_ROLE}:{INSTANCE}"), NODE_ROLE)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.just("instance-id"), inner),
    max_leaves=4,
)


@given(fields=st.dictionaries(st.sampled_from(["instances", "detail", "detail-type"]), VALUES))
def test_whatever_arrives_is_signals_or_invalid(fields: dict[str, Any]) -> None:
    try:
        found = read_event(a_message(json.dumps(fields)))
    except InvalidRequest:
        return
    assert all(isinstance(signal.instance_id, str) for signal in found)
