"""allocate_instances on the bench: real tables, real transactions, our EC2."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from local.ec2.timing import PROMPT
from railyard.aws.tables.switches import Switches
from railyard.errors import Throttled
from railyard.model.launches import Launch, LaunchState
from railyard.model.ledger import Commit
from railyard.model.pools import Limits
from railyard.model.requests import RequestState
from railyard.model.switches import Stops, Switch
from tests.bench import Bench, Crash, allocate_body, bench, lost_answer
from tests.builders import ZONES, a_pool


@pytest.fixture
def yard() -> Iterator[Bench]:
    with bench(timing=PROMPT) as made:
        yield made


def the_launch(yard: Bench) -> Launch:
    (launch,) = yard.ledger.open_launches()
    return launch


def exhaust(yard: Bench, *types: str, market: str = "on-demand") -> None:
    for each in types:
        for zone in ZONES:
            yard.ec2.set_capacity(each, zone, market, 0)


def test_a_request_is_launched_on_the_cheapest_fitting_type(yard: Bench) -> None:
    yard.ask(allocate_body())
    (instance,) = yard.instances().values()
    assert (instance.instance_type, instance.image_id) == ("m7i.large", "ami-00000001")
    assert yard.request("ci-1").state is RequestState.RESERVED


def test_it_is_fulfilled_when_its_machine_runs_and_the_answer_is_frozen(yard: Bench) -> None:
    yard.ask(allocate_body())
    yard.look()
    request = yard.request("ci-1")
    answer = json.loads(request.answer or "")
    assert (request.state, request.epoch, answer["event"]) == (RequestState.FULFILLED, 1, "fulfilled")
    assert answer["allocations"][0]["instance_id"] in yard.instances()


def test_a_machine_is_born_with_the_tags_that_say_whose_it_is(yard: Bench) -> None:
    yard.ask(allocate_body())
    (instance,) = yard.instances().values()
    assert {"railyard:stack", "railyard:pool", "railyard:launch", "railyard:ends-at"} <= set(instance.tags)


def test_requests_of_one_shape_share_one_launch(yard: Bench) -> None:
    yard.ask(*(allocate_body(f"ci-{i}") for i in range(6)))
    calls = [name for name, _ in yard.client.calls]
    assert calls.count("CreateFleet") == 1
    assert len(yard.instances()) == 6


def test_a_second_delivery_launches_nothing_and_says_the_same(yard: Bench) -> None:
    yard.ask(allocate_body())
    yard.look()
    first = yard.request("ci-1").answer
    yard.ask(allocate_body())
    assert len(yard.instances()) == 1
    assert [json.dumps(body, separators=(",", ":")) for body in yard.said()] == [first]


def test_twins_in_one_batch_are_one_request(yard: Bench) -> None:
    outcome = yard.ask(allocate_body(), allocate_body(), allocate_body())
    assert outcome.failed == []
    assert len(yard.instances()) == 1


def test_other_content_under_the_same_id_is_refused_and_the_original_untouched(yard: Bench) -> None:
    yard.ask(allocate_body())
    before = yard.request("ci-1")
    yard.ask(allocate_body(requirements={"vcpus": 4, "memory_mib": 4096}))
    (said,) = yard.said()
    assert (said["event"], said["reason"]["code"]) == ("refused", "request_id_conflict")
    assert yard.request("ci-1") == before


def test_a_bad_message_leaves_the_others_of_its_batch_alone(yard: Bench) -> None:
    outcome = yard.ask(
        "not json", allocate_body("ci-1"), {"version": 9}, allocate_body("ci-2", pool="nowhere")
    )
    codes = sorted(body["reason"]["code"] for body in yard.said())
    assert codes == ["invalid_request", "unknown_pool", "unsupported_version"]
    assert (len(yard.instances()), outcome.failed) == (1, [])


def test_when_the_first_type_has_no_capacity_the_next_is_taken(yard: Bench) -> None:
    exhaust(yard, "m7i.large")
    yard.ask(allocate_body())
    (instance,) = yard.instances().values()
    assert instance.instance_type == "m7i.xlarge"


def test_spot_first_falls_back_to_on_demand(yard: Bench) -> None:
    exhaust(yard, "m7i.large", "m7i.xlarge", "m7i.2xlarge", market="spot")
    yard.ask(allocate_body(market="spot-first"))
    (instance,) = yard.instances().values()
    assert instance.market == "on-demand"


def test_without_any_capacity_it_waits_and_is_answered_at_its_deadline(yard: Bench) -> None:
    exhaust(yard, "m7i.large", "m7i.xlarge", "m7i.2xlarge")
    yard.ask(allocate_body(timeout_seconds=60))
    waiting = yard.request("ci-1")
    assert waiting.state is RequestState.REQUESTED
    assert waiting.obstacle
    assert waiting.obstacle.tried
    yard.pass_time(seconds=61)
    yard.reap()
    yard.follow()
    (said,) = yard.said()
    assert (said["event"], said["reason"]["code"]) == ("timed_out", "insufficient_capacity")
    assert yard.counters().slots_free == 10


def test_it_is_served_as_soon_as_capacity_is_back(yard: Bench) -> None:
    exhaust(yard, "m7i.large", "m7i.xlarge", "m7i.2xlarge")
    yard.ask(allocate_body())
    yard.ec2.set_capacity("m7i.large", ZONES[0], "on-demand", 1)
    yard.pass_time(seconds=60)
    yard.reap()
    yard.follow()
    yard.look()
    assert yard.request("ci-1").state is RequestState.FULFILLED


def test_without_an_image_it_waits(yard: Bench) -> None:
    yard.supplies.images_ = {}
    yard.ask(allocate_body())
    request = yard.request("ci-1")
    assert request.obstacle
    assert request.obstacle.code == "image_unavailable"
    assert yard.instances() == {}


def test_what_can_never_fit_is_refused_at_once_and_told_what_would(yard: Bench) -> None:
    yard.ask(allocate_body(requirements={"vcpus": 900, "memory_mib": 4096}))
    (said,) = yard.said()
    assert (said["reason"]["code"], said["reason"]["retryable"]) == ("resources_exhausted", False)
    assert "m7i.2xlarge" in said["reason"]["message"]


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (
            Limits(instances=2, pending_instances=9, usd_micros_per_hour=9_000_000, requester_instances=9),
            "pool_limit",
        ),
        (
            Limits(instances=9, pending_instances=2, usd_micros_per_hour=9_000_000, requester_instances=9),
            "pool_limit",
        ),
        (
            Limits(instances=9, pending_instances=9, usd_micros_per_hour=250_000, requester_instances=9),
            "budget",
        ),
        (
            Limits(instances=9, pending_instances=9, usd_micros_per_hour=9_000_000, requester_instances=2),
            "requester_quota",
        ),
    ],
)
def test_beyond_a_limit_requests_wait_with_its_name(limits: Limits, code: str) -> None:
    with bench(a_pool(limits=limits), timing=PROMPT) as yard:
        for i in range(4):
            yard.ask(allocate_body(f"ci-{i}"))
        held = [yard.request(f"ci-{i}") for i in range(4)]
        assert [request.state for request in held[:2]] == [RequestState.RESERVED] * 2
        assert [str(request.obstacle.code) for request in held[2:] if request.obstacle] == [code] * 2
        assert len(yard.instances()) == 2


def test_counters_return_to_full_when_everything_has_ended(yard: Bench) -> None:
    full = yard.counters()
    yard.ask(*(allocate_body(f"ci-{i}", count=2) for i in range(3)))
    yard.look()
    assert yard.counters().slots_free == 4
    yard.lease(*({"version": 1, "action": "release", "request_id": f"ci-{i}", "epoch": 1} for i in range(3)))
    yard.pass_time(seconds=601)
    yard.reap()
    yard.pass_time(seconds=60)
    yard.reap()
    assert yard.counters() == full
    assert yard.alive() == []
    assert yard.held() == 0


# -- between the lines -------------------------------------------------------------------------------------


def recover(yard: Bench) -> None:
    """A minute's tick, and what it points to."""
    yard.pass_time(seconds=120)
    yard.reap()
    yard.follow()
    yard.look()


def crash_at(yard: Bench, operation: str, when: str) -> None:
    def crash(called: str) -> None:
        if called == operation:
            setattr(yard.client, when, lambda _: None)
            raise Crash

    setattr(yard.client, when, crash)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_crash_around_create_fleet_ends_in_one_machine_and_one_answer(yard: Bench, when: str) -> None:
    crash_at(yard, "CreateFleet", when)
    with pytest.raises(Crash):
        yard.ask(allocate_body())
    yard.ask(allocate_body())  # redelivered while the launch is still locked
    recover(yard)
    assert len(yard.instances()) == 1
    assert yard.request("ci-1").state is RequestState.FULFILLED
    assert len(yard.said()) == 1
    assert yard.counters().slots_free == 9


def test_a_lost_answer_of_create_fleet_ends_in_one_machine_and_one_answer(yard: Bench) -> None:
    def lose(called: str) -> None:
        if called == "CreateFleet":
            yard.client.after = lambda _: None
            lost_answer(called)

    yard.client.after = lose
    yard.ask(allocate_body())
    launch = the_launch(yard)
    assert launch.state is LaunchState.INTENT
    assert launch.open_calls == 1
    recover(yard)
    assert len(yard.instances()) == 1
    assert yard.request("ci-1").state is RequestState.FULFILLED


def test_a_repeat_looks_first_and_only_then_calls_with_the_same_token(yard: Bench) -> None:
    crash_at(yard, "CreateFleet", "before")
    with pytest.raises(Crash):
        yard.ask(allocate_body())
    yard.client.calls.clear()
    yard.pass_time(seconds=120)
    yard.reap()
    yard.follow()
    names = [name for name, _ in yard.client.calls if name in ("DescribeInstances", "CreateFleet")]
    assert names == ["DescribeInstances", "DescribeInstances", "CreateFleet"]  # the reaper's, ours, the call


def test_a_launch_that_was_begun_is_not_repeated_while_launches_are_stopped(yard: Bench) -> None:
    crash_at(yard, "CreateFleet", "before")
    with pytest.raises(Crash):
        yard.ask(allocate_body())
    switches = Switches(yard.dynamodb, "pools", "pools")
    stop = Switch(stops=Stops.LAUNCH, pool="default", on=False, by="ops", at=yard.now)
    switches.write(stop, None)
    yard.pass_time(seconds=120)
    yard.reap()
    yard.follow()
    assert len(yard.instances()) == 0
    switches.write(replace(stop, on=True, sequence=2), stop)
    recover(yard)
    assert len(yard.instances()) == 1


def test_a_throttled_launch_is_not_held_against_the_request(yard: Bench) -> None:
    from botocore.exceptions import ClientError

    def throttle(called: str) -> None:
        if called == "CreateFleet":
            yard.client.before = lambda _: None
            error = {"Error": {"Code": "RequestLimitExceeded", "Message": "slow down"}}
            raise ClientError(error, called)  # type: ignore[arg-type]

    yard.client.before = throttle
    yard.ask(allocate_body())
    launch = the_launch(yard)
    assert launch.open_calls == 0
    assert yard.wake.sent[0][1] == 10
    yard.pass_time(seconds=10)
    yard.follow()
    yard.look()
    assert yard.request("ci-1").state is RequestState.FULFILLED


def test_denied_by_iam_refuses_and_returns_what_was_reserved(yard: Bench) -> None:
    from botocore.exceptions import ClientError

    def deny(called: str) -> None:
        if called == "CreateFleet":
            error = {"Error": {"Code": "UnauthorizedOperation", "Message": "no"}}
            raise ClientError(error, called)  # type: ignore[arg-type]

    yard.client.before = deny
    yard.ask(allocate_body())
    assert [body["reason"]["code"] for body in yard.said()] == ["launch_denied"]
    assert yard.counters().slots_free == 10


def test_an_unanswered_launch_is_closed_only_when_nothing_of_it_can_appear_any_more(yard: Bench) -> None:
    crash_at(yard, "CreateFleet", "before")
    with pytest.raises(Crash):
        yard.ask(allocate_body(timeout_seconds=30))
    yard.pass_time(seconds=60)
    yard.reap()
    yard.follow()
    assert yard.request("ci-1").state is RequestState.TIMED_OUT
    assert yard.counters().slots_free == 9
    yard.pass_time(seconds=800)
    assert yard.reap().closed == 1
    assert yard.counters().slots_free == 10
    assert yard.instances() == {}


def test_a_request_cancelled_during_its_launch_leaves_a_spare_machine_that_is_reaped(yard: Bench) -> None:
    def cancel(called: str) -> None:
        if called == "CreateFleet":
            yard.client.before = lambda _: None
            yard.lease({"version": 1, "action": "cancel", "request_id": "ci-1"})

    yard.client.before = cancel
    yard.ask(allocate_body())
    yard.look()
    assert yard.request("ci-1").state is RequestState.CANCELLED
    yard.pass_time(seconds=601)
    assert len(yard.reap().fenced) == 1
    yard.pass_time(seconds=60)
    yard.reap()
    assert (yard.alive(), yard.counters().slots_free) == ([], 10)


def test_too_little_time_left_opens_no_call(yard: Bench) -> None:
    yard.time_left = timedelta(seconds=20)
    yard.ask(allocate_body())
    assert yard.instances() == {}
    assert yard.request("ci-1").state is RequestState.REQUESTED


# -- use what runs -----------------------------------------------------------------------------------------


def test_a_running_machine_with_room_is_used_before_anything_is_launched(yard: Bench) -> None:
    machine = yard.idle_machine()
    yard.ask(allocate_body("second"))
    answer = json.loads(yard.request("second").answer or "")
    assert answer["allocations"][0]["instance_id"] == machine
    assert len(yard.instances()) == 1


def test_two_requests_that_agree_share_a_machine(yard: Bench) -> None:
    yard.idle_machine(requirements={"vcpus": 4, "memory_mib": 4096})
    yard.ask(allocate_body("a"), allocate_body("b"))
    assert len(yard.instances()) == 1
    assert {yard.request(name).state for name in "ab"} == {RequestState.FULFILLED}


def test_an_exclusive_request_shares_with_nobody(yard: Bench) -> None:
    yard.idle_machine(requirements={"vcpus": 4, "memory_mib": 4096})
    yard.ask(allocate_body("a"))
    yard.ask(allocate_body("b", sharing="exclusive"))
    assert len(yard.instances()) == 2


def test_a_machine_of_an_older_template_is_left_to_run_out(yard: Bench) -> None:
    yard.idle_machine()
    yard.pool = replace(yard.pool, key_name="other")
    yard.put_pool(yard.pool)
    yard.ask(allocate_body("second"))
    assert len(yard.instances()) == 2


def counted(yard: Bench) -> list[str]:
    """Count calls from here on: EC2's and DynamoDB's, in their order."""
    calls: list[str] = []
    yard.client.before = calls.append
    yard.dynamodb.meta.events.register("before-call.dynamodb", lambda model, **_: calls.append(model.name))
    return calls


def test_ten_requests_on_new_capacity_cost_four_calls_and_one_for_a_second_launch(yard: Bench) -> None:
    yard.ask(allocate_body("warm"))
    calls = counted(yard)
    yard.ask(*(allocate_body(f"ci-{i}", sharing="exclusive") for i in range(5)))
    look, room = ["BatchGetItem"], ["Query", "Query"]
    launch = ["CreateFleet", "TransactWriteItems"]
    assert calls == [*look, room[0], "TransactWriteItems", *launch]
    calls.clear()
    large = {"vcpus": 8, "memory_mib": 4096}
    yard.ask(allocate_body("a"), allocate_body("b", requirements=large))
    assert calls == [*look, room[0], "TransactWriteItems", *launch, *launch]


def test_requests_on_machines_that_run_cost_a_look_a_query_and_one_transaction(yard: Bench) -> None:
    yard.ask(*(allocate_body(f"first-{i}") for i in range(5)))
    yard.look()
    release = {"version": 1, "action": "release", "epoch": 1}
    yard.lease(*(release | {"request_id": f"first-{i}"} for i in range(5)))
    calls = counted(yard)
    yard.ask(*(allocate_body(f"again-{i}") for i in range(5)))
    assert calls == ["BatchGetItem", "Query", "TransactWriteItems"]
    assert {yard.request(f"again-{i}").state for i in range(5)} == {RequestState.FULFILLED}


def test_when_the_tables_stay_busy_the_messages_come_again_and_find_what_was_stored(
    yard: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = yard.ledger.commit

    def busy(change: Commit, limits: Any = None) -> None:
        if change.launches:
            raise Throttled("the items stay busy")
        commit(change, limits)

    monkeypatch.setattr(yard.ledger, "commit", busy)
    outcome = yard.ask(allocate_body("a"), allocate_body("b", pool="nowhere"))
    assert (len(outcome.failed), outcome.trouble) == (2, "the items stay busy")
    monkeypatch.undo()
    assert yard.ask(allocate_body("a"), allocate_body("b", pool="nowhere")).failed == []
    yard.look()
    assert yard.request("a").state is RequestState.FULFILLED
    assert yard.request("b").state is RequestState.REFUSED


def test_machines_that_show_are_bound_without_another_call(yard: Bench) -> None:
    crash_at(yard, "CreateFleet", "after")
    with pytest.raises(Crash):
        yard.ask(allocate_body())
    yard.client.calls.clear()
    yard.pass_time(seconds=120)
    yard.reap()
    yard.follow()
    assert "CreateFleet" not in [name for name, _ in yard.client.calls]
    assert yard.ledger.open_launches() == []


def test_a_refusal_settles_nothing_while_an_earlier_call_may_still_take_effect(yard: Bench) -> None:
    from botocore.exceptions import ClientError

    def fail(error: Exception) -> None:
        def broken(called: str) -> None:
            if called == "CreateFleet":
                yard.client.before = lambda _: None
                raise error

        yard.client.before = broken

    fail(ReadTimeoutError(endpoint_url="http://ec2"))
    yard.ask(allocate_body(timeout_seconds=3600))
    refused = {"Error": {"Code": "InsufficientInstanceCapacity", "Message": "none"}}
    fail(ClientError(refused, "CreateFleet"))  # type: ignore[arg-type]
    yard.wake.take()  # the pointer of the lost answer is lost too
    yard.pass_time(seconds=120)
    yard.reap()
    yard.follow()
    launch = the_launch(yard)
    assert (launch.state, launch.open_calls) == (LaunchState.INTENT, 1)
    assert yard.counters().slots_free == 9
    assert yard.request("ci-1").attempt == 1
    yard.pass_time(seconds=60)
    yard.reap()
    yard.follow()
    yard.look()
    assert yard.request("ci-1").state is RequestState.FULFILLED
    assert len(yard.instances()) == 1
