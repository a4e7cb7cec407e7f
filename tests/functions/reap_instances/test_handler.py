"""A tick reaps once and tells what it did; a failure escapes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from railyard.aws.instances import Ec2Instances
from railyard.errors import RailyardError
from reap_instances import handler as door
from reap_instances.run import Ports
from reap_instances.settings import Settings
from tests.bench import Bench, allocate_body, bench
from tests.functions.doors import CONTEXT, assert_each_variable_is_needed
from tests.railyard.aws.stubs import Recorder, refused


def tick(stand: Bench, monkeypatch: pytest.MonkeyPatch, ec2: Any = None) -> dict[str, int]:
    machines = Ec2Instances(ec2 or stand.client, "railyard")
    ports = Ports(ledger=stand.ledger, machines=machines, wake=stand.wake, signals=stand.signals)
    parts = (stand.reap_settings, ports)
    monkeypatch.setattr(door, "_wired", lambda: parts)
    monkeypatch.setattr("railyard.aws.clock.source", lambda: stand.now)
    counts: dict[str, int] = door.handler({}, CONTEXT)
    return counts


def test_each_variable_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert_each_variable_is_needed(door, Settings, monkeypatch)


def test_with_nothing_open_a_tick_counts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with bench() as stand:
        assert not any(tick(stand, monkeypatch).values())


def test_a_lapsed_lease_and_an_idle_machine_are_ended_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    with bench() as stand:
        stand.ask(allocate_body())
        stand.pass_time(seconds=60)
        stand.look()
        assert stand.request("ci-1").state == "FULFILLED"
        stand.pass_time(hours=1)
        assert tick(stand, monkeypatch)["expired"] == 1
        stand.pass_time(hours=1)
        counts = tick(stand, monkeypatch)
        assert (counts["fenced"], counts["terminated"], counts["refused"]) == (1, 1, 0)
        stand.pass_time(minutes=1)
        assert stand.alive() == []


@pytest.mark.filterwarnings("ignore:No application metrics")  # a failed run has none
def test_a_listing_that_failed_fails_the_tick_and_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with bench() as stand:
        stand.ask(allocate_body())
        stand.now += timedelta(hours=3)
        broken = Recorder(lambda _, __: refused("InternalError", status=500))
        with pytest.raises(RailyardError):
            tick(stand, monkeypatch, broken)
        assert {name for name, _ in broken.calls} == {"describe_instances"}
