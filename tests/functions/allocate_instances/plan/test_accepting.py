"""First contact: what a pool lets in, and what an id that is known already gets."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from allocate_instances.plan.accepting import accept
from allocate_instances.request import Asked
from railyard.model.pools import Limits, Pool
from railyard.model.reasons import Code
from railyard.model.requests import Need, Request, RequestState
from tests.builders import NOW, a_message, a_pool, a_request, fulfilled

MESSAGE = a_message("the body")
TIGHT = Limits(instances=3, pending_instances=3, usd_micros_per_hour=1, requester_instances=2)


def asking(
    *, lease: int | None = None, market: str | None = None, sharing: str | None = None, **of: Any
) -> Asked:
    request = replace(a_request(**of), waiting=None, shares=())
    return Asked(request=request, lease_seconds=lease, market=market, sharing=sharing)


def first(asked: Asked, pool: Pool | None) -> Request:
    change = accept(asked, MESSAGE, None, {pool.name: pool} if pool else {}, NOW)
    assert change is not None
    assert change[0] is None
    return change[1]


def refused(asked: Asked, pool: Pool | None) -> tuple[str, str | None]:
    """Return code and path of what *pool* says to *asked*."""
    request = first(asked, pool)
    assert request.state is RequestState.REFUSED
    reason = json.loads(request.answer or "")["reason"]
    return reason["code"], reason["path"]


def test_what_the_request_leaves_out_is_its_pools() -> None:
    pool = a_pool(markets=("spot", "on-demand"), sharing=("exclusive",), lease_default_seconds=120)
    request = first(asking(), pool)
    assert (request.market, request.sharing, request.lease_seconds) == ("spot", "exclusive", 120)
    assert (request.state, request.waiting, len(request.shares)) == (RequestState.REQUESTED, "default", 1)


def test_what_the_request_says_wins_up_to_the_pools_longest_lease() -> None:
    request = first(asking(lease=86_400, market="on-demand"), a_pool(lease_max_seconds=3_600))
    assert (request.lease_seconds, request.lease_max_seconds, request.market) == (3_600, 3_600, "on-demand")


@pytest.mark.parametrize(
    ("asked", "pool", "expected"),
    [
        (asking(), None, (Code.UNKNOWN_POOL, "pool")),
        (asking(), a_pool(requesters=("other",)), (Code.NOT_ALLOWED, "pool")),
        (replace(asking(), pools=("other",)), a_pool(), (Code.NOT_ALLOWED, "pool")),
        (asking(market="spot"), a_pool(markets=("on-demand",)), (Code.NOT_ALLOWED, "market")),
        (asking(sharing="pool"), a_pool(sharing=("requester",)), (Code.NOT_ALLOWED, "sharing")),
        (
            asking(need=Need(vcpus=1, memory_mib=128, architecture="arm64")),
            a_pool(architectures=("amd64",)),
            (Code.NOT_ALLOWED, "requirements.architecture"),
        ),
        (asking(reply_to="other"), a_pool(), (Code.NOT_ALLOWED, "reply_to")),
        (asking(count=4, minimum_count=4), a_pool(limits=TIGHT), (Code.POOL_LIMIT, "minimum_count")),
        (asking(count=3, minimum_count=3), a_pool(limits=TIGHT), (Code.REQUESTER_QUOTA, "minimum_count")),
        (asking(parameters={"job": "1"}), a_pool(), (Code.INVALID_REQUEST, "parameters")),
        (
            asking(sharing="exclusive", parameters={"job": "1"}),
            a_pool(),
            (Code.INVALID_REQUEST, "parameters.job"),
        ),
        (
            asking(sharing="exclusive", parameters={"job": "12\n"}),
            a_pool(parameters={"job": ("[0-9]+", False)}),
            (Code.INVALID_REQUEST, "parameters.job"),
        ),
        (
            asking(sharing="exclusive"),
            a_pool(parameters={"job": ("[0-9]+", True)}),
            (Code.INVALID_REQUEST, "parameters.job"),
        ),
    ],
    ids=lambda each: str(each) if isinstance(each, tuple) else "",
)
def test_what_a_pool_does_not_serve_is_refused_by_its_path(
    asked: Asked, pool: Pool | None, expected: tuple[Code, str]
) -> None:
    assert refused(asked, pool) == expected


def test_more_than_the_limit_is_asked_for_in_vain_only_if_the_minimum_is_above_it() -> None:
    assert first(asking(count=50, minimum_count=2), a_pool(limits=TIGHT)).unanswered


def test_a_matching_parameter_lets_the_request_in() -> None:
    pool = a_pool(parameters={"job": ("[0-9]+", True)})
    assert first(asking(sharing="exclusive", parameters={"job": "12"}), pool).unanswered


def test_any_architecture_is_served_by_a_pool_of_one() -> None:
    pool = a_pool(architectures=("arm64",))
    assert first(asking(need=Need(vcpus=1, memory_mib=128, architecture="any")), pool).unanswered


def test_a_request_that_comes_after_its_deadline_is_answered_at_once() -> None:
    late = first(asking(deadline=NOW), a_pool())
    assert (late.state, late.shares) == (RequestState.TIMED_OUT, ())
    assert first(asking(deadline=NOW + timedelta(seconds=1)), a_pool()).unanswered


def test_the_same_request_on_its_way_needs_no_word() -> None:
    known = a_request()
    assert accept(asking(), MESSAGE, known, {}, NOW) is None


def test_the_same_request_answered_gets_the_same_bytes_again() -> None:
    known = fulfilled()
    change = accept(asking(), MESSAGE, known, {}, NOW)
    assert change is not None
    before, after = change
    assert before is known
    assert after.outbox == (known.answer,)
    assert after == replace(known, sequence=after.sequence, outbox=after.outbox, told=after.sequence)


@pytest.mark.parametrize("changed", [{"content": "other"}, {"requester": "thief"}])
def test_another_request_under_a_known_id_is_a_conflict_and_learns_nothing(changed: dict[str, Any]) -> None:
    change = accept(asking(**changed), MESSAGE, fulfilled(), {"default": a_pool()}, NOW)
    assert change is not None
    before, after = change
    said = json.loads(after.answer or "")
    assert (before, after.request_id) == (None, "!m-1")
    assert (said["reason"]["code"], said["request_id"]) == ("request_id_conflict", "ci-1")
    assert "allocations" not in said


def test_the_tombstone_of_a_cancel_answers_the_request_that_comes_after_it() -> None:
    tombstone = replace(a_request(), content="", pool="").cancelled(NOW)
    change = accept(asking(), MESSAGE, tombstone, {"default": a_pool()}, NOW)
    assert change is not None
    assert change[1].state is RequestState.CANCELLED
    assert change[1].outbox == (tombstone.answer,)


def test_somebody_elses_tombstone_is_a_conflict() -> None:
    tombstone = replace(a_request(requester="other"), content="").cancelled(NOW)
    change = accept(asking(), MESSAGE, tombstone, {"default": a_pool()}, NOW)
    assert change is not None
    assert change[1].request_id == "!m-1"


def test_a_lease_that_was_cut_is_a_warning_in_the_answer() -> None:
    assert first(asking(lease=7200), a_pool(lease_max_seconds=3600)).warnings == (
        "lease_seconds cut to the pool's 3600",
    )
    assert first(asking(lease=600), a_pool()).warnings == ()
