"""A tick tells what became of each line, and puts events for what changed or was held."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pysequoia import Tsk

from railyard.aws.bus import Bus
from railyard.errors import Denied, InvalidSettings, RailyardError
from railyard.model.copies import Copy, CopyOrder
from railyard.model.images import Image
from railyard.model.releases import Candidate, Feed, Hold, Line, Mark, Pin, Placed, Release, What, Why
from refresh_amis import handler as door
from refresh_amis.copying import Copied
from refresh_amis.plan.deciding import Step, Told
from refresh_amis.run import Outcome
from refresh_amis.settings import Settings
from tests.builders import NOW
from tests.functions.doors import CONTEXT, assert_each_variable_is_needed, wire
from tests.functions.refresh_amis.world import SETTINGS
from tests.railyard.aws.stubs import Recorder

RELEASE = Release(
    release="3510.2.8",
    images={"us-east-1": "ami-1"},
    source="feed",
    channel="stable",
    signature="verified",
    signer="52f1",
    found_at=NOW,
    created_at="2026-08-20T12:00:00.000Z",
)
PLACED = {
    "us-east-1": Placed(image="ami-1", release="3510.2.8"),
    "eu-west-1": Placed(image="ami-0", release="3510.2.6", mark=Mark.WITHDRAWN),
}
FEED = Feed(
    url="u", etag="", release="3510.2.8", created_at="2026-11-10T12:00:00Z", looked_at=NOW, settled=True,
    skipped=("ap-east-1",),
)  # fmt: skip
BEFORE = Line(line="stable#amd64")
IN_FORCE = replace(BEFORE, current=RELEASE, placed=PLACED, feed=FEED)
HELD = replace(
    IN_FORCE,
    hold=Hold(why=Why.DEFECTIVE, detail="1 bad", regions={"us-east-1": ("missing",)}, since=NOW),
)
TRYING = replace(IN_FORCE, candidate=Candidate(release=replace(RELEASE, release="3510.3.0"), since=NOW))
PUBLISHED = Step(
    before=BEFORE, after=IN_FORCE, told=(Told(what=What.PUBLISHED, release="3510.2.8", detail="feed"),)
)


def tick(monkeypatch: pytest.MonkeyPatch, *steps: Step, failed: int = 0) -> tuple[Any, list[tuple[str, Any]]]:
    """Let a run come to *steps*; return the door's answer and the events that it put."""
    events = Recorder(lambda _, __: {"FailedEntryCount": failed})
    wire(door, monkeypatch, SETTINGS, None, Bus(events, "railyard"))
    monkeypatch.setattr(door, "run", lambda *_: Outcome(steps=steps))
    answer = door.handler({}, CONTEXT)
    put = [
        (entry["DetailType"], json.loads(entry["Detail"])) for _, c in events.calls for entry in c["Entries"]
    ]
    return answer, put


def test_each_variable_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert_each_variable_is_needed(door, Settings, monkeypatch)


def test_what_is_published_is_told_with_where_it_came_from(monkeypatch: pytest.MonkeyPatch) -> None:
    answer, put = tick(monkeypatch, PUBLISHED)
    assert put == [
        (
            "Image Released",
            {
                "version": 1,
                "line": "stable#amd64",
                "release": "3510.2.8",
                "why": "feed",
                "regions": 2,
                "signature": "verified",
                "signer": "52f1",
                "withdrawn": {"eu-west-1": "3510.2.6"},
                "behind": {},
                "override": {},
            },
        )
    ]
    assert answer["lines"]["stable#amd64"]["result"] == "published"
    assert answer["skipped_regions"] == ["ap-east-1"]


def test_a_hold_is_told_once_and_shown_as_long_as_it_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    _, put = tick(monkeypatch, Step(before=IN_FORCE, after=HELD))
    assert [(kind, body["reason"], body["defects"]) for kind, body in put] == [
        ("Image Held", "defective", {"us-east-1": ["missing"]})
    ]
    answer, put = tick(monkeypatch, Step(before=HELD, after=HELD))
    assert put == []
    assert answer["lines"]["stable#amd64"]["result"] == "held"


@pytest.mark.parametrize(
    ("what", "kind"), [(What.CANDIDATE, "Image Candidate"), (What.REJECTED, "Image Rejected")]
)
def test_trials_are_told(monkeypatch: pytest.MonkeyPatch, what: What, kind: str) -> None:
    told = (Told(what=what, release="3510.3.0", detail="why"),)
    answer, put = tick(monkeypatch, Step(before=IN_FORCE, after=TRYING, told=told))
    assert [(name, body["release"], body["candidate"]) for name, body in put] == [
        (kind, "3510.3.0", "3510.3.0")
    ]
    assert answer["lines"]["stable#amd64"]["result"] == "trying"


def test_what_somebody_else_is_at_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    pinned = replace(IN_FORCE, pin=Pin(release=RELEASE, by="ops", at=NOW))
    answer, put = tick(monkeypatch, Step(before=pinned, after=pinned, told=PUBLISHED.told, busy=True))
    assert (put, answer["lines"]["stable#amd64"]["result"]) == ([], "busy")
    assert answer["lines"]["stable#amd64"]["pinned"] == "3510.2.8"


def test_with_nothing_to_tell_the_bus_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    answer, put = tick(monkeypatch, Step(before=IN_FORCE, after=IN_FORCE))
    assert (put, answer["lines"]["stable#amd64"]["result"]) == ([], "unchanged")


def test_metrics_tell_the_shortest_remaining_life_and_the_age_of_the_oldest_feed() -> None:
    younger = replace(RELEASE, created_at="2026-11-01T00:00:00Z")
    lines = (IN_FORCE, replace(IN_FORCE, current=younger), BEFORE)
    outcome = Outcome(steps=tuple(Step(before=line, after=line) for line in lines))
    assert door._ages(outcome, NOW) == {"remaining_life_days": 274 - 92, "feed_age_days": 10}
    assert door._ages(Outcome(steps=(Step(before=BEFORE, after=BEFORE),)), NOW) == {}


@pytest.mark.filterwarnings("ignore:No application metrics")  # a failed run has none
def test_an_event_that_was_not_taken_fails_the_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RailyardError):
        tick(monkeypatch, PUBLISHED, failed=1)


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


def test_what_became_of_copies_is_counted_and_told_by_one_line_each(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    wire(door, monkeypatch, SETTINGS, None, Bus(Recorder(lambda *_: {}), "railyard"))
    order = CopyOrder(region="us-east-1", source="ami-1", name="n", token="t", tags={})
    image = Image(
        image_id="ami-2", region="eu-west-1", name="n", owner="1", architecture="amd64", virtualization="hvm",
        root_device="ebs", state="available", public=False,
    )  # fmt: skip
    copies = Copied(
        ordered=(order,),
        removed=(Copy(image=image, source="ami-0", tags={}),),
        deferred=7,
        failed={"eu-west-1/ami-3": Denied("no", code="UnauthorizedOperation")},
    )
    monkeypatch.setattr(door, "run", lambda *_: Outcome(steps=(), copies=copies))
    door.handler({}, CONTEXT)
    said: dict[str, Any] = {record.message: vars(record) for record in caplog.records}
    counts = said["images refreshed"]
    assert [counts[name] for name in ("copied", "removed", "deferred", "failed")] == [1, 1, 7, 1]
    assert (said["copy ordered"]["source"], said["copy removed"]["image"]) == ("ami-1", "ami-2")
    told = said["copy failed"]
    assert (told["about"], told["reason"]) == ("eu-west-1/ami-3", "UnauthorizedOperation")
