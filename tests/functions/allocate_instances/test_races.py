"""Two invocations at once: what one of them reads is no longer so when it writes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from allocate_instances.run import Outcome
from local.ec2.timing import PROMPT
from publish_events.plan import words
from railyard.model.ledger import Commit
from railyard.model.pools import Limits
from railyard.model.requests import RequestState
from tests.bench import Bench, Crash, allocate_body, bench
from tests.builders import a_pool

FIRST = allocate_body("x", labels={"who": "first"})
COMPANY = allocate_body("other"), allocate_body("third", count=2)
"""What shares the loser's batch, and must not suffer for it: of the loser's shape, unless that says otherwise."""
LARGE = {"vcpus": 8, "memory_mib": 16_384}


@pytest.fixture
def yard() -> Iterator[Bench]:
    with bench(timing=PROMPT) as made:
        yield made


@pytest.fixture
def told(yard: Bench) -> Counter[tuple[str, str]]:
    """(id, verdict) of every answer so far, as the stream tells them: a verdict is a refusal's code, or the event."""
    answers: Counter[tuple[str, str]] = Counter()
    commit = yard.ledger.commit

    def noted(change: Commit, limits: Any = None) -> None:
        commit(change, limits)
        for _, request in change.requests:
            for word in words(request):
                answers[verdict(word.body)] += 1

    yard.ledger.commit = noted  # type: ignore[method-assign]
    return answers


def verdict(text: str) -> tuple[str, str]:
    body = json.loads(text)
    return body["request_id"], body.get("reason", {}).get("code") or body["event"]


def books_agree(yard: Bench) -> None:
    """Machines know the shares that are on them, and the counters are those of what is there: nothing is kept."""
    placed = [(r, s) for r in yard.requests() for s in r.shares if s.launch_id]
    shares = sorted((r.request_id, s.index, s.instance_id) for r, s in placed)
    machines = yard.ledger.alive()
    assert sorted((t.request_id, t.index, m.instance_id) for m in machines for t in m.tenants) == shares
    assert {m.instance_id for m in machines} == set(yard.alive())
    assert yard.counters().slots_free == yard.pool.limits.instances - len(machines)
    assert yard.held() == len(shares)
    assert yard.ledger.open_launches() == []


def beaten(yard: Bench, outcome: Outcome, told: Counter[tuple[str, str]]) -> None:
    """Check that the first ``x`` has its machine, the other its refusal, and the company machines: each one answer."""
    yard.look()
    assert outcome.failed == []
    assert told == Counter(
        [("x", "fulfilled"), ("x", "request_id_conflict"), ("other", "fulfilled"), ("third", "fulfilled")]
    )
    assert yard.request("x").labels == {"who": "first"}
    books_agree(yard)


# -- one id, two requests ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "other", [{}, {"requirements": LARGE}, {"count": 3}], ids=["in a shared launch", "in its own", "of three"]
)
def test_who_wanted_new_machines_under_an_id_that_was_taken_meanwhile_is_refused(
    yard: Bench, told: Counter[tuple[str, str]], other: dict[str, Any]
) -> None:
    yard.meanwhile("look", lambda: yard.ask(FIRST))
    outcome = yard.ask(allocate_body("x", **other), *COMPANY)
    beaten(yard, outcome, told)
    assert (outcome.accepted, outcome.answered) == (2, 1)
    assert len(yard.alive()) == 4


@pytest.mark.parametrize("reading", ["look", "roomy"])
@pytest.mark.parametrize("elsewhere", [True, False])
def test_who_wanted_room_on_a_machine_under_an_id_that_was_taken_meanwhile_is_refused(
    yard: Bench, told: Counter[tuple[str, str]], reading: str, elsewhere: bool
) -> None:
    """The first may have taken the same room, or a machine of its own."""
    machine = yard.idle_machine(requirements=LARGE)
    told.clear()
    own = {"requirements": {"vcpus": 2, "memory_mib": 4096, "architecture": "arm64"}} if elsewhere else {}
    yard.meanwhile(reading, lambda: yard.ask(FIRST | own))
    outcome = yard.ask(allocate_body("x"), *COMPANY)
    (share,) = yard.request("x").shares
    assert (share.instance_id == machine) is not elsewhere
    beaten(yard, outcome, told)


def short_of_time(yard: Bench) -> None:
    yard.time_left = timedelta(seconds=20)


def short_of_images(yard: Bench) -> None:
    yard.supplies.images_ = {}


def as_ever(_: Bench) -> None:
    pass


@pytest.mark.parametrize(
    ("other", "then"),
    [
        ({}, short_of_time),
        ({}, short_of_images),
        ({"requirements": {"vcpus": 900, "memory_mib": 4096}}, as_ever),
        ({"count": 11, "minimum_count": 11}, as_ever),
        ({"pool": "nowhere"}, as_ever),
    ],
    ids=["no time", "waits", "never fits", "beyond the limit", "unknown pool"],
)
def test_who_finds_no_place_under_an_id_that_was_taken_meanwhile_is_refused_for_the_id(
    yard: Bench, told: Counter[tuple[str, str]], other: dict[str, Any], then: Callable[[Bench], None]
) -> None:
    def overtake() -> None:
        yard.ask(FIRST)
        then(yard)

    yard.meanwhile("look", overtake)
    outcome = yard.ask(allocate_body("x", **other))
    yard.look()
    assert told == Counter([("x", "fulfilled"), ("x", "request_id_conflict")])
    assert (outcome.failed, outcome.accepted, outcome.waiting) == ([], 0, 0)
    assert yard.request("x").labels == {"who": "first"}
    books_agree(yard)


def test_the_same_request_that_is_on_its_way_meanwhile_is_one_request(
    yard: Bench, told: Counter[tuple[str, str]]
) -> None:
    yard.meanwhile("look", lambda: yard.ask(FIRST))
    outcome = yard.ask(FIRST, *COMPANY)
    yard.look()
    assert (outcome.failed, outcome.accepted, outcome.repeated) == ([], 2, 1)
    assert told == Counter([("x", "fulfilled"), ("other", "fulfilled"), ("third", "fulfilled")])
    books_agree(yard)


def test_the_same_request_that_is_answered_meanwhile_gets_that_answer_again(
    yard: Bench, told: Counter[tuple[str, str]]
) -> None:
    yard.idle_machine()
    told.clear()
    yard.meanwhile("look", lambda: yard.ask(FIRST))
    outcome = yard.ask(FIRST, *COMPANY)
    yard.look()
    assert outcome.failed == []
    assert told == Counter({("x", "fulfilled"): 2, ("other", "fulfilled"): 1, ("third", "fulfilled"): 1})
    assert yard.request("x").outbox == (yard.request("x").answer,)
    books_agree(yard)


def test_twins_of_a_beaten_request_are_each_answered(yard: Bench, told: Counter[tuple[str, str]]) -> None:
    yard.meanwhile("look", lambda: yard.ask(FIRST))
    outcome = yard.ask(allocate_body("x"), FIRST, allocate_body("x", count=2), *COMPANY)
    yard.look()
    assert outcome.failed == []
    assert told[("x", "request_id_conflict")] == 2
    assert told[("x", "fulfilled")] == 1
    books_agree(yard)


def test_a_cancel_that_came_meanwhile_answers_the_request(
    yard: Bench, told: Counter[tuple[str, str]]
) -> None:
    cancel = {"version": 1, "action": "cancel", "request_id": "x"}
    yard.meanwhile("look", lambda: yard.lease(cancel))
    yard.ask(FIRST)
    assert told == Counter({("x", "cancelled"): 2})
    books_agree(yard)


def test_a_repeat_is_answered_though_its_request_is_renewed_meanwhile(
    yard: Bench, told: Counter[tuple[str, str]]
) -> None:
    yard.ask(FIRST)
    yard.look()
    renew = {"version": 1, "action": "renew", "request_id": "x", "epoch": 1}
    yard.meanwhile("look", lambda: yard.lease(renew))
    assert yard.ask(FIRST).failed == []
    assert told == Counter({("x", "fulfilled"): 2})


def test_what_is_beaten_twice_goes_back_to_the_queue(
    yard: Bench, told: Counter[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    yard.ask(FIRST)
    look = yard.ledger.look
    monkeypatch.setattr(yard.ledger, "look", lambda *keys: replace(look(*keys), requests={}))
    outcome = yard.ask(allocate_body("x"), *COMPANY)
    monkeypatch.undo()
    (failed,) = outcome.failed
    assert failed.startswith("m-0-")
    beaten(yard, yard.ask(allocate_body("x")), told)


# -- one write on top of another ---------------------------------------------------------------------------


@pytest.mark.parametrize(("slots", "count"), [(3, 4), (100, 50)], ids=["in part", "in two launches"])
def test_a_beaten_request_in_several_writes_is_not_written_over_the_first(slots: int, count: int) -> None:
    """Its second write expects the sequence that its first one would have left; the other's record may have it."""
    limits = Limits(
        instances=slots, pending_instances=slots, usd_micros_per_hour=90_000_000, requester_instances=slots
    )
    with bench(a_pool(limits=limits), timing=PROMPT) as yard:

        def overtake() -> None:
            def crash(called: str) -> None:
                if called == "CreateFleet":
                    yard.client.before = lambda _: None
                    raise Crash

            yard.client.before = crash
            with pytest.raises(Crash):
                yard.ask(FIRST)

        yard.meanwhile("look", overtake)
        yard.ask(allocate_body("x", count=count, minimum_count=1))
        assert yard.request("x").labels == {"who": "first"}
        assert [body["reason"]["code"] for body in yard.said()] == ["request_id_conflict"]
        assert yard.counters().slots_free == slots - 1
        assert yard.held() == 1
        assert yard.alive() == []


def test_room_that_was_taken_meanwhile_is_not_given_away_again(
    yard: Bench, told: Counter[tuple[str, str]]
) -> None:
    """The second request of a batch expects the machine as the first one would have left it."""
    yard.idle_machine(requirements=LARGE)
    told.clear()
    yard.meanwhile("roomy", lambda: yard.ask(FIRST))
    assert yard.ask(*COMPANY).failed == []
    yard.look()
    assert told == Counter([("x", "fulfilled"), ("other", "fulfilled"), ("third", "fulfilled")])
    books_agree(yard)


def test_what_fits_in_part_is_answered_with_that_as_soon_as_it_runs() -> None:
    limits = Limits(instances=3, pending_instances=3, usd_micros_per_hour=9_000_000, requester_instances=9)
    with bench(a_pool(limits=limits), timing=PROMPT) as yard:
        yard.ask(allocate_body("x", count=4, minimum_count=2))
        waiting = yard.request("x")
        assert waiting.obstacle
        assert (waiting.obstacle.code, waiting.placed) == ("pool_limit", 3)
        yard.look()
        assert yard.request("x").state is RequestState.FULFILLED
        books_agree(yard)


def test_of_a_request_in_two_launches_the_first_ones_limit_is_what_it_waits_for() -> None:
    limits = Limits(
        instances=100, pending_instances=100, usd_micros_per_hour=90_000_000, requester_instances=30
    )
    with bench(a_pool(limits=limits), timing=PROMPT) as yard:
        outcome = yard.ask(allocate_body("x", count=50, minimum_count=1))
        obstacle = yard.request("x").obstacle
        assert obstacle
        assert (obstacle.code, outcome.accepted) == ("requester_quota", 1)
        books_agree(yard)
