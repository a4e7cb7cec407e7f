"""Signals from three sources; those that nobody may say are left, and the batch is whole."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from railyard.aws.instances import Ec2Instances
from railyard.errors import RailyardError
from tests.bench import Bench, allocate_body, bench
from tests.functions.doors import CONTEXT, a_record, assert_each_variable_is_needed
from tests.railyard.aws.stubs import Recorder, refused
from track_instances import handler as door
from track_instances.run import Ports
from track_instances.settings import Settings

WHOLE: dict[str, Any] = {"batchItemFailures": []}


def knock(stand: Bench, monkeypatch: pytest.MonkeyPatch, *records: Any, ec2: Any = None) -> Any:
    ports = Ports(
        ledger=stand.ledger,
        machines=Ec2Instances(ec2 or stand.client, ""),
        waking=stand.wake,
        later=stand.signals,
    )
    settings = replace(stand.track_settings, node_role_id="AROANODE")
    monkeypatch.setattr(door, "_wired", lambda: (settings, ports))
    monkeypatch.setattr("railyard.aws.clock.source", lambda: stand.now)
    return door.handler({"Records": list(records)}, CONTEXT)


def launched(stand: Bench) -> str:
    """Launch one machine, let it run, and return its id."""
    stand.ask(allocate_body())
    stand.pass_time(seconds=60)
    (machine,) = stand.alive()
    return machine


def state_change(machine: str) -> str:
    detail = {"instance-id": machine, "state": "running"}
    return json.dumps({"detail-type": "EC2 Instance State-change Notification", "detail": detail})


def report(machine: str) -> str:
    return json.dumps({"version": 1, "instance_id": machine, "boot_id": "b", "sequence": 1})


def test_each_variable_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert_each_variable_is_needed(door, Settings, monkeypatch)


def test_an_event_about_a_machine_that_runs_fulfils_its_request(monkeypatch: pytest.MonkeyPatch) -> None:
    with bench() as stand:
        record = a_record(state_change(launched(stand)), queue="signals")
        assert knock(stand, monkeypatch, record) == WHOLE
        assert stand.request("ci-1").state == "FULFILLED"


def test_what_cannot_be_believed_is_left_and_the_others_are_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    with bench() as stand:
        machine = launched(stand)
        records = [
            a_record("no json", "m-1", "signals"),
            a_record('{"detail": {}}', "m-2", "signals"),
            a_record(report(machine), "m-3", "reports", "AROANODE:i-0123456789abcdef0"),
            a_record(report(machine), "m-4", "reports", f"AROATHIEF:{machine}"),
        ]
        assert knock(stand, monkeypatch, *records) == WHOLE
        assert stand.request("ci-1").state == "RESERVED"
        own = a_record(report(machine), "m-5", "reports", f"AROANODE:{machine}")
        assert knock(stand, monkeypatch, records[0], own) == WHOLE
        assert stand.request("ci-1").state == "FULFILLED"


@pytest.mark.filterwarnings("ignore:No application metrics")  # a failed run has none
def test_a_listing_that_failed_fails_the_whole_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    with bench() as stand:
        record = a_record(state_change(launched(stand)), queue="signals")
        with pytest.raises(RailyardError):
            knock(stand, monkeypatch, record, ec2=Recorder(lambda _, __: refused("RequestLimitExceeded")))
