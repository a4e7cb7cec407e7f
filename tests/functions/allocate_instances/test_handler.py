"""Messages become requests, pointers become looks, and what failed comes again."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from allocate_instances import handler as door
from allocate_instances.settings import Settings
from railyard.errors import Throttled
from railyard.model.requests import RequestState
from tests.bench import Bench, allocate_body, bench
from tests.functions.doors import CONTEXT, a_record, assert_each_variable_is_needed, wire


def knock(stand: Bench, monkeypatch: pytest.MonkeyPatch, *records: Any) -> Any:
    wire(door, monkeypatch, stand.allocate_settings, partial(replace, stand.ports()))
    return door.handler({"Records": list(records)}, CONTEXT)


def test_each_variable_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert_each_variable_is_needed(door, Settings, monkeypatch)


def test_a_message_becomes_a_request_of_its_sender_and_a_launch(monkeypatch: pytest.MonkeyPatch) -> None:
    with bench() as stand:
        answer = knock(stand, monkeypatch, a_record(json.dumps(allocate_body())))
        assert answer == {"batchItemFailures": []}
        request = stand.request("ci-1")
        assert (request.requester, request.state) == ("ci", RequestState.RESERVED)
        assert [name for name, _ in stand.client.calls].count("CreateFleet") == 1


def test_a_pointer_is_followed_and_one_that_is_none_does_not_come_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with bench() as stand:
        catalogue, stand.supplies.catalogue_ = stand.supplies.catalogue_, None
        stand.ask(allocate_body())
        assert stand.request("ci-1").state is RequestState.REQUESTED
        stand.supplies.catalogue_ = catalogue
        good, bad = '{"pool": "default"}', '{"launch": 7}'
        answer = knock(
            stand,
            monkeypatch,
            a_record(bad, "p-1", "wake"),
            a_record(good, "p-2", "wake"),
            a_record("x", "p-3", "wake"),
        )
        assert answer == {"batchItemFailures": []}
        assert stand.request("ci-1").state is RequestState.RESERVED


def test_what_could_not_be_committed_is_named_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    with bench() as stand:
        commit = stand.ledger.commit

        def busy(change: Any, limits: Any = None) -> None:
            if any(after.request_id == "!m-2" for _, after in change.requests):
                raise Throttled("busy")
            commit(change, limits)

        monkeypatch.setattr(stand.ledger, "commit", busy)
        records = [
            a_record(json.dumps(allocate_body("ci-1", sharing="exclusive")), "m-1"),
            a_record("no request", "m-2"),
        ]
        assert knock(stand, monkeypatch, *records) == {"batchItemFailures": [{"itemIdentifier": "m-2"}]}
        assert stand.request("ci-1").state is RequestState.RESERVED
