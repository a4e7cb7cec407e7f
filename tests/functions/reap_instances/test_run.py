"""Ends in steps, each of them safe alone: records in memory, EC2 as a list."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from local.ec2.timing import PROMPT
from railyard.errors import RailyardError, Throttled
from railyard.model.instances import Instance, InstanceState, Sighting
from railyard.model.launches import Launch, LaunchState
from railyard.model.requests import Request, RequestState
from reap_instances.run import Outcome, Ports, run
from tests.bench import Bench, Pointers, allocate_body, bench
from tests.builders import (
    NOW,
    a_launch,
    a_pool,
    a_request,
    a_sighting,
    a_tenant,
    an_instance,
    fulfilled,
    reserved,
)
from tests.functions.reap_instances.test_plan import SETTINGS
from tests.functions.records import MemoryLedger

MACHINE = "i-0000000000000001"
IDLE = NOW - timedelta(seconds=600)
LATER = NOW + timedelta(hours=1)


class Machines:
    """EC2's listing; *log* holds what was asked, *deaf* the machines that it refuses to end."""

    def __init__(self, *shown: Sighting, deaf: Sequence[str] = ()) -> None:
        self.shown = list(shown)
        self.deaf = deaf
        self.log: list[Any] = []

    def owned(self) -> list[Sighting]:
        self.log.append("list")
        return self.shown

    def terminate(self, ids_by_zone: Mapping[str, Sequence[str]]) -> dict[str, RailyardError]:
        self.log.append({zone: list(ids) for zone, ids in ids_by_zone.items()})
        return {
            each: RailyardError("protected")
            for ids in ids_by_zone.values()
            for each in ids
            if each in self.deaf
        }


def reap(
    ledger: MemoryLedger, *shown: Sighting, machines: Machines | None = None, now: datetime = NOW
) -> Outcome:
    hands = Ports(ledger=ledger, machines=machines or Machines(*shown), wake=Pointers(), signals=Pointers())
    return run(hands, SETTINGS, now)


def lapsed(**changes: Any) -> Request:
    return fulfilled(lease_until=NOW - timedelta(seconds=31), **changes)


def test_with_nothing_on_record_ec2_is_listed_once_for_strays_may_be_there() -> None:
    machines = Machines()
    reap(MemoryLedger(), machines=machines)
    assert machines.log == ["list"]


def test_a_lease_that_lapsed_beyond_the_clocks_tolerance_expires_and_gives_its_room_back() -> None:
    ledger = MemoryLedger(lapsed(), an_instance(MACHINE, a_tenant("ci-1")))
    outcome = reap(ledger, a_sighting())
    assert outcome.expired == 1
    assert ledger.request("ci-1").state is RequestState.EXPIRED
    assert json.loads(ledger.request("ci-1").outbox[0])["event"] == "expired"
    assert ledger.instance(MACHINE).tenants == ()


def test_within_the_clocks_tolerance_it_lives() -> None:
    ledger = MemoryLedger(fulfilled(lease_until=NOW - timedelta(seconds=30)))
    assert reap(ledger).expired == 0


def test_a_renewal_that_came_between_wins() -> None:
    ledger = MemoryLedger(lapsed(), an_instance(MACHINE, a_tenant("ci-1")))
    renewed = ledger.request("ci-1").renewed(LATER, NOW, acknowledge=False)
    ledger.races.append(lambda: ledger.put(renewed))
    outcome = reap(ledger, a_sighting())
    assert (outcome.expired, outcome.conflicts >= 1) == (0, True)
    assert ledger.request("ci-1") is renewed
    assert len(ledger.instance(MACHINE).tenants) == 1


def test_an_idle_machine_is_fenced_before_it_is_terminated() -> None:
    ledger = MemoryLedger(an_instance(idle_since=IDLE))
    states: list[str] = []

    class Watching(Machines):
        def terminate(self, ids_by_zone: Mapping[str, Sequence[str]]) -> dict[str, RailyardError]:
            states.append(ledger.instance(MACHINE).state)
            return super().terminate(ids_by_zone)

    outcome = reap(ledger, machines=Watching(a_sighting()))
    assert (states, outcome.terminated) == (["TERMINATING"], 1)


def test_a_share_placed_in_between_saves_the_machine() -> None:
    ledger = MemoryLedger(an_instance(idle_since=IDLE))
    ledger.races.append(lambda: ledger.put(ledger.instance(MACHINE).hosting(a_tenant("ci-1"))))
    machines = Machines(a_sighting())
    outcome = reap(ledger, machines=machines)
    assert (outcome.fenced, machines.log) == ([], ["list"])


def test_at_the_end_of_its_life_a_machine_goes_and_its_holder_is_told() -> None:
    ledger = MemoryLedger(
        fulfilled(), an_instance(MACHINE, a_tenant("ci-1"), ends_at=NOW - timedelta(minutes=1))
    )
    reap(ledger, a_sighting())
    said = json.loads(ledger.request("ci-1").outbox[0])
    assert (said["event"], said["message"]) == ("lost", "end_of_life")
    assert ledger.instance(MACHINE).tenants == ()
    assert ledger.instance(MACHINE).state is InstanceState.TERMINATING


def test_a_failed_boot_puts_its_request_back_in_line() -> None:
    machine = an_instance(
        MACHINE, a_tenant("ci-1"), state=InstanceState.LAUNCHING, launched_at=NOW - timedelta(minutes=10)
    )
    ledger = MemoryLedger(reserved(a_request()).bound({0: MACHINE}), machine)
    outcome = reap(ledger, a_sighting(state="pending"))
    assert [end.why for end in outcome.fenced] == ["boot_failed"]
    assert (ledger.request("ci-1").state, ledger.request("ci-1").placed) == (RequestState.REQUESTED, 0)


def test_ends_are_batched_by_zone_and_a_refusal_is_named() -> None:
    ids = [f"i-{n:017x}" for n in range(3)]
    zones = ("us-east-1a", "us-east-1b", "us-east-1a")
    ledger = MemoryLedger(
        *(
            an_instance(key, idle_since=IDLE, availability_zone=zone)
            for key, zone in zip(ids, zones, strict=True)
        )
    )
    machines = Machines(*(a_sighting(key) for key in ids), deaf=[ids[1]])
    outcome = reap(ledger, machines=machines)
    assert machines.log[1] == {"us-east-1a": [ids[0], ids[2]], "us-east-1b": [ids[1]]}
    assert (outcome.terminated, list(outcome.refused)) == (2, [ids[1]])


def test_a_listing_that_fails_stops_the_run_before_anything_is_written() -> None:
    class Failing(Machines):
        def owned(self) -> list[Sighting]:
            raise Throttled("page 2")

    ledger = MemoryLedger(lapsed(), an_instance(MACHINE, a_tenant("ci-1"), idle_since=IDLE))
    with pytest.raises(Throttled):
        reap(ledger, machines=Failing())
    assert ledger.commits == []


def test_what_is_launched_after_the_listing_is_not_taken_for_missing() -> None:
    old = an_instance("i-old")
    ledger = MemoryLedger(old)

    class Launching(Machines):
        def owned(self) -> list[Sighting]:
            ledger.put(an_instance("i-new", launched_at=NOW))
            return [a_sighting("i-old")]

    reap(ledger, machines=Launching())
    assert ledger.instance("i-new").missing_since is None
    assert ledger.instance("i-new").state is InstanceState.READY


def test_missing_once_is_noted_missing_twice_is_gone_and_seen_again_is_forgiven() -> None:
    ledger = MemoryLedger(an_instance())
    assert reap(ledger).gone == 0
    assert ledger.instance(MACHINE).missing_since == NOW
    reap(ledger, a_sighting(), now=NOW + timedelta(seconds=60))
    assert ledger.instance(MACHINE).missing_since is None
    reap(ledger, now=NOW + timedelta(seconds=120))
    assert reap(ledger, now=NOW + timedelta(seconds=179)).gone == 0
    assert reap(ledger, now=NOW + timedelta(seconds=180)).gone == 1
    assert ledger.instance(MACHINE).state is InstanceState.GONE
    assert not ledger.instance(MACHINE).counted


def test_gone_machines_are_committed_in_batches() -> None:
    ids = [f"i-{n:017x}" for n in range(95)]
    ledger = MemoryLedger(*(an_instance(key, state=InstanceState.TERMINATING) for key in ids))
    outcome = reap(ledger, *(a_sighting(key, state="terminated") for key in ids))
    assert (outcome.gone, [len(commit.instances) for commit in ledger.commits]) == (95, [40, 40, 15])


def test_a_stray_machine_is_held_and_ended_after_the_grace() -> None:
    stray = a_sighting("i-stray", tags={"railyard:pool": "default"}, launched_at=NOW - timedelta(minutes=5))
    ledger = MemoryLedger(fulfilled(), an_instance(MACHINE, a_tenant("ci-1")))
    assert reap(ledger, a_sighting(), stray).held == 1
    assert ledger.instance("i-stray").state is InstanceState.HELD
    assert reap(ledger, a_sighting(), stray, now=NOW + timedelta(seconds=599)).fenced == []
    (end,) = reap(ledger, a_sighting(), stray, now=NOW + timedelta(seconds=600)).fenced
    assert (end.instance.instance_id, end.why) == ("i-stray", "orphan")


def test_room_that_nobody_claims_any_more_is_freed() -> None:
    ended = fulfilled().expired(NOW)
    machine = an_instance(MACHINE, a_tenant("ci-1"), a_tenant("never-heard-of", 3))
    ledger = MemoryLedger(ended, machine)
    assert reap(ledger, a_sighting()).freed == 1
    assert (ledger.instance(MACHINE).tenants, ledger.instance(MACHINE).idle_since) == ((), NOW)


def test_room_that_is_claimed_stays() -> None:
    ledger = MemoryLedger(fulfilled(), an_instance(MACHINE, a_tenant("ci-1")))
    assert reap(ledger, a_sighting()).freed == 0


def a_stale_launch() -> Launch:
    long_ago = NOW - timedelta(seconds=690)
    return a_launch(a_tenant("ci-1"), deadline=long_ago, lock_until=long_ago)


def test_an_unanswered_launch_is_closed_and_its_share_waits_again() -> None:
    ledger = MemoryLedger(a_stale_launch(), reserved(a_request()))
    outcome = reap(ledger)
    (launch,) = (change.launches[0][1] for change in ledger.commits if change.launches)
    assert (outcome.closed, launch.state) == (1, LaunchState.REFUSED)
    assert (ledger.request("ci-1").state, ledger.request("ci-1").placed) == (RequestState.REQUESTED, 0)


def test_pointers_go_to_what_waits_what_is_open_and_what_was_not_heard() -> None:
    wake, signals = Pointers(), Pointers()
    ledger = MemoryLedger(
        a_launch(a_tenant("ci-1"), lock_until=NOW),
        a_request(),
        an_instance(state=InstanceState.LAUNCHING, launched_at=NOW),
        pools=[a_pool(), a_pool("quiet")],
    )
    ports = Ports(ledger=ledger, machines=Machines(a_sighting()), wake=wake, signals=signals)
    run(ports, SETTINGS, NOW)
    assert wake.take() == [{"launch": "l-1"}, {"pool": "default"}]
    assert signals.take() == [{"instances": [MACHINE]}]


def test_a_conflict_over_one_machine_does_not_stop_the_others() -> None:
    def two(**changes: Any) -> list[Instance]:
        return [replace(an_instance(key, idle_since=IDLE), **changes) for key in ("i-1", "i-2")]

    ledger = MemoryLedger(*two())
    ledger.races.append(lambda: ledger.put(replace(ledger.instance("i-1"), sequence=9)))
    outcome = reap(ledger, a_sighting("i-1"), a_sighting("i-2"))
    assert [end.instance.instance_id for end in outcome.fenced] == ["i-2"]
    assert outcome.conflicts == 1


# -- on real tables ----------------------------------------------------------------------------------------


@pytest.fixture
def yard() -> Iterator[Bench]:
    with bench(timing=PROMPT) as made:
        yield made


def test_a_forgotten_lease_ends_in_an_ended_machine_and_full_counters(yard: Bench) -> None:
    full = yard.counters()
    yard.ask(allocate_body(lease_seconds=60))
    yard.look()
    yard.pass_time(seconds=91)
    assert yard.reap().expired == 1
    yard.pass_time(seconds=600)
    assert len(yard.reap().fenced) == 1
    yard.pass_time(seconds=60)
    assert yard.reap().gone == 1
    assert (yard.alive(), yard.counters()) == ([], full)


def test_a_lease_that_is_renewed_in_time_outlives_every_run(yard: Bench) -> None:
    yard.ask(allocate_body(lease_seconds=60))
    yard.look()
    for _ in range(4):
        yard.pass_time(seconds=50)
        yard.lease({"version": 1, "action": "renew", "request_id": "ci-1", "epoch": 1, "lease_seconds": 60})
        assert yard.reap().expired == 0
    assert len(yard.alive()) == 1
