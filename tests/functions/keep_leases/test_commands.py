"""Messages of the lease queue."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keep_leases.commands import Unreadable, parse, refused_event
from railyard.model.reasons import Code
from railyard.wire.requests import Cancel, Release, Renew

BASE = {"version": 1, "request_id": "ci-1", "epoch": 1}
RENEW, RELEASE = BASE | {"action": "renew"}, BASE | {"action": "release"}


def complaint(body: Any) -> tuple[str, str | None, str]:
    found = parse(body if isinstance(body, str) else json.dumps(body))
    assert isinstance(found, Unreadable)
    return found.error.code, found.error.path, refused_event(found.fields.get("action"))


def test_the_contracts_samples_are_understood() -> None:
    renew = parse(json.dumps(RENEW | {"lease_seconds": 900, "acknowledge": False}))
    release = parse(json.dumps(RELEASE | {"indexes": [0]}))
    cancel = parse('{"version": 1, "action": "cancel", "request_id": "ci-4711"}')
    assert isinstance(renew, Renew)
    assert (renew.epoch, renew.lease_seconds, renew.acknowledge) == (1, 900, False)
    assert isinstance(release, Release)
    assert release.indexes == (0,)
    assert isinstance(cancel, Cancel)
    assert cancel.request_id == "ci-4711"


@pytest.mark.parametrize(
    ("body", "code", "path"),
    [
        ("not json", "invalid_request", None),
        ("[]", "invalid_request", None),
        ({}, "unsupported_version", "version"),
        (RENEW | {"version": 2}, "unsupported_version", "version"),
        (RENEW | {"action": "allocate"}, "unsupported_action", "action"),
        (RENEW | {"action": ["renew"]}, "unsupported_action", "action"),
        (RENEW | {"epoch": 0}, "invalid_request", "epoch"),
        (RENEW | {"epoch": True}, "invalid_request", "epoch"),
        (RENEW | {"lease_seconds": 59}, "invalid_request", "lease_seconds"),
        (RENEW | {"lease_seconds": 86_401}, "invalid_request", "lease_seconds"),
        (RENEW | {"request_id": "../x"}, "invalid_request", "request_id"),
        (RELEASE | {"indexes": []}, "invalid_request", "indexes"),
        (RELEASE | {"indexes": [100]}, "invalid_request", "indexes[0]"),
        (RELEASE | {"indexes": [-1]}, "invalid_request", "indexes[0]"),
        (RELEASE | {"indexes": "0"}, "invalid_request", "indexes"),
        ("x" * 65_537, "too_large", None),
    ],
    ids=lambda each: str(each)[:40],
)
def test_what_is_no_command_is_refused_by_its_path(body: Any, code: str, path: str | None) -> None:
    assert complaint(body)[:2] == (code, path)


@pytest.mark.parametrize("action", ["renew", "release"])
def test_a_command_without_its_epoch_is_refused(action: str) -> None:
    assert complaint({"version": 1, "action": action, "request_id": "ci-1"})[0] == "invalid_request"


def test_a_refusal_is_an_event_of_the_command_that_it_wanted_to_be() -> None:
    assert complaint(RENEW | {"epoch": 0})[2] == "renew_refused"
    assert complaint(RELEASE | {"epoch": 0})[2] == "release_refused"
    assert complaint("{}")[2] == "release_refused"


ANYTHING: Any = st.sampled_from([None, True, 0, 1, -1, 1e400, "", "renew", "\ud800", [], [0], {}]) | st.text(
    max_size=5
)


@given(
    fields=st.dictionaries(st.sampled_from([*RENEW, "indexes", "lease_seconds", "acknowledge"]), ANYTHING)
    | st.dictionaries(st.text(max_size=3), ANYTHING)
)
def test_whatever_arrives_is_a_command_or_unreadable_with_a_code(fields: dict[str, Any]) -> None:
    found = parse(json.dumps(RENEW | fields))
    if isinstance(found, Unreadable):
        Code(found.error.code)
