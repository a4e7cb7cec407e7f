"""Whole commits on the tables: what fails, and how it says why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from railyard.errors import Conflict, LimitExceeded
from railyard.model.ledger import Commit
from railyard.model.pools import Limits
from tests.bench import Bench, bench
from tests.builders import NOW, a_launch, a_pool, a_request, a_tenant, an_instance, fulfilled, reserved

LIMITS = Limits(instances=2, pending_instances=2, usd_micros_per_hour=1_000_000, requester_instances=2)
MINE = ("default", "ci")


@pytest.fixture
def stand() -> Iterator[Bench]:
    """A pool of two machines and a dollar."""
    with bench(a_pool(limits=LIMITS)) as made:
        yield made


def launched(count: int, name: str = "ci-1", **changes: int) -> Commit:
    """A new request of *count* shares in a launch of its own."""
    tenants = [a_tenant(name, index) for index in range(count)]
    launch = a_launch(*tenants, launch_id=f"l-{name}", **changes)
    return Commit(
        requests=((None, reserved(a_request(name, count=count), launch.launch_id)),),
        launches=((None, launch),),
    )


def left(stand: Bench) -> tuple[int, int, int]:
    counters = stand.counters()
    return counters.slots_free, counters.pending_free, counters.usd_micros_free


def test_a_new_launch_takes_from_the_pool_and_from_its_requesters_quota(stand: Bench) -> None:
    stand.ledger.commit(launched(2), {MINE: 2})
    assert left(stand) == (0, 0, 400_000)
    assert stand.held() == 2


@pytest.mark.parametrize(
    ("change", "quota", "code"),
    [
        (launched(3), 9, "pool_limit"),
        (launched(2, reserved_usd_micros=500_001), 9, "pool_limit"),
        (launched(2), 1, "requester_quota"),
    ],
)
def test_a_launch_beyond_a_limit_writes_nothing_and_says_which(
    stand: Bench, change: Commit, quota: int, code: str
) -> None:
    with pytest.raises(LimitExceeded) as raised:
        stand.ledger.commit(change, {MINE: quota})
    assert raised.value.code == code
    assert left(stand) == (2, 2, 1_000_000)
    assert stand.held() == 0
    assert stand.ledger.requests(["ci-1"]) == {}
    assert stand.ledger.open_launches() == []


def test_what_is_held_already_counts_against_the_quota(stand: Bench) -> None:
    stand.ledger.commit(launched(1, "ci-1"), {MINE: 1})
    with pytest.raises(LimitExceeded) as raised:
        stand.ledger.commit(launched(1, "ci-2"), {MINE: 1})
    assert raised.value.code == "requester_quota"
    stand.ledger.commit(launched(1, "ci-2"), {MINE: 2})


def test_a_lost_race_is_a_conflict_even_when_the_limits_would_refuse_too(stand: Bench) -> None:
    stand.ledger.commit(launched(1), {MINE: 9})
    with pytest.raises(Conflict):
        stand.ledger.commit(launched(3), {MINE: 0})


def test_a_fact_is_charged_below_zero(stand: Bench) -> None:
    strays = [an_instance(f"i-{n}", usd_micros_per_hour=500_000) for n in range(3)]
    stand.ledger.commit(Commit(instances=tuple((None, stray) for stray in strays)))
    assert left(stand) == (-1, 2, -500_000)


def test_ending_a_request_returns_its_quota_and_nothing_of_the_pool(stand: Bench) -> None:
    change = launched(2)
    stand.ledger.commit(change, {MINE: 2})
    request = change.requests[0][1]
    stand.ledger.commit(Commit(requests=((request, request.cancelled(NOW)),)))
    assert (stand.held(), left(stand)[0]) == (0, 0)


def test_indexes_find_what_waits_what_has_room_and_what_lapsed(stand: Bench) -> None:
    roomy = an_instance("i-1", a_tenant())
    full = an_instance("i-2", a_tenant("ci-8"), a_tenant("ci-9"))
    gone = an_instance("i-3").gone(NOW, timedelta(days=1))
    machines = tuple((None, each) for each in (roomy, full, gone))
    later = a_request("ci-2", since=NOW + timedelta(seconds=1))
    requests = tuple((None, each) for each in (later, a_request("ci-3"), fulfilled("ci-1")))
    stand.ledger.commit(Commit(requests=requests, instances=machines))
    ledger = stand.ledger
    assert [each.request_id for each in ledger.waiting("default")] == ["ci-3", "ci-2"]
    assert [each.instance_id for each in ledger.roomy("default", "amd64", 1)] == ["i-1"]
    assert {each.instance_id for each in ledger.alive()} == {"i-1", "i-2"}
    until = fulfilled("ci-1").lease_until
    assert until
    assert ledger.lapsed("default", until) == []
    assert [r.request_id for r in ledger.lapsed("default", until + timedelta(seconds=1))] == ["ci-1"]


def test_a_machine_that_drains_takes_no_more_shares(stand: Bench) -> None:
    machine = an_instance("i-1")
    stand.ledger.commit(Commit(instances=((None, machine),)))
    stand.ledger.commit(Commit(instances=((machine, machine.draining("drifted")),)))
    assert stand.ledger.roomy("default", "amd64", 1) == []
    assert [each.instance_id for each in stand.ledger.alive()] == ["i-1"]


def test_one_look_reads_more_keys_than_one_call_takes(stand: Bench) -> None:
    for name in ("ci-1", "ci-2"):
        stand.ledger.commit(Commit(requests=((None, a_request(name)),)))
    wanted = ["ci-1", "ci-2", *(f"none-{n}" for n in range(150))]
    known = stand.ledger.look(wanted, ["default"])
    assert set(known.requests) == {"ci-1", "ci-2"}
    assert (known.pools["default"].name, known.counters["default"].slots_free) == ("default", 2)


def test_records_are_read_by_key(stand: Bench) -> None:
    launch, machine = a_launch(a_tenant()), an_instance("i-1", a_tenant())
    stand.ledger.commit(Commit(instances=((None, machine),), launches=((None, launch),)))
    assert stand.ledger.launches(["l-1", "l-2"]) == {"l-1": launch}
    assert stand.ledger.instances(["i-1"]) == {"i-1": machine}
    assert stand.ledger.open_launches() == [launch]
    assert stand.ledger.pools().pools == {"default": stand.pool}


def test_a_record_is_written_over_what_was_read_only(stand: Bench) -> None:
    request = a_request()
    stand.ledger.commit(Commit(requests=((None, request),)))
    stand.ledger.commit(Commit(requests=((request, request.cancelled(NOW)),)))
    with pytest.raises(Conflict):
        stand.ledger.commit(Commit(requests=((request, replace(request, sequence=9)),)))
