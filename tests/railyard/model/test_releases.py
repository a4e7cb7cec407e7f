"""Release lines: what their records say, and what people do to them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from railyard.errors import Conflict
from railyard.model.releases import (
    Candidate,
    Entry,
    Line,
    Mark,
    Move,
    Pin,
    Placed,
    Publishing,
    Release,
    What,
    Why,
    dismiss,
    entry,
    line_of,
    pin,
    roll_back,
    unpin,
)
from tests.builders import NOW

BEFORE = NOW - timedelta(hours=3)


def a_release(version: str = "4593.2.5", **changes: Any) -> Release:
    base = Release(
        release=version,
        images={"us-east-1": f"ami-{version}"},
        source="feed",
        channel="stable",
        signature="verified",
        signer="52f1",
        found_at=BEFORE,
    )
    return replace(base, **changes)


OLD, CURRENT, NEW = a_release("4593.2.4"), a_release("4593.2.5"), a_release("4593.2.6")
TRIED = Candidate(release=NEW, since=BEFORE)
LINE = Line(line="stable#amd64", sequence=7, current=CURRENT, previous=OLD)
PINNED = replace(LINE, pin=Pin(release=OLD, by="ann", at=BEFORE, reason="driver"))


def said(move: Move) -> tuple[Line, Entry]:
    line, told = move
    assert told
    return line, told


# Records


def test_a_line_is_called_after_its_channel_and_its_architecture() -> None:
    line = Line(line=line_of("lts-2024", "arm64"))
    assert (line.line, line.channel, line.architecture) == ("lts-2024#arm64", "lts-2024", "arm64")


def test_the_words_that_are_stored_and_shown_never_change() -> None:
    assert {"release", "withdrawn", "behind", "override"} <= set(Mark)
    assert {"feed", "older", "defective", "unpublished", "canary", "pin", "override", "copying"} <= set(Why)
    assert {"published", "candidate", "rejected", "pinned", "unpinned", "rolled_back", "dismissed"} <= set(
        What
    )


def test_a_record_has_the_version_of_its_form_and_its_own_key() -> None:
    line = Line(line="stable#amd64")
    assert (line.version, line.schema) == ("line", 1)
    assert entry(line, What.PINNED, "4593.2.4", by="ann", now=NOW).schema == 1


def test_a_line_that_has_published_nothing_has_no_release_and_nothing_is_older() -> None:
    line = Line(line="stable#amd64")
    assert (line.release, line.trial, line.sequence) == ("", "", 0)
    assert not line.older("0.0.1")


@pytest.mark.parametrize(
    ("version", "older"), [("4593.2.4", True), ("4593.2.5", False), ("4593.2.10", False), ("999.9.9", True)]
)
def test_versions_are_numbers_that_compare(version: str, *, older: bool) -> None:
    assert LINE.older(version) is older


def test_a_release_lives_for_nine_months_from_its_oldest_image() -> None:
    made = a_release(created_at="2026-11-10T12:00:00.000Z")
    assert made.remaining(NOW) == timedelta(days=264)
    assert made.remaining(NOW + timedelta(days=265)) == timedelta(days=-1)
    assert a_release().remaining(NOW) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"release": "4593.2.6"},
        {"images": {}},
        {"channel": "beta"},
        {"signature": "unavailable"},
        {"signer": "b2e0"},
        {"behind": ("eu-west-1",)},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_its_users_would_notice_makes_it_another_release(changes: dict[str, Any]) -> None:
    assert a_release(**changes).content != CURRENT.content


@pytest.mark.parametrize(
    "changes",
    [{"source": "origin"}, {"url": "https://o"}, {"found_at": NOW}, {"created_at": "x"}, {"owner": "1"}],
    ids=lambda changes: next(iter(changes)),
)
def test_where_and_when_it_was_read_does_not(changes: dict[str, Any]) -> None:
    assert a_release(**changes).content == CURRENT.content


def test_the_regions_of_a_mark_are_given_with_the_version_of_their_image() -> None:
    placed = {
        "us-east-1": Placed(image="ami-1", release="4593.2.5"),
        "eu-west-1": Placed(image="ami-0", release="4593.2.4", mark=Mark.WITHDRAWN),
        "sa-east-1": Placed(image="ami-m", release="", mark=Mark.OVERRIDE),
    }
    line = replace(LINE, placed=placed)
    assert line.marked(Mark.RELEASE) == {"us-east-1": "4593.2.5"}
    assert line.marked(Mark.WITHDRAWN) == {"eu-west-1": "4593.2.4"}
    assert line.marked(Mark.OVERRIDE) == {"sa-east-1": ""}
    assert line.marked(Mark.BEHIND) == {}


def test_an_entry_is_sorted_by_the_sequence_of_its_record() -> None:
    told = entry(LINE, What.PINNED, "4593.2.4", by="ann", now=NOW, detail="driver")
    assert told == Entry(
        line="stable#amd64",
        version="log#0000000007#pinned",
        at=NOW,
        by="ann",
        what=What.PINNED,
        release="4593.2.4",
        detail="driver",
    )


# Trials


def test_a_trial_is_the_request_of_the_candidate_s_attempt_until_it_has_failed() -> None:
    line = replace(LINE, candidate=TRIED)
    assert line.trial == f"canary:stable:amd64:4593.2.6:{int(BEFORE.timestamp())}:1"
    assert replace(line, candidate=replace(TRIED, attempt=3)).trial.endswith(":3")
    assert replace(line, candidate=replace(TRIED, failed="impaired")).trial == ""


def test_the_request_of_a_trial_that_is_over_is_kept_until_it_is_cancelled() -> None:
    line = replace(LINE, candidate=TRIED, ending=("canary:before",))
    assert line.without_candidate() == replace(
        line, candidate=None, ending=("canary:before", TRIED.request_id("stable#amd64"))
    )


def test_a_failed_trial_has_no_request_to_cancel() -> None:
    line = replace(LINE, candidate=replace(TRIED, failed="impaired"))
    assert line.without_candidate() == LINE
    assert LINE.without_candidate() == LINE


# What people do


def test_a_pin_is_recorded_with_who_when_and_why_and_is_due_at_once() -> None:
    line, told = said(pin(LINE, OLD, by="ann", reason="driver", now=NOW))
    assert line == replace(
        LINE,
        sequence=8,
        pin=Pin(release=OLD, by="ann", at=NOW, reason="driver"),
        publishing=Publishing(release="4593.2.5", until=NOW),
    )
    assert told == Entry(
        line="stable#amd64",
        version="log#0000000008#pinned",
        at=NOW,
        by="ann",
        what=What.PINNED,
        release="4593.2.4",
        detail="driver",
    )


def test_the_same_pin_again_changes_nothing_and_another_one_takes_its_place() -> None:
    assert pin(PINNED, OLD, by="bob", reason="", now=NOW) == (PINNED, None)
    line, told = said(pin(PINNED, NEW, by="bob", reason="", now=NOW))
    assert (line.pin, told.release) == (Pin(release=NEW, by="bob", at=NOW), "4593.2.6")


def test_a_rollback_pins_the_release_before() -> None:
    line, told = said(roll_back(LINE, by="ann", reason="driver", now=NOW))
    assert line.pin == Pin(release=OLD, by="ann", at=NOW, reason="driver")
    assert (told.what, told.release, told.version, told.by, told.detail) == (
        What.ROLLED_BACK,
        "4593.2.4",
        "log#0000000008#rolled_back",
        "ann",
        "driver",
    )


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (PINNED, "pinned"),
        (replace(LINE, previous=None), "no_previous"),
        (replace(LINE, previous=NEW), "no_previous"),
        (replace(LINE, previous=CURRENT), "no_previous"),
        (Line(line="stable#amd64"), "no_previous"),
    ],
    ids=["a second step", "nothing before", "newer", "the same", "nothing at all"],
)
def test_a_rollback_that_would_be_no_step_back_is_a_conflict(line: Line, code: str) -> None:
    with pytest.raises(Conflict) as found:
        roll_back(line, by="ann", reason="", now=NOW)
    assert found.value.code == code


def test_an_unpin_tells_what_was_pinned() -> None:
    line, told = said(unpin(PINNED, by="bob", reason="fixed", now=NOW))
    assert line == replace(LINE, sequence=8, publishing=Publishing(release="4593.2.5", until=NOW))
    assert (told.what, told.release, told.by, told.detail) == (What.UNPINNED, "4593.2.4", "bob", "fixed")
    assert unpin(LINE, by="bob", reason="", now=NOW) == (LINE, None)


def test_a_dismissal_forgets_the_candidate_and_lets_its_request_be_cancelled() -> None:
    trying = replace(LINE, candidate=TRIED)
    line, told = said(dismiss(trying, by="bob", reason="slow", now=NOW))
    assert (line.candidate, line.ending, line.sequence) == (None, (trying.trial,), 8)
    assert (told.what, told.release, told.by, told.detail) == (What.DISMISSED, "4593.2.6", "bob", "slow")
    assert dismiss(LINE, by="bob", reason="", now=NOW) == (LINE, None)


def test_what_is_said_during_a_publication_leaves_its_announcement_as_it_is() -> None:
    going = Publishing(release="4593.2.5", until=NOW + timedelta(minutes=4))
    line, _ = said(pin(replace(LINE, publishing=going), OLD, by="ann", reason="", now=NOW))
    assert line.publishing == going
