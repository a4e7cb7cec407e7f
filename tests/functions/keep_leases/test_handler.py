"""Commands of the lease queue, each on its own: what failed comes again."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from keep_leases import handler as door
from keep_leases.settings import Settings
from railyard.errors import Throttled
from tests.bench import CI, Pointers
from tests.builders import NOW, a_tenant, an_instance, fulfilled
from tests.functions.doors import CONTEXT, a_record, assert_each_variable_is_needed, wire
from tests.functions.records import MemoryLedger

SETTINGS = Settings(
    requests_table="requests",
    instances_table="instances",
    pools_table="pools",
    requesters_table="requesters",
    wake_queue_url="",
    api_role_id="AROAAPI",
)


class Requesters:
    """Only ``ci``."""

    def all(self, now: object) -> Any:
        return (CI,)


def body(action: str, request_id: str, **more: Any) -> str:
    return json.dumps({"version": 1, "action": action, "request_id": request_id, "epoch": 1} | more)


def test_each_variable_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert_each_variable_is_needed(door, Settings, monkeypatch)


def test_commands_are_carried_out_and_room_wakes_its_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = MemoryLedger(
        fulfilled("ci-1", "i-1"),
        fulfilled("ci-2", "i-2"),
        an_instance("i-1", a_tenant("ci-1")),
        an_instance("i-2", a_tenant("ci-2")),
    )
    wake = Pointers()
    wire(door, monkeypatch, SETTINGS, ledger, wake, Requesters())
    records = [
        a_record(body("renew", "ci-1", lease_seconds=600), "m-1", "leases"),
        a_record(body("release", "ci-2"), "m-2", "leases"),
    ]
    assert door.handler({"Records": records}, CONTEXT) == {"batchItemFailures": []}
    until = fulfilled("ci-1").lease_until
    assert until
    assert ledger.request("ci-1").lease_until == max(until, NOW + timedelta(seconds=600))
    assert ledger.request("ci-2").state == "RELEASED"
    assert wake.take() == [{"pool": "default"}]


def test_only_the_api_speaks_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = MemoryLedger(fulfilled("ci-1", "i-1"), an_instance("i-1", a_tenant("ci-1")))
    wire(door, monkeypatch, SETTINGS, ledger, Pointers(), Requesters())
    forwarded = {"messageAttributes": {"railyard-sender": {"stringValue": "AROACI:s"}}}
    thief = a_record(body("release", "ci-1"), "m-1", "leases", sender="AROATHIEF:s") | forwarded
    door.handler({"Records": [thief]}, CONTEXT)
    assert ledger.request("ci-1").state == "FULFILLED"
    api = a_record(body("release", "ci-1"), "m-2", "leases", sender="AROAAPI:f") | forwarded
    door.handler({"Records": [api]}, CONTEXT)
    assert ledger.request("ci-1").state == "RELEASED"


def test_a_command_that_could_not_be_committed_comes_again_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = MemoryLedger(fulfilled("ci-1", "i-1"), fulfilled("ci-2", "i-2"))

    def busy() -> None:
        raise Throttled("busy")

    ledger.races.append(busy)
    wire(door, monkeypatch, SETTINGS, ledger, Pointers(), Requesters())
    records = [a_record(body("renew", f"ci-{n}"), f"m-{n}", "leases") for n in (1, 2)]
    answer = door.handler({"Records": records}, CONTEXT)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m-1"}]}
    assert ledger.request("ci-2").sequence > fulfilled("ci-2", "i-2").sequence
