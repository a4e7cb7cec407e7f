"""Every legal move of a request: a new sequence, the right state, and something said exactly when it must be."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from railyard.model.allocations import allocation
from railyard.model.reasons import Code, Reason
from railyard.model.requests import KEEP_ENDED, Request, RequestState
from tests.builders import NOW, a_request, a_tenant, an_instance, fulfilled, reserved

REASON = Reason(code=Code.BUDGET, message="no dollars left")


def with_ready(count: int, ready: int, **changes: Any) -> Request:
    """A request for *count* shares, all in a launch, of which *ready* run, each on a machine of its own."""
    request = reserved(a_request(count=count, **{"minimum_count": count} | changes))
    request = request.bound({index: f"i-{index}" for index in range(count)})
    machines = [an_instance(f"i-{index}", a_tenant("ci-1", index)) for index in range(ready)]
    return request.ready({m.tenants[0].index: allocation(m, m.tenants[0]) for m in machines})


def running(count: int) -> Request:
    """A request that was FULFILLED with *count* shares."""
    return with_ready(count, count).fulfilled(NOW)


Move = Callable[[Request], Request]
SILENT: dict[str, Move] = {
    "reserved": lambda r: r.reserved("l-2", frozenset({0})),
    "bound": lambda r: r.bound({0: "i-9"}),
    "unplaced": lambda r: r.unplaced(frozenset({0})),
    "obstructed": lambda r: r.obstructed(REASON),
    "renewed": lambda r: r.renewed(NOW + timedelta(hours=1), NOW, acknowledge=False),
}
SPOKEN: dict[str, tuple[Move, str]] = {
    "fulfilled": (lambda r: r.fulfilled(NOW), "fulfilled"),
    "refused": (lambda r: r.refused(REASON, NOW), "refused"),
    "timed_out": (lambda r: r.timed_out(NOW), "timed_out"),
    "cancelled": (lambda r: r.cancelled(NOW), "cancelled"),
    "expired": (lambda r: r.expired(NOW), "expired"),
    "released": (lambda r: r.released(NOW, frozenset({0})), "released"),
    "lost": (lambda r: r.lost(NOW, "i-0", "died"), "lost"),
    "warned": (lambda r: r.warned(NOW, "i-0", NOW, "spot"), "warned"),
    "renewed": (lambda r: r.renewed(NOW + timedelta(hours=1), NOW, acknowledge=True), "renewed"),
    "again": (lambda r: r.again(), "fulfilled"),
}


@pytest.mark.parametrize("name", SILENT)
def test_a_silent_move_gets_a_sequence_and_publishes_nothing(name: str) -> None:
    before = running(2)
    after = SILENT[name](before)
    assert after.sequence > before.sequence
    assert after.told != after.sequence


@pytest.mark.parametrize("name", SPOKEN)
def test_a_spoken_move_publishes_one_word_with_the_write_that_decided_it(name: str) -> None:
    before = running(2)
    move, event = SPOKEN[name]
    after = move(before)
    assert after.sequence > before.sequence
    assert after.told == after.sequence
    (body,) = after.outbox
    assert json.loads(body)["event"] == event


@given(
    moves=st.lists(st.sampled_from([*SILENT.values(), *(move for move, _ in SPOKEN.values())]), max_size=12)
)
def test_the_sequence_only_rises_and_nothing_is_told_ahead_of_it(moves: list[Move]) -> None:
    request = running(3)
    for move in moves:
        if not request.shares:
            break
        after = move(request)
        assert after.sequence > request.sequence
        assert after.told <= after.sequence
        request = after


def test_a_request_is_reserved_when_every_share_has_a_launch() -> None:
    half = a_request(count=2).reserved("l-1", frozenset({1}))
    assert (half.state, half.placed) == (RequestState.REQUESTED, 1)
    whole = half.reserved("l-2", frozenset({0}))
    assert (whole.state, whole.placed, whole.attempt) == (RequestState.RESERVED, 2, 2)
    assert [share.launch_id for share in whole.shares] == ["l-2", "l-1"]


def test_a_share_seated_on_a_running_machine_is_placed_and_ready_at_once() -> None:
    machine = an_instance("i-1", a_tenant())
    seated = a_request().seated(allocation(machine, machine.tenants[0]), "l-1")
    assert (seated.state, seated.placed, seated.complete) == (RequestState.RESERVED, 1, True)


def test_a_share_whose_launch_came_to_nothing_waits_again() -> None:
    again = with_ready(2, 1).unplaced(frozenset({1}), REASON)
    assert (again.state, again.placed, again.obstacle) == (RequestState.REQUESTED, 1, REASON)
    assert again.shares[0].allocation
    assert not again.shares[1].instance_id


@pytest.mark.parametrize(
    ("ready", "minimum", "coming", "obstacle", "complete"),
    [
        (3, 3, 0, None, True),
        (2, 3, 0, REASON, False),
        (2, 2, 1, REASON, False),
        (2, 2, 0, None, False),
        (2, 2, 0, REASON, True),
        (1, 2, 0, REASON, False),
    ],
)
def test_a_request_is_complete_with_all_it_asked_or_enough_and_nothing_more_to_come(
    ready: int, minimum: int, coming: int, obstacle: Reason | None, complete: bool
) -> None:
    request = with_ready(3, ready, minimum_count=minimum)
    nowhere = frozenset(range(ready + coming, 3))
    request = request.unplaced(nowhere) if nowhere else request
    request = request.obstructed(obstacle) if obstacle else request
    assert request.complete is complete


def test_a_fulfilled_request_keeps_what_runs_and_its_lease_begins() -> None:
    done = with_ready(3, 2, minimum_count=2).fulfilled(NOW)
    assert (done.state, done.epoch, len(done.shares)) == (RequestState.FULFILLED, 1, 2)
    assert done.lease_until == NOW + timedelta(seconds=900)
    assert (done.leased, done.waiting, done.obstacle) == ("default", None, None)
    assert done.answer == done.outbox[0]


def test_the_answer_comes_again_byte_for_byte() -> None:
    done = running(1)
    later = done.renewed(NOW + timedelta(hours=1), NOW, acknowledge=True).again()
    assert later.outbox == done.outbox


def test_what_has_no_answer_yet_has_nothing_to_repeat() -> None:
    request = a_request()
    assert request.again() is request


def test_a_renewal_never_shortens_a_lease() -> None:
    held = running(1)
    assert held.renewed(NOW, NOW, acknowledge=False).lease_until == held.lease_until


def test_shares_are_released_in_parts_and_the_last_one_ends_the_request() -> None:
    first = running(3).released(NOW, frozenset({0, 2}))
    assert (first.state, [s.index for s in first.shares]) == (RequestState.FULFILLED, [1])
    assert json.loads(first.outbox[0])["indexes"] == [0, 2]
    last = first.released(NOW, frozenset({1}))
    assert (last.state, last.shares, last.leased) == (RequestState.RELEASED, (), None)
    assert last.expires == int((NOW + KEEP_ENDED).timestamp())


def test_shares_are_lost_with_their_machine_and_the_last_one_ends_the_request() -> None:
    first = running(2).lost(NOW, "i-1", "died")
    assert (first.state, [s.index for s in first.shares]) == (RequestState.FULFILLED, [0])
    said = json.loads(first.outbox[0])
    assert (said["indexes"], said["instance_id"]) == ([1], "i-1")
    assert first.lost(NOW, "i-0", "died").state is RequestState.LOST


@pytest.mark.parametrize("end", ["refused", "timed_out", "cancelled", "expired"])
def test_an_ended_request_is_in_no_index_and_holds_nothing(end: str) -> None:
    ended = SPOKEN[end][0](fulfilled())
    assert (ended.shares, ended.waiting, ended.leased, ended.lease_until) == ((), None, None, None)
    assert not ended.unanswered
    assert ended.placed == 0


def test_a_timeout_names_what_stood_in_the_way_last() -> None:
    said = json.loads(a_request().obstructed(REASON).timed_out(NOW).outbox[0])
    assert (said["event"], said["reason"]["code"]) == ("timed_out", "budget")
    assert json.loads(a_request().timed_out(NOW).outbox[0])["reason"]["code"] == "timed_out"


def test_no_lease_goes_beyond_the_first_of_its_machines() -> None:
    request = with_ready(2, 2)
    first, second = request.shares
    assert first.allocation
    assert second.allocation
    assert request.ends_at == min(first.allocation.ends_at, second.allocation.ends_at)
    assert a_request().ends_at is None
