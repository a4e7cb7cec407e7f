"""What a look at one machine changes: it became ready, it will be taken, it died."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from railyard.model.instances import RUNS, Instance, InstanceState, Sighting
from railyard.model.ledger import Commit
from railyard.model.requests import Request, RequestState
from tests.builders import NOW, a_request, a_sighting, a_tenant, an_instance, fulfilled, reserved
from track_instances.plan import track
from track_instances.signals import Signal

MACHINE = "i-0000000000000001"
POINTER = Signal(instance_id=MACHINE)
REPORT = Signal(instance_id=MACHINE, reported=True)
WARNING = Signal(instance_id=MACHINE, warned_for=NOW + timedelta(minutes=2), why="spot interruption")


def booting(*names: str, **changes: Any) -> Instance:
    state: dict[str, Any] = {"state": InstanceState.LAUNCHING, "ready_at": None, "private_ip": ""}
    return an_instance(MACHINE, *(a_tenant(name) for name in names), **state | changes)


def awaiting(name: str = "ci-1", **changes: Any) -> Request:
    """A request whose shares are in a launch, the first of them on the machine."""
    return reserved(a_request(name, **changes)).bound({0: MACHINE})


def followed(
    instance: Instance,
    *requests: Request,
    signal: Signal = POINTER,
    sighting: Sighting | None = None,
    agent: bool = False,
) -> Commit | None:
    shown = sighting or a_sighting(MACHINE)
    return track(replace(instance, agent=agent), shown, signal, {r.request_id: r for r in requests}, NOW)


def ended(commit: Commit | None) -> tuple[Instance, dict[str, Request]]:
    assert commit is not None
    return commit.instances[0][1], {after.request_id: after for _, after in commit.requests}


def test_a_machine_that_runs_is_ready_and_its_request_fulfilled() -> None:
    machine, requests = ended(followed(booting("ci-1"), awaiting()))
    answer = json.loads(requests["ci-1"].answer or "")
    assert (machine.state, machine.ready_at, machine.private_ip) == (InstanceState.READY, NOW, "10.0.0.1")
    assert (requests["ci-1"].state, requests["ci-1"].epoch) == (RequestState.FULFILLED, 1)
    assert answer["allocations"][0]["private_ip"] == "10.0.0.1"
    assert answer["lease_until"] == "2026-11-20T12:15:00Z"


def test_a_request_of_several_shares_waits_for_the_last() -> None:
    _, requests = ended(followed(booting("ci-1"), awaiting(count=2, minimum_count=2)))
    assert requests["ci-1"].state is RequestState.RESERVED
    assert [bool(share.allocation) for share in requests["ci-1"].shares] == [True, False]


def test_several_requests_on_one_machine_are_all_answered() -> None:
    _, requests = ended(followed(booting("ci-1", "ci-2"), awaiting("ci-1"), awaiting("ci-2")))
    assert {name: each.state for name, each in requests.items()} == dict.fromkeys(
        ("ci-1", "ci-2"), RequestState.FULFILLED
    )


def test_with_an_agent_only_the_nodes_own_report_makes_it_ready() -> None:
    assert followed(booting("ci-1"), awaiting(), agent=True) is None
    machine, _ = ended(followed(booting("ci-1"), awaiting(), agent=True, signal=REPORT))
    assert machine.state is InstanceState.READY


def test_a_report_does_not_make_a_machine_ready_that_ec2_shows_pending() -> None:
    shown = a_sighting(MACHINE, state="pending")
    assert followed(booting("ci-1"), awaiting(), sighting=shown, signal=REPORT) is None


def test_a_cancelled_request_gets_nothing_from_a_machine_that_became_ready() -> None:
    machine, requests = ended(followed(booting("ci-1"), awaiting().cancelled(NOW)))
    assert (machine.state, requests) == (InstanceState.READY, {})


@pytest.mark.parametrize("state", ["shutting-down", "terminated"])
def test_a_machine_that_died_at_birth_puts_its_request_back_in_line(state: str) -> None:
    machine, requests = ended(
        followed(booting("ci-1"), awaiting(), sighting=a_sighting(MACHINE, state=state))
    )
    assert (machine.state, machine.tenants) == (InstanceState.LOST, ())
    assert (requests["ci-1"].state, requests["ci-1"].placed) == (RequestState.REQUESTED, 0)
    assert requests["ci-1"].waiting == "default"


def test_a_machine_that_died_later_is_told_to_its_holder_with_ec2s_reason() -> None:
    shown = a_sighting(MACHINE, state="terminated", state_reason="Server.SpotInstanceTermination")
    _, requests = ended(followed(an_instance(MACHINE, a_tenant("ci-1")), fulfilled(), sighting=shown))
    (text,) = requests["ci-1"].outbox
    said = json.loads(text)
    assert (said["event"], said["indexes"], said["instance_id"]) == ("lost", [0], MACHINE)
    assert said["message"] == "Server.SpotInstanceTermination"
    assert requests["ci-1"].state is RequestState.LOST


def test_losing_one_of_two_machines_leaves_the_lease_of_the_other() -> None:
    one = fulfilled().shares[0]
    both = fulfilled(count=2, shares=(one, replace(one, index=1, instance_id="i-2")))
    shown = a_sighting(MACHINE, state="terminated")
    _, requests = ended(followed(an_instance(MACHINE, a_tenant("ci-1")), both, sighting=shown))
    assert (requests["ci-1"].state, [s.index for s in requests["ci-1"].shares]) == (
        RequestState.FULFILLED,
        [1],
    )


def test_a_warning_drains_the_machine_and_tells_the_holder_when_it_will_be_taken() -> None:
    machine, requests = ended(followed(an_instance(MACHINE, a_tenant("ci-1")), fulfilled(), signal=WARNING))
    said = json.loads(requests["ci-1"].outbox[0])
    assert (machine.state, len(machine.tenants)) == (InstanceState.DRAINING, 1)
    assert (said["event"], said["action_at"]) == ("warned", "2026-11-20T12:02:00Z")
    assert requests["ci-1"].state is RequestState.FULFILLED


def test_a_second_warning_says_nothing_new() -> None:
    draining = an_instance(MACHINE, a_tenant("ci-1"), state=InstanceState.DRAINING, reason=WARNING.why)
    assert followed(draining, fulfilled(), signal=WARNING) is None


def test_a_request_that_waits_for_a_machine_that_will_be_taken_waits_for_another() -> None:
    pending = a_sighting(MACHINE, state="pending")
    machine, requests = ended(followed(booting("ci-1"), awaiting(), signal=WARNING, sighting=pending))
    assert machine.state is InstanceState.DRAINING
    assert (requests["ci-1"].state, requests["ci-1"].placed) == (RequestState.REQUESTED, 0)
    assert machine.tenants == ()


def test_what_ec2_does_not_show_is_no_news() -> None:
    assert track(an_instance(MACHINE), None, POINTER, {}, NOW) is None


@pytest.mark.parametrize("state", sorted(set(InstanceState) - RUNS))
@pytest.mark.parametrize("shown", ["running", "terminated"])
def test_a_machine_that_others_have_taken_charge_of_is_left_to_them(state: InstanceState, shown: str) -> None:
    for signal in (POINTER, REPORT, WARNING):
        sighting = a_sighting(MACHINE, state=shown)
        assert followed(an_instance(MACHINE, state=state), signal=signal, sighting=sighting) is None


@given(
    signals=st.lists(st.sampled_from((POINTER, REPORT, WARNING)), min_size=1, max_size=6),
    shown=st.sampled_from(("pending", "running", "stopping", "shutting-down", "terminated")),
    state=st.sampled_from(sorted(InstanceState)),
    agent=st.booleans(),
)
def test_a_signal_that_comes_again_changes_nothing_more(
    signals: list[Signal], shown: str, state: InstanceState, *, agent: bool
) -> None:
    instance = booting("ci-1", state=state, agent=agent)
    requests = {"ci-1": awaiting()}
    sighting = a_sighting(MACHINE, state=shown)
    for signal in [*signals, *signals]:
        before = instance, dict(requests)
        change = track(instance, sighting, signal, requests, NOW)
        if change:
            instance = change.instances[0][1]
            requests |= {request.request_id: request for _, request in change.requests}
            assert (instance, requests) != before
    settled = instance, dict(requests)
    for signal in signals:
        assert track(*settled[:1], sighting, signal, requests, NOW) is None
    said = requests["ci-1"]
    assert said.epoch <= 1


def test_the_notice_of_the_end_is_told_even_after_a_recommendation() -> None:
    advice = Signal(instance_id=MACHINE, warned_for=NOW, why="rebalance recommendation")
    held = fulfilled(instance_id=MACHINE)
    first = track(an_instance(MACHINE, a_tenant("ci-1")), a_sighting(MACHINE), advice, {"ci-1": held}, NOW)
    assert first
    machine, request = first.instances[0][1], first.requests[0][1]
    second = track(machine, a_sighting(MACHINE), WARNING, {"ci-1": request}, NOW)
    assert second
    assert json.loads(second.requests[0][1].outbox[0])["message"] == "spot interruption"
    again = track(second.instances[0][1], a_sighting(MACHINE), advice, {"ci-1": second.requests[0][1]}, NOW)
    assert again is None
