"""Bodies have the fields of the contract, and one id stands for one body."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta, timezone
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from railyard.model.answers import stamp
from railyard.model.reasons import RETRYABLE, Code, Reason
from railyard.model.requests import Request
from railyard.wire.refusals import refusal
from tests.builders import NOW, a_message, a_request, fulfilled

REASON = Reason(code=Code.RESOURCES_EXHAUSTED, message="no type offers 900 vCPUs")
HEAD = {"version", "id", "event", "action", "request_id", "epoch", "at", "pool", "labels"}
ALLOCATION = {
    "index": int,
    "instance_id": str,
    "instance_type": str,
    "availability_zone": str,
    "market": str,
    "private_ip": str,
    "private_dns_name": str,
    "image_id": str,
    "usd_per_hour": float,
    "launched_at": str,
    "ends_at": str,
    "vcpus": int,
    "memory_mib": int,
    "disk_gib": int,
    "gpus": int,
}


def said(request: Request) -> dict[str, Any]:
    (body,) = request.outbox
    return json.loads(body)  # type: ignore[no-any-return]


def test_a_positive_answer_has_the_fields_of_the_contract_and_no_others() -> None:
    body = said(fulfilled())
    assert set(body) == HEAD | {"lease_until", "warnings", "allocations"}
    assert (body["id"], body["event"], body["action"]) == ("ci-1#1#fulfilled", "fulfilled", "allocate")
    assert (body["version"], body["request_id"], body["epoch"], body["pool"]) == (1, "ci-1", 1, "default")
    (share,) = body["allocations"]
    assert {name: type(value) for name, value in share.items()} == ALLOCATION
    assert (share["usd_per_hour"], share["vcpus"], share["ends_at"]) == (0.2, 2, "2026-11-27T12:00:00Z")


def test_a_refusal_has_the_fields_of_the_contract_and_no_others() -> None:
    body = said(a_request("ci-2").refused(REASON, NOW))
    assert set(body) == HEAD | {"warnings", "reason"}
    assert (body["id"], body["event"], body["epoch"]) == ("ci-2#0#refused", "refused", 0)
    assert body["reason"] == {
        "code": "resources_exhausted",
        "message": "no type offers 900 vCPUs",
        "path": None,
        "retryable": False,
        "tried": [],
    }


def test_labels_and_warnings_come_back_as_they_were() -> None:
    body = said(
        a_request(labels={"branch": "größe"}, warnings=("unknown field ignored: x",)).refused(REASON, NOW)
    )
    assert body["labels"] == {"branch": "größe"}
    assert body["warnings"] == ["unknown field ignored: x"]


def test_trouble_names_the_shares_the_machine_and_the_moment() -> None:
    body = said(
        fulfilled().warned(NOW, "i-0000000000000001", NOW + timedelta(minutes=2), "spot interruption")
    )
    assert set(body) == HEAD | {"indexes", "instance_id", "action_at", "message"}
    assert (body["indexes"], body["action_at"]) == ([0], "2026-11-20T12:02:00Z")


def test_the_contract_says_which_codes_may_pass_by_themselves() -> None:
    assert {code.value for code in RETRYABLE} == {
        "image_unavailable",
        "insufficient_capacity",
        "quota",
        "budget",
        "pool_limit",
        "requester_quota",
        "paused",
        "timed_out",
    }


def test_times_are_utc_in_whole_seconds() -> None:
    there = (NOW + timedelta(microseconds=999_999)).astimezone(timezone(timedelta(hours=2)))
    assert stamp(there) == "2026-11-20T12:00:00Z"


LATER = NOW + timedelta(hours=1)
WORDS: tuple[Callable[[Request], Request], ...] = (
    lambda r: r.again(),
    lambda r: r.renewed(LATER, NOW, acknowledge=True),
    lambda r: r.renewed(LATER, NOW, acknowledge=False),
    lambda r: r.warned(NOW, "i-0000000000000001", LATER, "spot interruption"),
    lambda r: r.released(NOW, frozenset()),
)


@given(moves=st.lists(st.sampled_from(WORDS), max_size=10))
def test_equal_ids_are_equal_bodies_and_equal_bodies_equal_ids(
    moves: list[Callable[[Request], Request]],
) -> None:
    request = fulfilled()
    bodies = {request.outbox[0]}
    for move in moves:
        request = move(request)
        if request.told == request.sequence:
            bodies.add(request.outbox[0])
    bodies.add(request.released(NOW, frozenset({0})).outbox[0])
    assert len({json.loads(body)["id"] for body in bodies}) == len(bodies)


def test_refusals_of_messages_that_could_not_be_read_each_have_an_id_of_their_own() -> None:
    fields = {"request_id": "ci-1"}
    first, second = (refusal(a_message("{}", f"m-{n}"), fields, "ci", REASON, NOW) for n in (1, 2))
    assert said(first)["request_id"] == said(second)["request_id"] == "ci-1"
    assert len({said(first)["id"], said(second)["id"], "ci-1#0#refused"}) == 3


def test_a_replacement_has_another_id_than_the_first_answer() -> None:
    held = fulfilled()
    assert said(held.fulfilled(NOW))["id"] == "ci-1#2#fulfilled"
