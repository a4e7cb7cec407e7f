"""When a trial has proven a release, when it goes on, when it begins again, and when it ends."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from railyard.model.reasons import Code
from railyard.model.releases import Candidate, Release
from railyard.model.requests import RequestState
from refresh_amis.plan.trying import MACHINES, Proven, Trial, tried
from tests.builders import NOW
from tests.functions.refresh_amis.world import HOME

BAKE = timedelta(minutes=30)
RELEASE = Release(
    release="4593.2.5", images={HOME: "ami-1"}, source="feed", channel="stable", signature="", found_at=NOW
)
CANDIDATE = Candidate(release=RELEASE, since=NOW)
AGAIN = replace(CANDIDATE, attempt=2)


def after(trial: Trial | None, candidate: Candidate = CANDIDATE, **time: Any) -> Candidate | Proven:
    return tried(candidate, trial, image="ami-1", bake=BAKE, now=NOW + timedelta(**time))


def running(**changes: Any) -> Trial:
    base = Trial(state=RequestState.FULFILLED, image="ami-1", since=NOW, healthy=True)
    return replace(base, **changes)


def test_a_machine_that_is_healthy_for_the_bake_time_proves_the_release() -> None:
    assert after(running(), minutes=30) == Proven()
    assert after(running(), minutes=29) == CANDIDATE


@pytest.mark.parametrize(
    "trial",
    [
        None,
        Trial(state=RequestState.REQUESTED),
        Trial(state=RequestState.RESERVED),
        running(healthy=None),
        running(since=None),
    ],
    ids=["not asked yet", "waits", "launching", "checks not through", "not ready"],
)
def test_until_then_the_trial_goes_on(trial: Trial | None) -> None:
    assert after(trial, hours=9) == CANDIDATE


def test_a_machine_of_another_image_proves_nothing() -> None:
    assert after(running(image="ami-0"), minutes=40) == AGAIN


def test_an_impaired_machine_ends_the_trial() -> None:
    found = after(running(healthy=False, detail="impaired"))
    assert isinstance(found, Candidate)
    assert "impaired" in found.failed


@pytest.mark.parametrize("state", [RequestState.REFUSED, RequestState.TIMED_OUT])
@pytest.mark.parametrize(
    "code",
    [Code.INSUFFICIENT_CAPACITY, Code.QUOTA, Code.BUDGET, Code.POOL_LIMIT, Code.PAUSED, Code.TIMED_OUT],
)
def test_what_is_not_the_image_s_fault_begins_another_attempt(state: RequestState, code: Code) -> None:
    assert after(Trial(state=state, code=code)) == AGAIN


@pytest.mark.parametrize("state", [RequestState.REFUSED, RequestState.TIMED_OUT])
@pytest.mark.parametrize(
    "code", [Code.IMAGE_UNAVAILABLE, Code.LAUNCH_DENIED, Code.UNKNOWN_POOL, Code.NOT_ALLOWED, ""]
)
def test_an_image_that_cannot_be_launched_and_a_pool_that_says_no_end_the_trial(
    state: RequestState, code: str
) -> None:
    found = after(Trial(state=state, code=code, detail="why"))
    assert isinstance(found, Candidate)
    assert found.failed == f"{code}: why"


@pytest.mark.parametrize(
    "state", [RequestState.CANCELLED, RequestState.RELEASED, RequestState.EXPIRED], ids=str
)
def test_a_trial_that_somebody_ended_begins_again(state: RequestState) -> None:
    assert after(Trial(state=state)) == AGAIN


def test_machines_may_die_but_not_too_many() -> None:
    found: Candidate | Proven = CANDIDATE
    for died in range(1, MACHINES):
        assert isinstance(found, Candidate)
        found = after(Trial(state=RequestState.LOST), found)
        assert found == replace(CANDIDATE, attempt=died + 1, lost=died)
    assert isinstance(found, Candidate)
    found = after(Trial(state=RequestState.LOST), found)
    assert isinstance(found, Candidate)
    assert found.failed.startswith("3 machines died")


def test_a_failed_candidate_stays_failed_whatever_its_machine_does() -> None:
    failed = replace(CANDIDATE, failed="impaired")
    assert after(running(), failed, hours=2) == failed


def test_each_attempt_and_each_trial_asks_under_an_id_of_its_own() -> None:
    ids = {
        each.request_id("stable#arm64")
        for each in (CANDIDATE, AGAIN, replace(CANDIDATE, since=NOW + timedelta(hours=1)))
    }
    assert len(ids) == 3
    assert CANDIDATE.request_id("stable#arm64") == f"canary:stable:arm64:4593.2.5:{int(NOW.timestamp())}:1"
