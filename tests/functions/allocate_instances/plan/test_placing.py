"""What is launched now, what waits, and what stands in its way."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocate_instances.plan.placing import MAX_SLOTS, Facts, Placement, Waiting, place
from railyard.model.ami_sets import Deployment, Follow
from railyard.model.pools import Limits
from railyard.model.reasons import Code, Reason
from railyard.model.requests import Need, Request, RequestState
from railyard.model.switches import EVERYWHERE, Stops, Switch
from tests.builders import NOW, a_catalogue, a_pool, a_request, a_type, counters, fulfilled

IMAGES = {"amd64": "ami-1", "arm64": "ami-2"}
WIDE = Limits(instances=1000, pending_instances=1000, usd_micros_per_hour=10**9, requester_instances=1000)


def facts(pool: Any = None, **changes: Any) -> Facts:
    pool = pool or a_pool()
    left = changes.pop("left", {})
    base = Facts(
        stack="railyard",
        now=NOW,
        lock=timedelta(seconds=90),
        pools={pool.name: pool},
        counters={pool.name: counters(pool, **left)},
        catalogue=a_catalogue(),
        images={pool.name: IMAGES},
        templates={pool.name: "railyard-default-1"},
    )
    return replace(base, **changes)


def placed(*requests: Request, given: Facts | None = None, tried: Any = None) -> Placement:
    return place([(request, request) for request in requests], given or facts(), tried or {})


def stopped(request: Request, given: Facts) -> Request:
    """The one request that *given* leaves without a launch."""
    found = placed(request, given=given)
    assert found.drafts == ()
    ((before, after),) = found.settled
    assert before == request
    return after


def test_a_launch_is_of_the_images_of_its_own_pool() -> None:
    given = facts(a_pool("canary"), images={"default": IMAGES, "canary": {"amd64": "ami-3"}})
    (draft,) = placed(a_request(pool="canary"), given=given).drafts
    assert draft.launch.plan.images == {"amd64": "ami-3"}


def test_a_launch_says_everything_that_its_call_will_say() -> None:
    pool = a_pool(tags={"team": "build", "railyard:pool": "forged"})
    (draft,) = placed(a_request(parameters={"job": "1"}), given=facts(pool)).drafts
    plan = draft.launch.plan
    assert (plan.template, plan.images, plan.market) == (
        "railyard-default-1",
        {"amd64": "ami-1"},
        "on-demand",
    )
    assert plan.ends_at == NOW + timedelta(days=7)
    assert plan.tags == {
        "Name": "railyard-default",
        "team": "build",
        "railyard:stack": "railyard",
        "railyard:pool": "default",
        "railyard:launch": draft.launch.launch_id,
        "railyard:ends-at": "2026-11-27T12:00:00Z",
        "railyard:parameter:job": "1",
    }
    assert (draft.launch.open_calls, draft.launch.lock_until) == (1, NOW + timedelta(seconds=90))


def test_dollars_are_reserved_at_the_dearest_offering() -> None:
    (draft,) = placed(a_request()).drafts
    assert draft.launch.reserved_usd_micros == 400_000


def test_requests_of_one_shape_share_a_launch_and_others_do_not() -> None:
    found = placed(
        a_request("a"), a_request("b"), a_request("c", market="spot"), a_request("d", sharing="exclusive")
    )
    assert sorted(sorted(r.request_id for _, r in draft.requests) for draft in found.drafts) == [
        ["a", "b"],
        ["c"],
        ["d"],
    ]


def test_requests_with_parameters_are_launched_one_by_one() -> None:
    found = placed(a_request("a", parameters={"job": "1"}), a_request("b", parameters={"job": "1"}))
    assert len(found.drafts) == 2


def test_the_oldest_come_first_and_the_others_wait_with_what_stood_in_their_way() -> None:
    young, old = a_request("a", since=NOW), a_request("b", since=NOW - timedelta(seconds=1))
    found = placed(young, old, given=facts(left={"slots_free": 1}))
    assert [r.request_id for _, r in found.drafts[0].requests] == ["b"]
    ((_, waiting),) = found.settled
    assert waiting.request_id == "a"
    assert waiting.obstacle is not None
    assert waiting.obstacle.code is Code.POOL_LIMIT


def test_what_a_pool_can_pay_is_launched_and_the_rest_waits_for_its_budget() -> None:
    found = placed(a_request(count=3), given=facts(left={"usd_micros_free": 800_000}))
    assert [len(draft.launch.slots) for draft in found.drafts] == [2]
    ((_, waiting),) = found.settled
    assert waiting.obstacle is not None
    assert (waiting.obstacle.code, waiting.placed) == (Code.BUDGET, 2)


@pytest.mark.parametrize(
    ("changes", "code", "state"),
    [
        ({"catalogue": None}, Code.INSUFFICIENT_CAPACITY, RequestState.REQUESTED),
        (
            {"images": {"default": {"arm64": "ami-2"}, "other": IMAGES}},
            Code.IMAGE_UNAVAILABLE,
            RequestState.REQUESTED,
        ),
        ({"left": {"slots_free": 0}}, Code.POOL_LIMIT, RequestState.REQUESTED),
        ({"left": {"pending_free": -3}}, Code.POOL_LIMIT, RequestState.REQUESTED),
        ({"left": {"usd_micros_free": 99_999}}, Code.BUDGET, RequestState.REQUESTED),
        ({"left": {"usd_micros_free": -1}}, Code.BUDGET, RequestState.REQUESTED),
        ({"pools": {}}, Code.UNKNOWN_POOL, RequestState.REFUSED),
        ({"counters": {}}, Code.UNKNOWN_POOL, RequestState.REFUSED),
        ({"catalogue": a_catalogue(a_type(vcpus=1))}, Code.RESOURCES_EXHAUSTED, RequestState.REFUSED),
        (
            {"catalogue": a_catalogue(a_type(usd_micros_per_hour=10_000_001))},
            Code.RESOURCES_EXHAUSTED,
            RequestState.REFUSED,
        ),
    ],
    ids=str,
)
def test_what_may_pass_waits_and_what_never_will_is_refused(
    changes: dict[str, Any], code: Code, state: RequestState
) -> None:
    after = stopped(a_request(), facts(**changes))
    assert after.state is state
    assert code in (after.obstacle.code if after.obstacle else after.answer or "")


def test_when_every_offering_was_refused_the_request_waits_and_names_them() -> None:
    every = frozenset(
        f"m7i.{size}#us-east-1{zone}#on-demand" for size in ("large", "xlarge", "2xlarge") for zone in "abc"
    )
    found = placed(a_request(), tried={"ci-1": every})
    ((_, after),) = found.settled
    assert after.obstacle is not None
    assert (after.obstacle.code, frozenset(after.obstacle.tried)) == (Code.INSUFFICIENT_CAPACITY, every)


def test_shares_that_run_are_answer_enough_when_nothing_more_can_come() -> None:
    ready = fulfilled().shares[0]
    half = replace(
        a_request(count=2, minimum_count=1),
        shares=(ready, replace(ready, index=1, launch_id="", allocation=None, instance_id="")),
    )
    after = stopped(half, facts(left={"slots_free": 0}, catalogue=None))
    assert (after.state, len(after.shares)) == (RequestState.FULFILLED, 1)


def test_a_launch_has_no_more_slots_than_its_transaction_can_hold() -> None:
    found = placed(a_request(count=100), given=facts(a_pool(limits=WIDE)))
    assert [len(draft.launch.slots) for draft in found.drafts] == [MAX_SLOTS, MAX_SLOTS, 20]
    states = [request.state for draft in found.drafts for _, request in draft.requests]
    assert states == [RequestState.REQUESTED, RequestState.REQUESTED, RequestState.RESERVED]


SHAPES: Any = st.builds(
    dict,
    count=st.integers(1, 45),
    market=st.sampled_from(("on-demand", "spot", "spot-first")),
    sharing=st.sampled_from(("requester", "exclusive")),
    need=st.builds(Need, vcpus=st.sampled_from((1, 2, 8, 900)), memory_mib=st.just(4096)),
    since=st.integers(0, 50).map(lambda seconds: NOW - timedelta(seconds=seconds)),
)
REQUESTS = st.lists(SHAPES, min_size=1, max_size=8).map(
    lambda shapes: [a_request(f"r-{i}", **shape) for i, shape in enumerate(shapes)]
)
LEFT = st.fixed_dictionaries(
    {
        "slots_free": st.integers(-5, 120),
        "pending_free": st.integers(-5, 120),
        "usd_micros_free": st.integers(-100_000, 20_000_000),
    }
)


@given(requests=REQUESTS, left=LEFT)
def test_launches_never_take_more_than_the_pool_has_left(
    requests: list[Request], left: dict[str, int]
) -> None:
    found = placed(*requests, given=facts(a_pool(limits=WIDE), left=left))
    slots = sum(len(draft.launch.slots) for draft in found.drafts)
    dollars = sum(len(d.launch.slots) * d.launch.reserved_usd_micros for d in found.drafts)
    assert slots <= max(0, min(left["slots_free"], left["pending_free"]))
    assert dollars <= max(0, left["usd_micros_free"])


@given(requests=REQUESTS, left=LEFT)
def test_every_share_is_in_at_most_one_slot_and_every_request_has_an_outcome(
    requests: list[Request], left: dict[str, int]
) -> None:
    found = placed(*requests, given=facts(a_pool(limits=WIDE), left=left))
    seats = [(s.tenant.request_id, s.tenant.index) for d in found.drafts for s in d.launch.slots]
    assert max(Counter(seats).values(), default=1) == 1
    last = {r.request_id: r for d in found.drafts for _, r in d.requests} | {
        r.request_id: r for _, r in found.settled
    }
    assert set(last) == {request.request_id for request in requests}
    for request in last.values():
        launched = {(request.request_id, share.index) for share in request.shares if share.launch_id}
        assert launched == {seat for seat in seats if seat[0] == request.request_id}


@given(requests=REQUESTS, left=LEFT)
def test_each_change_starts_where_the_one_before_it_ended(
    requests: list[Request], left: dict[str, int]
) -> None:
    found = placed(*requests, given=facts(a_pool(limits=WIDE), left=left))
    current: dict[str, Request | None] = {request.request_id: request for request in requests}
    for before, after in [c for d in found.drafts for c in d.requests] + list(found.settled):
        assert before == current[after.request_id]
        current[after.request_id] = after


@given(requests=REQUESTS, order=st.randoms(use_true_random=False))
def test_the_same_work_in_any_order_makes_the_same_launches(requests: list[Request], order: Any) -> None:
    given = facts(a_pool(limits=WIDE))
    waiting: list[Waiting] = [(request, request) for request in requests]
    order.shuffle(waiting)
    assert place(waiting, given, {}).drafts == placed(*requests, given=given).drafts


@given(requests=REQUESTS)
def test_a_launch_id_is_a_client_token(requests: list[Request]) -> None:
    ids = [d.launch.launch_id for d in placed(*requests, given=facts(a_pool(limits=WIDE))).drafts]
    assert len(ids) == len(set(ids))
    assert all(each.isascii() and len(each) <= 64 for each in ids)


def test_a_further_try_is_another_launch() -> None:
    (first,) = placed(a_request()).drafts
    again = first.requests[0][1].unplaced(frozenset({0}))
    (second,) = placed(again).drafts
    assert first.launch.launch_id != second.launch.launch_id


DEPLOYED = Deployment(
    pool="default",
    ami_set="base",
    number=3,
    follow=Follow.NEVER,
    images={"amd64": "ami-1"},
    by="ops",
    at=NOW,
    checked_at=NOW,
)


def deployed(images: dict[str, str], deployment: Deployment = DEPLOYED) -> Facts:
    return facts(images={"default": images}, deployments={"default": deployment})


def wanting(architecture: str) -> Request:
    return a_request(need=replace(a_request().need, architecture=architecture))


def test_an_image_that_the_deployed_version_does_not_name_refuses_the_request_at_once_and_by_name() -> None:
    after = stopped(wanting("arm64"), deployed({"amd64": "ami-1"}))
    assert after.state is RequestState.REFUSED
    assert after.answer
    reason = json.loads(after.answer)["reason"]
    assert (reason["code"], reason["message"]) == (
        "image_unavailable",
        "AMI set 'base', version 3 has no image for arm64 here",
    )


def test_a_deployed_image_that_is_not_sound_lets_the_request_wait() -> None:
    bad = replace(DEPLOYED, defects={"amd64": ("missing",)})
    after = stopped(wanting("amd64"), deployed({}, bad))
    assert after.state is RequestState.REQUESTED
    assert after.obstacle
    assert (after.obstacle.code, "amd64: missing" in after.obstacle.message) == (Code.IMAGE_UNAVAILABLE, True)


def test_an_arm64_type_never_meets_the_image_of_another_architecture() -> None:
    (draft,) = placed(wanting("any"), given=deployed({"amd64": "ami-1"})).drafts
    plan = draft.launch.plan
    assert {offering.architecture for offering in plan.offerings} == {"amd64"}
    assert plan.images == {"amd64": "ami-1"}


def a_switch(pool: str = "default", **changes: Any) -> Switch:
    return replace(
        Switch(stops=Stops.LAUNCH, pool=pool, on=False, by="ops", at=NOW, reason="an incident"), **changes
    )


@pytest.mark.parametrize("pool", ["default", EVERYWHERE])
def test_where_launches_are_stopped_a_request_waits_and_is_told_by_whom_and_why(pool: str) -> None:
    after = stopped(a_request(), facts(switches=(a_switch(pool),)))
    assert after.obstacle == Reason(Code.PAUSED, "ops has stopped launches: an incident")
    assert after.state is RequestState.REQUESTED


@pytest.mark.parametrize(
    "switch", [a_switch("other"), a_switch(on=True), a_switch(stops=Stops.REAP)], ids=["pool", "on", "other"]
)
def test_a_switch_stops_nothing_else(switch: Switch) -> None:
    assert placed(a_request(), given=facts(switches=(switch,))).drafts
