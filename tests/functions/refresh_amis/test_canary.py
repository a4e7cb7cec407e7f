"""A candidate's machine: asked for like anybody's, looked up where everybody's are, and given back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from railyard.model.instances import InstanceState
from railyard.model.ledger import Commit
from railyard.model.reasons import Code, Reason
from railyard.model.releases import Candidate, Line, Release
from railyard.model.requests import Request, RequestState
from refresh_amis.canary import CanaryPool
from refresh_amis.plan.trying import Trial
from tests.bench import Bench, Pointers, bench
from tests.builders import NOW, a_pool, a_request, an_instance, fulfilled

LINE = Line(line="stable#arm64")
CANDIDATE = Candidate(
    release=Release(
        release="4593.2.6",
        images={"us-east-1": "ami-1"},
        source="feed",
        channel="stable",
        signature="verified",
        found_at=NOW,
    ),
    since=NOW,
)
TRIAL = CANDIDATE.request_id(LINE.line)


class Machines:
    """EC2's status checks: what they *say*, and of which machines they were asked."""

    def __init__(self) -> None:
        self.says: tuple[bool | None, str] = (True, "ok, ok")
        self.asked: list[str] = []

    def health(self, instance_id: str) -> tuple[bool | None, str]:
        self.asked.append(instance_id)
        return self.says


class Yard:
    """A bench, and the canary pool as refresh_amis holds it."""

    def __init__(self, work: Bench, *, pool: str = "default") -> None:
        self.bench, self.machines = work, Machines()
        self.requests, self.leases = Pointers(), Pointers()
        queues: Any = (self.requests, self.leases)
        self.canary = CanaryPool(work.ledger, self.machines, *queues, pool=pool, bake=timedelta(minutes=30))

    def have(self, request: Request, **machine: Any) -> Trial:
        """Put *request*, and the machine of its first share if *machine* says anything; look."""
        found = [an_instance(request.shares[0].instance_id, **machine)] if machine else []
        self.bench.ledger.commit(
            Commit(requests=((None, request),), instances=tuple((None, each) for each in found))
        )
        return self.canary.look([request.request_id])[request.request_id]

    def ask(self) -> None:
        """Ask for the candidate's machine, and let allocate_instances have the message."""
        self.canary.ask(LINE, CANDIDATE)
        self.bench.ask(*self.requests.take())


@pytest.fixture
def yard() -> Iterator[Yard]:
    with bench(a_pool(limits=replace(a_pool().limits, instances=1))) as work:
        yield Yard(work)


# Asking


def test_the_smallest_machine_of_the_line_s_architecture_is_asked_for_by_itself(yard: Yard) -> None:
    yard.canary.ask(LINE, CANDIDATE)
    ((body, _),) = yard.requests.sent
    assert body == {
        "version": 1,
        "action": "allocate",
        "request_id": f"canary:stable:arm64:4593.2.6:{int(NOW.timestamp())}:1",
        "pool": "default",
        "requirements": {"vcpus": 1, "memory_mib": 512, "architecture": "arm64"},
        "sharing": "exclusive",
        "lease_seconds": 9000,
        "labels": {"canary": "stable#arm64", "release": "4593.2.6"},
    }


def test_it_is_asked_for_once_nobody_remembers_the_image_before(yard: Yard) -> None:
    yard.canary.ask(LINE, CANDIDATE)
    ((_, delay),) = yard.requests.sent
    assert delay == 90


def test_what_is_asked_for_is_started_and_given_back_when_it_is_cancelled(yard: Yard) -> None:
    yard.ask()
    assert yard.canary.look([TRIAL])[TRIAL].state is RequestState.RESERVED
    yard.bench.pass_time(minutes=2)
    yard.bench.look()
    trial = yard.canary.look([TRIAL])[TRIAL]
    assert (trial.state, trial.image) == (RequestState.FULFILLED, "ami-00000002")
    yard.canary.cancel([TRIAL])
    yard.bench.lease(*yard.leases.take())
    assert yard.canary.look([TRIAL])[TRIAL] == Trial(state=RequestState.RELEASED)


def test_a_request_that_is_asked_for_twice_starts_one_machine(yard: Yard) -> None:
    yard.ask()
    yard.ask()
    yard.bench.pass_time(minutes=2)
    assert len(yard.bench.instances()) == 1
    assert len(yard.bench.requests()) == 1


# Looking


def test_a_machine_that_runs_is_shown_with_its_image_since_when_and_how_it_does(yard: Yard) -> None:
    ready = NOW - timedelta(minutes=7)
    assert yard.have(fulfilled(TRIAL, "i-0000000000000009"), ready_at=ready) == Trial(
        state=RequestState.FULFILLED, detail="ok, ok", image="ami-1", since=ready, healthy=True
    )
    assert yard.machines.asked == ["i-0000000000000009"]


@pytest.mark.parametrize(("healthy", "words"), [(False, "impaired"), (None, "initializing, ok")])
def test_the_health_of_a_machine_is_ec2_s_word(yard: Yard, words: str, *, healthy: bool | None) -> None:
    yard.machines.says = healthy, words
    trial = yard.have(fulfilled(TRIAL), state=InstanceState.READY)
    assert (trial.healthy, trial.detail) == (healthy, words)


def test_a_machine_that_has_no_record_has_not_been_ready(yard: Yard) -> None:
    assert yard.have(fulfilled(TRIAL)).since is None


def test_a_request_that_waits_names_what_is_in_its_way(yard: Yard) -> None:
    assert yard.have(a_request(TRIAL)) == Trial(state=RequestState.REQUESTED)
    waits = a_request("other").obstructed(Reason(Code.INSUFFICIENT_CAPACITY, "none left"))
    assert yard.have(waits) == Trial(state=RequestState.REQUESTED, code="insufficient_capacity")
    assert yard.machines.asked == []


def test_a_request_that_came_to_nothing_says_why(yard: Yard) -> None:
    refused = a_request(TRIAL).refused(Reason(Code.IMAGE_UNAVAILABLE, "no such image"), NOW)
    assert yard.have(refused) == Trial(
        state=RequestState.REFUSED, code="image_unavailable", detail="no such image"
    )
    late = a_request("late").timed_out(NOW)
    assert yard.have(late) == Trial(
        state=RequestState.TIMED_OUT, code="timed_out", detail="no machine was ready before the deadline"
    )


def test_a_request_that_timed_out_says_what_was_in_its_way_last(yard: Yard) -> None:
    waits = a_request(TRIAL).obstructed(Reason(Code.QUOTA, "16 vCPUs"))
    assert yard.have(waits.timed_out(NOW)) == Trial(
        state=RequestState.TIMED_OUT, code="quota", detail="16 vCPUs"
    )


@pytest.mark.parametrize("state", [RequestState.LOST, RequestState.EXPIRED, RequestState.RELEASED])
def test_a_request_whose_machine_is_gone_tells_nothing_of_its_health(yard: Yard, state: RequestState) -> None:
    done = fulfilled(TRIAL)
    ended = {
        RequestState.LOST: done.lost(NOW, done.shares[0].instance_id, "spot"),
        RequestState.EXPIRED: done.expired(NOW),
        RequestState.RELEASED: done.released(NOW, frozenset({0})),
    }
    trial = yard.have(ended[state])
    assert (trial.state, trial.code, trial.healthy, trial.image) == (state, "", None, "")
    assert yard.machines.asked == []


def test_requests_that_have_not_arrived_are_left_out(yard: Yard) -> None:
    yard.have(a_request(TRIAL))
    assert yard.canary.look(["nobody-s", TRIAL]).keys() == {TRIAL}
    assert yard.canary.look([]) == {}


# Cancelling


def test_each_request_is_cancelled_by_a_message_of_its_own(yard: Yard) -> None:
    yard.canary.cancel(["a", "b"])
    assert [json.dumps(body, sort_keys=True) for body, _ in yard.leases.sent] == [
        '{"action": "cancel", "request_id": "a", "version": 1}',
        '{"action": "cancel", "request_id": "b", "version": 1}',
    ]
    assert yard.requests.sent == []


def test_a_request_that_is_cancelled_before_it_arrives_starts_nothing(yard: Yard) -> None:
    yard.canary.cancel([TRIAL])
    yard.bench.lease(*yard.leases.take())
    yard.ask()
    yard.bench.pass_time(minutes=2)
    assert yard.canary.look([TRIAL])[TRIAL].state is RequestState.CANCELLED
    assert yard.bench.instances() == {}


def test_without_a_pool_nothing_is_read_and_nothing_cancelled(yard: Yard) -> None:
    yard.have(a_request(TRIAL))
    none = Yard(yard.bench, pool="")
    assert none.canary.look([TRIAL]) == {}
    none.canary.cancel([TRIAL])
    assert none.leases.sent == []
