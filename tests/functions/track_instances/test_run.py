"""Signals followed: one look at EC2, one commit for each machine that changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from railyard.model.instances import InstanceState, Sighting
from railyard.model.requests import RequestState
from tests.bench import Pointers
from tests.builders import NOW, a_pool, a_request, a_sighting, a_tenant, an_instance, fulfilled, reserved
from tests.functions.records import MemoryLedger
from track_instances.run import LOOK_AGAIN_SECONDS, Outcome, Ports, run
from track_instances.settings import Settings
from track_instances.signals import Signal

MACHINE = "i-0000000000000001"
POINTER = Signal(instance_id=MACHINE)
SETTINGS = Settings(
    requests_table="", instances_table="", pools_table="", wake_queue_url="", signals_queue_url=""
)
WARNING = Signal(instance_id=MACHINE, warned_for=NOW + timedelta(minutes=2), why="spot interruption")


class Machines:
    """EC2 as it shows some machines; it counts how often it is asked."""

    def __init__(self, *shown: Sighting) -> None:
        self.shown = {each.instance_id: each for each in shown}
        self.looks: list[Sequence[str]] = []

    def look(self, ids: Sequence[str]) -> list[Sighting]:
        self.looks.append(ids)
        return [self.shown[each] for each in ids if each in self.shown]


def launching(*, agent: bool = False) -> MemoryLedger:
    """A machine on its way, and the request that waits for it."""
    return MemoryLedger(
        an_instance(MACHINE, a_tenant("ci-1"), state=InstanceState.LAUNCHING, ready_at=None),
        reserved(a_request()).bound({0: MACHINE}),
        pools=[a_pool(agent=agent)],
    )


def follow(
    ledger: MemoryLedger, *signals: Signal, shown: Any = "running", wake: Pointers | None = None
) -> Outcome:
    machines = Machines(*([a_sighting(MACHINE, state=shown)] if shown else []))
    return carry_on(signals, ledger, machines, wake)


def carry_on(
    signals: Sequence[Signal],
    ledger: MemoryLedger,
    machines: Machines,
    wake: Pointers | None = None,
    later: Pointers | None = None,
) -> Outcome:
    ports = Ports(ledger=ledger, machines=machines, waking=wake or Pointers(), later=later or Pointers())
    return run(signals, ports, SETTINGS, NOW)


def test_a_machine_that_became_ready_fulfils_its_request_in_one_write_and_wakes_its_pool() -> None:
    ledger, wake = launching(), Pointers()
    outcome = follow(ledger, POINTER, wake=wake)
    assert ledger.request("ci-1").state is RequestState.FULFILLED
    assert (outcome.ready, len(ledger.commits), wake.take()) == (1, 1, [{"pool": "default"}])


def test_a_foreign_instance_is_none_of_our_business_and_ec2_is_not_even_asked() -> None:
    ledger, machines = MemoryLedger(), Machines(a_sighting("i-foreign"))
    outcome = carry_on([Signal(instance_id="i-foreign")], ledger, machines)
    assert (outcome.unknown, ledger.commits, machines.looks) == (1, [], [])


def test_many_signals_about_one_machine_are_one_look_and_one_write() -> None:
    ledger = launching()
    machines = Machines(a_sighting(MACHINE))
    carry_on([POINTER, POINTER, POINTER], ledger, machines)
    assert (machines.looks, len(ledger.commits)) == ([[MACHINE]], 1)


def test_among_signals_about_one_machine_the_warning_counts() -> None:
    for signals in ([POINTER, WARNING], [WARNING, POINTER]):
        ledger = MemoryLedger(fulfilled(), an_instance(MACHINE, a_tenant("ci-1")))
        assert follow(ledger, *signals).warned == 1
        assert ledger.instance(MACHINE).state is InstanceState.DRAINING


def test_a_warning_about_a_machine_that_has_just_come_to_run_is_not_lost() -> None:
    ledger = launching()
    follow(ledger, WARNING)
    assert ledger.instance(MACHINE).state is InstanceState.DRAINING


def test_a_loss_is_told_once_however_often_it_is_signalled() -> None:
    ledger = MemoryLedger(fulfilled(), an_instance(MACHINE, a_tenant("ci-1")))
    first = follow(ledger, POINTER, shown="terminated")
    second = follow(ledger, POINTER, shown="terminated")
    assert (first.lost, second.lost, second.unchanged, len(ledger.commits)) == (1, 0, 1, 1)


def test_a_death_at_birth_wakes_the_pool_for_the_request_that_waits_again() -> None:
    ledger, wake = launching(), Pointers()
    follow(ledger, POINTER, shown="terminated", wake=wake)
    assert ledger.request("ci-1").state is RequestState.REQUESTED
    assert wake.take() == [{"pool": "default"}]


def test_a_forged_event_about_a_healthy_machine_changes_nothing() -> None:
    ledger = MemoryLedger(fulfilled(), an_instance(MACHINE, a_tenant("ci-1")))
    assert follow(ledger, POINTER).unchanged == 1
    assert ledger.commits == []


def test_silence_of_ec2_is_not_death() -> None:
    ledger = MemoryLedger(fulfilled(), an_instance(MACHINE, a_tenant("ci-1")))
    assert follow(ledger, POINTER, shown=None).unchanged == 1
    assert ledger.commits == []


def test_an_event_that_comes_after_the_fence_changes_nothing() -> None:
    ledger = MemoryLedger(an_instance(MACHINE, state=InstanceState.TERMINATING))
    assert follow(ledger, POINTER, shown="terminated").unchanged == 1


def test_a_lost_race_is_decided_anew() -> None:
    ledger = launching()
    ledger.races.append(lambda: ledger.put(ledger.request("ci-1").cancelled(NOW)))
    outcome = follow(ledger, POINTER)
    assert (outcome.ready, ledger.request("ci-1").state) == (1, RequestState.CANCELLED)


def test_two_machines_of_one_request_that_come_together_fulfil_it_once() -> None:
    other = "i-0000000000000002"
    request = reserved(a_request(count=2, minimum_count=2)).bound({0: MACHINE, 1: other})
    booting: dict[str, Any] = {"state": InstanceState.LAUNCHING, "ready_at": None}
    ledger = MemoryLedger(
        an_instance(MACHINE, a_tenant("ci-1"), **booting),
        an_instance(other, a_tenant("ci-1", 1), **booting),
        request,
    )
    machines = Machines(a_sighting(MACHINE), a_sighting(other))
    carry_on([POINTER, Signal(instance_id=other)], ledger, machines)
    done = ledger.request("ci-1")
    assert (done.state, done.epoch, len(done.shares)) == (RequestState.FULFILLED, 1, 2)


def test_a_young_machine_that_ec2_does_not_show_yet_is_looked_at_again_soon() -> None:
    ledger, later = launching(), Pointers()
    ledger.put(replace(ledger.instance(MACHINE), launched_at=NOW - timedelta(seconds=299)))
    outcome = carry_on([POINTER], ledger, Machines(), later=later)
    assert (outcome.unseen, later.sent) == (1, [({"instances": [MACHINE]}, LOOK_AGAIN_SECONDS)])


def test_a_machine_that_ought_to_be_shown_is_left_to_the_reaper() -> None:
    ledger, later = launching(), Pointers()
    ledger.put(replace(ledger.instance(MACHINE), launched_at=NOW - timedelta(seconds=300)))
    assert carry_on([POINTER], ledger, Machines(), later=later).unseen == 0
    assert later.sent == []
