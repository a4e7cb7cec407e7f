"""A tick tells what became of each line, and puts events for what changed or was held."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pysequoia import Tsk

from railyard.aws.bus import Bus
from railyard.errors import InvalidSettings, RailyardError
from railyard.model.images import Release
from refresh_amis import handler as door
from refresh_amis.plan import Decision, Hold, Keep, Publish, Reason
from refresh_amis.run import Outcome
from refresh_amis.settings import Settings
from tests.builders import NOW
from tests.functions.doors import CONTEXT, assert_each_variable_is_needed, wire
from tests.railyard.aws.stubs import Recorder

SETTINGS = Settings(releases_table="releases", bus_name="railyard")


RELEASE = Release(
    line="stable#amd64",
    release="3510.2.8",
    images={"us-east-1": "ami-1"},
    source="feed",
    signature="verified",
    signer="52f1",
    released_at=NOW,
)
DECISIONS: dict[str, Decision] = {
    "stable#amd64": Publish(release=RELEASE, seen=None),
    "stable#arm64": Keep(release=replace(RELEASE, line="stable#arm64", signature="unavailable", signer="")),
    "beta#amd64": Hold(
        line="beta#amd64", reason=Reason.DEFECTIVE, detail="1 bad", regions={"us-east-1": ("missing",)}
    ),
}


def tick(monkeypatch: pytest.MonkeyPatch, *lines: str, failed: int = 0) -> tuple[Any, list[tuple[str, Any]]]:
    """Let a run decide those *lines*; return the door's answer and the events that it put."""
    events = Recorder(lambda _, __: {"FailedEntryCount": failed})
    wire(door, monkeypatch, SETTINGS, None, Bus(events, "railyard"))
    outcome = Outcome(decisions=tuple(DECISIONS[line] for line in lines))
    monkeypatch.setattr(door, "run", lambda *_: outcome)
    answer = door.handler({}, CONTEXT)
    put = [
        (entry["DetailType"], json.loads(entry["Detail"])) for _, c in events.calls for entry in c["Entries"]
    ]
    return answer, put


def test_each_variable_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert_each_variable_is_needed(door, Settings, monkeypatch)


def test_what_changed_or_was_held_becomes_an_event_and_what_stayed_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer, put = tick(monkeypatch, *DECISIONS)
    assert [(kind, body["line"], body["release"]) for kind, body in put] == [
        ("Image Released", "stable#amd64", "3510.2.8"),
        ("Image Held", "beta#amd64", None),
    ]
    assert (put[0][1]["signature"], put[0][1]["signer"]) == ("verified", "52f1")
    assert answer["lines"]["stable#arm64"]["signature"] == "unavailable"
    assert put[1][1]["defects"] == {"us-east-1": ["missing"]}
    assert {line: said["result"] for line, said in answer["lines"].items()} == {
        "stable#amd64": "published",
        "stable#arm64": "unchanged",
        "beta#amd64": "held",
    }


def test_with_nothing_to_tell_the_bus_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert tick(monkeypatch, "stable#arm64")[1] == []


@pytest.mark.filterwarnings("ignore:No application metrics")  # a failed run has none
def test_an_event_that_was_not_taken_fails_the_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RailyardError):
        tick(monkeypatch, "stable#amd64", failed=1)


def test_the_key_that_came_with_the_function_is_read_and_held_to_its_fingerprint(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LAMBDA_TASK_ROOT", str(tmp_path))
    certificate = Tsk.generate("Buildbot <b@example.com>").extract_certificate()
    (tmp_path / "key").write_bytes(bytes(certificate))
    with_key = replace(SETTINGS, signing_key="key", fingerprint=certificate.fingerprint)
    assert door._key(with_key) is not None
    assert door._key(SETTINGS) is None
    with pytest.raises(InvalidSettings, match="expected signing key"):
        door._key(replace(with_key, fingerprint=""))
