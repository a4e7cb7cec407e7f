"""Use what runs before anything is launched."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocate_instances.plan.placing import Facts
from allocate_instances.plan.reusing import reuse
from railyard.model.instances import MAX_SHARES, PLACEABLE, Instance, InstanceState, Room
from railyard.model.ledger import Commit
from railyard.model.requests import Need, Request, RequestState
from tests.builders import NOW, a_catalogue, a_pool, a_request, a_tenant, an_instance, counters

FACTS = Facts(
    stack="railyard",
    now=NOW,
    lock=timedelta(seconds=90),
    pools={"default": a_pool()},
    counters={"default": counters(a_pool())},
    catalogue=a_catalogue(),
    images={"default": {"amd64": "ami-1"}},
    templates={"default": "railyard-default-1"},
)


def reused(*requests: Request, on: list[Instance], given: Facts = FACTS) -> tuple[Commit, ...]:
    return reuse([(request, request) for request in requests], on, given)


def served(request: Request, machine: Instance) -> bool:
    return bool(reused(request, on=[machine]))


def test_a_share_on_a_running_machine_is_fulfilled_at_once() -> None:
    (commit,) = reused(a_request(), on=[an_instance()])
    before, after = commit.instances[0]
    assert commit.requests[0][1].state is RequestState.FULFILLED
    assert before == an_instance()
    assert after.free == an_instance().free.minus(Room(vcpus=2, memory_mib=4096))
    assert after.idle_since is None


def test_the_smallest_room_that_fits_is_taken() -> None:
    wide = an_instance("i-1", free=Room(vcpus=8, memory_mib=30_000))
    tight = an_instance("i-2", free=Room(vcpus=2, memory_mib=4_096))
    (commit,) = reused(a_request(), on=[wide, tight])
    assert commit.instances[0][1].instance_id == "i-2"


@pytest.mark.parametrize(
    ("machine", "asked", "serves"),
    [
        ({}, {}, True),
        ({"state": InstanceState.DRAINING}, {}, False),
        ({"state": InstanceState.TERMINATING}, {}, False),
        ({"state": InstanceState.LOST}, {}, False),
        ({"private_ip": ""}, {}, False),
        ({"pool": "other"}, {}, False),
        ({"template": "railyard-default-0"}, {}, False),
        ({"ends_at": NOW + timedelta(seconds=900)}, {}, False),
        ({"ends_at": NOW + timedelta(seconds=901)}, {}, True),
        ({"architecture": "arm64"}, {}, False),
        ({"architecture": "arm64"}, {"need": Need(vcpus=2, memory_mib=4096, architecture="any")}, True),
        ({"market": "spot"}, {}, False),
        ({"market": "spot"}, {"market": "spot-first"}, True),
        ({}, {"market": "spot-first"}, True),
        ({"market": "on-demand"}, {"market": "spot"}, False),
        ({}, {"need": Need(vcpus=2, memory_mib=1, zones=("us-east-1b",))}, False),
        ({}, {"need": Need(vcpus=2, memory_mib=1, instance_types=("c7*",))}, False),
        ({}, {"need": Need(vcpus=2, memory_mib=1, local_disk_gib=1)}, False),
        ({}, {"need": Need(vcpus=5, memory_mib=1)}, False),
        ({}, {"need": Need(vcpus=1, memory_mib=15_566)}, False),
        ({}, {"need": Need(vcpus=1, memory_mib=1, disk_gib=51)}, False),
        ({}, {"need": Need(vcpus=1, memory_mib=1, gpus=1)}, False),
        ({}, {"parameters": {"job": "1"}}, False),
    ],
    ids=str,
)
def test_a_machine_serves_what_it_was_made_for(
    machine: dict[str, Any], asked: dict[str, Any], *, serves: bool
) -> None:
    assert served(a_request(**asked), replace(an_instance(), **machine)) is serves


@pytest.mark.parametrize("state", sorted(PLACEABLE))
def test_only_a_machine_of_the_image_that_its_pool_launches_now_takes_newcomers(state: InstanceState) -> None:
    given = replace(
        FACTS, images={"default": {"amd64": "ami-2", "arm64": "ami-1"}, "canary": {"amd64": "ami-1"}}
    )
    other, same = (an_instance(state=state, image_id=image) for image in ("ami-1", "ami-2"))
    assert not reused(a_request(), on=[other], given=given)
    assert reused(a_request(), on=[same], given=given)


def test_where_the_image_of_now_is_unknown_a_machine_of_any_image_takes_newcomers() -> None:
    given = replace(FACTS, images={"default": {"arm64": "ami-2"}})
    assert reused(a_request(), on=[an_instance()], given=given)


@pytest.mark.parametrize(
    ("sitting", "coming", "together"),
    [
        ("requester", {"sharing": "requester"}, True),
        ("requester", {"sharing": "requester", "requester": "other"}, False),
        ("requester", {"sharing": "pool", "requester": "other"}, False),
        ("pool", {"sharing": "pool", "requester": "other"}, True),
        ("pool", {"sharing": "requester", "requester": "other"}, False),
        ("pool", {"sharing": "requester"}, True),
        ("exclusive", {"sharing": "pool"}, False),
        ("exclusive", {"sharing": "exclusive"}, False),
        ("pool", {"sharing": "exclusive"}, False),
    ],
)
def test_tenants_share_only_if_both_agree(sitting: str, coming: dict[str, str], *, together: bool) -> None:
    machine = an_instance("i-1", a_tenant("other", sharing=sitting))
    assert served(a_request(reply_to=None, **coming), machine) is together


def test_a_machine_has_a_bounded_number_of_shares() -> None:
    def crowded(count: int) -> Instance:
        tenants = (a_tenant(f"r-{i}", room=Room()) for i in range(count))
        return an_instance("i-1", *tenants)

    assert served(a_request(), crowded(MAX_SHARES - 1))
    assert not served(a_request(), crowded(MAX_SHARES))


def test_what_finds_no_room_is_left_for_a_launch() -> None:
    commits = reused(a_request("a"), a_request("b"), a_request("c"), on=[an_instance()])
    assert [commit.requests[0][1].request_id for commit in commits] == ["a", "b"]


def test_a_part_of_a_request_may_sit_while_the_rest_waits() -> None:
    (commit,) = reused(a_request(count=3), on=[an_instance()])
    after = commit.requests[0][1]
    assert (after.state, after.placed) == (RequestState.REQUESTED, 2)


ROOMS = st.builds(
    Room,
    vcpus=st.integers(1, 8),
    memory_mib=st.integers(128, 16_384),
    disk_gib=st.integers(0, 100),
    gpus=st.integers(0, 2),
)
NEEDS = ROOMS.map(lambda r: Need(vcpus=r.vcpus, memory_mib=r.memory_mib, disk_gib=r.disk_gib, gpus=r.gpus))
ASKED = st.lists(
    st.tuples(
        NEEDS, st.integers(1, 4), st.sampled_from(("requester", "exclusive", "pool")), st.sampled_from("ab")
    ),
    max_size=10,
)


@given(asked=ASKED, rooms=st.lists(ROOMS, max_size=6))
def test_room_is_never_given_twice_and_a_loner_stays_alone(asked: list[Any], rooms: list[Room]) -> None:
    machines = [an_instance(f"i-{n}", capacity=room, free=room) for n, room in enumerate(rooms)]
    requests = [
        a_request(f"r-{n}", need=need, count=count, sharing=sharing, requester=who)
        for n, (need, count, sharing, who) in enumerate(asked)
    ]
    current = {machine.instance_id: machine for machine in machines}
    for commit in reused(*requests, on=machines):
        for before, after in commit.instances:
            assert before == current[after.instance_id]
            current[after.instance_id] = after
    for machine in current.values():
        used = Room()
        for tenant in machine.tenants:
            used = used.plus(tenant.room)
        assert machine.capacity.holds(used)
        assert machine.free == machine.capacity.minus(used)
        if any(tenant.sharing == "exclusive" for tenant in machine.tenants):
            assert len(machine.tenants) == 1
        assert len({t.requester for t in machine.tenants if t.sharing == "requester"}) <= 1
