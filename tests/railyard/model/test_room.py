"""Room returns once, to the machine that gave it."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from railyard.model.instances import Room
from railyard.model.requests import Share
from railyard.model.room import IN_ONE, ending, machines_of, unclaimed
from tests.builders import NOW, a_request, a_tenant, an_instance, fulfilled

MACHINE = "i-0000000000000001"


def test_a_released_share_gives_its_room_back_in_the_requests_own_commit() -> None:
    held, machine = fulfilled(), an_instance(MACHINE, a_tenant("ci-1"), a_tenant("ci-2"))
    after = held.released(NOW, frozenset({0}))
    (commit,) = ending(held, after, [machine], NOW)
    assert commit.requests == ((held, after),)
    ((before, freed),) = commit.instances
    assert before is machine
    assert freed.tenants == (a_tenant("ci-2"),)
    assert freed.free == machine.free.plus(a_tenant().room)
    assert freed.idle_since is None


def test_a_machine_without_shares_is_idle_from_that_moment() -> None:
    assert an_instance(MACHINE, a_tenant()).without("ci-1", frozenset({0}), NOW).idle_since == NOW


def test_giving_back_twice_changes_nothing() -> None:
    machine = an_instance(MACHINE, a_tenant())
    once = machine.without("ci-1", frozenset({0}), NOW)
    assert once.without("ci-1", frozenset({0}), NOW) is once
    held = fulfilled()
    (commit,) = ending(held, held.expired(NOW), [once], NOW)
    assert commit.instances == ()


def test_a_share_that_moved_is_given_back_where_it_was() -> None:
    before = a_request(count=2, shares=(Share(index=0, instance_id="i-1"), Share(index=1, instance_id="i-2")))
    after = replace(before, shares=(Share(index=0, instance_id="i-3"), before.shares[1]))
    assert machines_of(before, after) == {"i-1": frozenset({0})}


def test_a_new_request_gives_nothing_back() -> None:
    (commit,) = ending(None, a_request(), [an_instance(MACHINE, a_tenant())], NOW)
    assert commit.instances == ()


def test_room_of_many_machines_returns_in_commits_that_dynamodb_takes() -> None:
    ids = [f"i-{n}" for n in range(IN_ONE + 1)]
    held = fulfilled(count=len(ids), shares=tuple(Share(index=n, instance_id=i) for n, i in enumerate(ids)))
    machines = [an_instance(i, a_tenant("ci-1", n)) for n, i in enumerate(ids)]
    first, second = ending(held, held.expired(NOW), machines, NOW)
    assert (len(first.requests), len(first.instances)) == (1, IN_ONE)
    assert (len(second.requests), len(second.instances)) == (0, 1)


def test_tenants_without_a_claim_are_taken_off() -> None:
    machine = an_instance(MACHINE, a_tenant("ci-1"), a_tenant("ci-1", 1), a_tenant("ci-9"))
    cleared = unclaimed(machine, {"ci-1": fulfilled("ci-1", MACHINE)}, NOW)
    assert cleared.tenants == (a_tenant("ci-1"),)
    assert unclaimed(cleared, {"ci-1": fulfilled("ci-1", MACHINE)}, NOW) is cleared


def test_a_claim_on_another_machine_is_no_claim_here() -> None:
    machine = an_instance(MACHINE, a_tenant("ci-1"))
    assert unclaimed(machine, {"ci-1": fulfilled("ci-1", "i-elsewhere")}, NOW).tenants == ()


@given(going=st.lists(st.integers(0, 5), max_size=20))
def test_free_room_and_the_shares_room_are_together_the_capacity(going: list[int]) -> None:
    tenants = [a_tenant("ci-1", index, room=Room(vcpus=index, memory_mib=128 * index)) for index in range(6)]
    machine = an_instance(MACHINE, *tenants)
    for index in going:
        machine = machine.without("ci-1", frozenset({index}), NOW)
        total = machine.free
        for tenant in machine.tenants:
            total = total.plus(tenant.room)
        assert total == machine.capacity
    assert {tenant.index for tenant in machine.tenants} == set(range(6)) - set(going)
