"""What people do to release lines, through the API."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from railyard.errors import Denied
from railyard.model.releases import Hold, Line, Placed, Publishing, What, Why
from serve_api.calls import Answer, Asked
from serve_api.ports import Ports
from serve_api.run import run
from tests.builders import NOW
from tests.functions.serve_api.memory import MemoryLines, a_line, a_publication, a_release

LINE = "/amis/stable/amd64"
PIN, ROLLBACK, CANDIDATE = f"{LINE}/pin", f"{LINE}/rollback", f"{LINE}/candidate"


class Yard:
    """One line behind the API; *woken* counts how often refresh_amis was."""

    def __init__(self, line: Line | None = None, *published: str) -> None:
        entries = [a_publication(version, number) for number, version in enumerate(published, 1)]
        self.lines = MemoryLines(*([line] if line else []), entries=entries)
        self.woken = 0
        self.sleeping: Exception | None = None

    def wake(self) -> None:
        if self.sleeping:
            raise self.sleeping
        self.woken += 1

    def ask(
        self, method: str, path: str = LINE, body: Any = None, if_match: str = "", **query: str
    ) -> Answer:
        asked = Asked(
            method=method,
            path=path,
            query=query,
            body=body if isinstance(body, str) else json.dumps(body) if body is not None else "",
            sender="AIDA",
            by="arn:aws:iam::123456789012:user/ann",
            if_match=if_match,
        )
        none: Any = None
        ports = Ports(
            records=none,
            lines=self.lines,
            sets=none,
            images=none,
            home="us-east-1",
            requests=none,
            leases=none,
            wake=self.wake,
            pools=none,
            rules=none,
            requesters=none,
            reply_queues=(),
            switches=none,
        )
        return run(asked, ports, NOW)

    @property
    def line(self) -> Line:
        return self.lines.stored["stable#amd64"]

    def told(self) -> list[What]:
        return [each.what for each in self.lines.entries.values()]


def code(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.body["error"]["code"]


# -- looking -----------------------------------------------------------------------------------------------


def test_a_line_is_shown_whole_with_its_generation_as_its_tag() -> None:
    line = a_line(
        previous="4593.2.4", pinned="4593.2.3", tried="4593.3.0",
        placed={"us-east-1": Placed(image="ami-4593.2.5", release="4593.2.5")},
        hold=Hold(why=Why.DEFECTIVE, detail="bad", regions={"eu-west-1": ("missing",)}, since=NOW),
        current=a_release(created_at=(NOW - timedelta(days=100)).isoformat(), signer="A1"),
        publishing=Publishing(release="4593.2.5", until=NOW),
    )  # fmt: skip
    answer = Yard(line).ask("GET")
    now = "2026-11-20T12:00:00Z"
    assert (answer.status, answer.headers) == (200, {"ETag": '"7"'})
    assert json.loads(json.dumps(answer.body)) == {
        "line": "stable#amd64", "channel": "stable", "architecture": "amd64", "generation": 7,
        "release": "4593.2.5", "source": "feed", "signature": "verified", "signer": "A1",
        "channel_of_origin": "stable", "released_at": now, "remaining_life_days": 174, "previous": "4593.2.4",
        "candidate": {"release": "4593.3.0", "since": now, "attempt": 1, "failed": ""},
        "pin": {"release": "4593.2.3", "by": "arn:ann", "at": now, "reason": ""},
        "hold": {"why": "defective", "detail": "bad", "regions": {"eu-west-1": ["missing"]}, "since": now},
        "feed": None,
        "publishing": {"release": "4593.2.5", "until": now},
        "images": {"us-east-1": {"image": "ami-4593.2.5", "release": "4593.2.5", "source": "", "mark": "release"}},
    }  # fmt: skip


def test_a_line_that_has_published_nothing_shows_nothing() -> None:
    body = Yard(a_line("")).ask("GET").body
    assert {name for name, value in body.items() if value is None} >= {"release", "source", "previous", "pin"}
    assert body["images"] == {}


def test_all_lines_are_listed_by_name() -> None:
    yard = Yard(a_line())
    yard.lines.stored["beta#arm64"] = a_line(line="beta#arm64")
    body = yard.ask("GET", "/amis").body
    assert [each["line"] for each in body["items"]] == ["beta#arm64", "stable#amd64"]
    assert body["next_token"] is None


def test_the_pages_of_a_history_hold_each_entry_once_newest_first() -> None:
    yard, token, found = Yard(a_line(), "1.0.0", "1.0.1", "1.0.2"), "", []
    for _ in range(2):
        body = yard.ask("GET", f"{LINE}/history", limit="2", next_token=token).body
        found += [(each["release"], each["id"]) for each in body["items"]]
        token = body["next_token"]
    assert token is None
    assert found == [(f"1.0.{n}", f"log#000000000{n + 1}#published") for n in (2, 1, 0)]


@pytest.mark.parametrize(
    "key",
    [
        {"line": {"S": "beta#amd64"}, "version": {"S": "log#1"}},
        {"line": {"S": "stable#amd64"}, "version": {"S": "line"}},
        {"line": {"S": "stable#amd64"}, "version": {"N": "1"}},
        {"line": "stable#amd64", "version": "log#1"},
        {"request_id": {"S": "ci-1"}},
    ],
)
def test_a_token_of_another_list_is_refused(key: Any) -> None:
    answer = Yard(a_line()).ask(
        "GET", f"{LINE}/history", next_token=base64.urlsafe_b64encode(json.dumps(key).encode()).decode()
    )
    assert (answer.status, answer.body["error"]["path"]) == (400, "next_token")


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", LINE), ("GET", f"{LINE}/history"), ("PUT", PIN), ("DELETE", PIN), ("POST", ROLLBACK), ("DELETE", CANDIDATE)],
)  # fmt: skip
def test_a_line_without_a_record_is_404_and_a_name_that_is_none_400(method: str, path: str) -> None:
    yard = Yard(a_line(line="beta#amd64"))
    assert code(yard.ask(method, path)) == (404, "not_found")
    assert code(yard.ask(method, path.replace("stable", "Stable"))) == (400, "invalid_request")
    assert yard.woken == 0


# -- changing ----------------------------------------------------------------------------------------------


def test_a_pin_is_recorded_with_who_and_why_and_carried_out_at_once() -> None:
    yard = Yard(a_line(previous="4593.2.4"))
    answer = yard.ask("PUT", PIN, {"release": "4593.2.4", "reason": "driver"})
    assert (answer.status, answer.headers, answer.body["warnings"]) == (202, {"ETag": '"8"'}, [])
    pinned = {"release": "4593.2.4", "by": "arn:aws:iam::123456789012:user/ann", "at": "2026-11-20T12:00:00Z"}
    assert answer.body["pin"] == pinned | {"reason": "driver"}
    assert (yard.woken, yard.told()) == (1, [What.PINNED])


@pytest.mark.parametrize("body", [None, {}, {"release": None}])
def test_a_pin_without_a_release_keeps_the_one_in_force(body: Any) -> None:
    yard = Yard(a_line(previous="4593.2.4"))
    assert yard.ask("PUT", PIN, body).body["pin"]["release"] == "4593.2.5"


@pytest.mark.parametrize("version", ["4593.2.5", "4593.2.4", "4593.3.0", "4500.0.0"])
def test_what_is_or_was_published_or_is_tried_can_be_pinned(version: str) -> None:
    yard = Yard(a_line(previous="4593.2.4", tried="4593.3.0"), "4500.0.0")
    assert yard.ask("PUT", PIN, {"release": version}).status == 202
    assert yard.line.pin
    assert yard.line.pin.release == a_release(version)


def test_of_several_publications_of_a_release_the_last_is_pinned() -> None:
    yard = Yard(a_line())
    for number in (1, 2):
        told = a_publication("4500.0.0", number, images={"us-east-1": f"ami-{number}"})
        yard.lines.entries[told.line, told.version] = told
    yard.ask("PUT", PIN, {"release": "4500.0.0"})
    assert yard.line.pin
    assert yard.line.pin.release.images == {"us-east-1": "ami-2"}


def test_a_release_is_found_on_any_page_of_the_history() -> None:
    yard = Yard(a_line(), *(f"4000.0.{number}" for number in range(250)))
    assert yard.ask("PUT", PIN, {"release": "4000.0.0"}).status == 202
    assert yard.lines.pages == 3


def test_what_is_pinned_stays_the_same_pin_although_what_is_in_force_has_more_regions() -> None:
    current = a_release(images={"us-east-1": "ami-4593.2.5", "eu-west-1": "ami-2"})
    yard = Yard(a_line(pinned="4593.2.5", current=current))
    assert yard.ask("PUT", PIN, {"release": "4593.2.5"}).status == yard.ask("PUT", PIN).status == 200
    assert (yard.told(), yard.woken) == ([], 0)


def test_an_unknown_release_is_404_and_tells_those_that_can_be_pinned_newest_first() -> None:
    yard = Yard(a_line(previous="4593.2.4", tried="4593.10.0"), "4500.0.0")
    answer = yard.ask("PUT", PIN, {"release": "4593.9.9"})
    assert code(answer) == (404, "unknown_release")
    assert "4593.10.0, 4593.2.5, 4593.2.4, 4500.0.0" in answer.body["error"]["message"]
    assert code(Yard(a_line("")).ask("PUT", PIN)) == (404, "unknown_release")


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"release": 5}, "release"),
        ({"release": ""}, "release"),
        ({"release": "4" * 65}, "release"),
        ({"reason": "x" * 257}, "reason"),
        ({"reason": None}, "reason"),
        ({"version": "4593.2.5"}, None),
        ("[]", None),
        ('{"reason": "\\ud800"}', None),
        ("x" * 65_537, None),
    ],
    ids=str,
)
def test_a_body_that_breaks_the_contract_is_400_with_its_path_and_changes_nothing(
    body: Any, path: str | None
) -> None:
    yard = Yard(a_line(previous="4593.2.4"))
    answer = yard.ask("PUT", PIN, body)
    assert (answer.status, answer.body["error"]["path"]) == (400, path)
    assert yard.line.sequence == 7


def test_only_a_pin_names_a_release() -> None:
    assert code(Yard(a_line(previous="4593.2.4")).ask("POST", ROLLBACK, {"release": "4593.2.4"}))[0] == 400


def test_an_unpin_and_a_dismissal_may_say_why_in_the_body_or_in_the_query() -> None:
    for why in ({"body": {"reason": "fixed"}}, {"reason": "fixed"}):
        yard = Yard(a_line(pinned="4593.2.4", tried="4593.3.0"))
        assert yard.ask("DELETE", PIN, **why).body["pin"] is None
        assert yard.ask("DELETE", CANDIDATE, **why).body["candidate"] is None
        assert [each.detail for each in yard.lines.entries.values()] == ["fixed", "fixed"]
    assert code(yard.ask("DELETE", PIN, reason="\ud800"))[0] == 400


def test_a_rollback_pins_the_release_before() -> None:
    yard = Yard(a_line(previous="4593.2.4"))
    assert yard.ask("POST", ROLLBACK).body["pin"]["release"] == "4593.2.4"
    assert yard.told() == [What.ROLLED_BACK]


def test_a_second_step_back_and_one_to_nowhere_are_conflicts() -> None:
    assert code(Yard(a_line(pinned="4593.2.4", previous="4593.2.4")).ask("POST", ROLLBACK)) == (409, "pinned")
    assert code(Yard(a_line()).ask("POST", ROLLBACK)) == (409, "no_previous")


@pytest.mark.parametrize("path", [PIN, CANDIDATE])
def test_what_is_not_there_is_taken_away_already(path: str) -> None:
    yard = Yard(a_line())
    answer = yard.ask("DELETE", path)
    assert (answer.status, answer.headers, answer.body["warnings"]) == (200, {"ETag": '"7"'}, [])
    assert (yard.told(), yard.woken) == ([], 0)


# -- others at the same time -------------------------------------------------------------------------------


@pytest.mark.parametrize(("races", "status"), [(0, 202), (2, 202), (3, 409)])
def test_a_lost_race_is_run_again_but_not_for_ever(races: int, status: int) -> None:
    yard = Yard(a_line(previous="4593.2.4"))

    def other() -> None:
        yard.lines.stored["stable#amd64"] = replace(yard.line, sequence=yard.line.sequence + 1)

    yard.lines.races = [other] * races
    answer = yard.ask("PUT", PIN)
    assert answer.status == status
    assert yard.line.sequence == 7 + races + (status == 202)
    assert (yard.woken, len(yard.told())) == ((1, 1) if status == 202 else (0, 0))
    assert status == 202 or code(answer) == (409, "conflict")


def test_a_race_lost_to_the_same_wish_is_no_change() -> None:
    yard = Yard(a_line(previous="4593.2.4"))
    yard.lines.races = [lambda: yard.ask("PUT", PIN)]
    assert yard.ask("PUT", PIN).status == 200
    assert yard.told() == [What.PINNED]


@pytest.mark.parametrize(("tag", "status"), [('"7"', 202), ("*", 202), ("", 202), ('"6"', 412), ("7", 412), ('W/"7"', 412)])  # fmt: skip
def test_a_change_may_be_bound_to_what_was_seen(tag: str, status: int) -> None:
    yard = Yard(a_line(pinned="4593.2.4"))
    answer = yard.ask("DELETE", PIN, if_match=tag)
    assert answer.status == status
    assert status == 202 or (code(answer), yard.line.sequence) == ((412, "precondition_failed"), 7)


def test_a_bound_change_that_loses_a_race_is_not_made() -> None:
    yard = Yard(a_line(pinned="4593.2.4", tried="4593.3.0"))
    yard.lines.races = [lambda: yard.ask("DELETE", CANDIDATE)]
    assert yard.ask("DELETE", PIN, if_match='"7"').status == 412
    assert yard.line.pin


def test_a_change_stands_although_refresh_amis_cannot_be_woken() -> None:
    yard = Yard(a_line(pinned="4593.2.4"))
    yard.sleeping = Denied("Invoke: AccessDenied: no")
    answer = yard.ask("DELETE", PIN)
    assert (answer.status, len(answer.body["warnings"]), yard.line.pin) == (202, 1, None)


def test_a_change_amid_a_publication_wakes_nobody_in_vain_the_publisher_sees_to_it() -> None:
    until = NOW + timedelta(seconds=60)
    yard = Yard(a_line(pinned="4593.2.4", publishing=Publishing(release="4593.2.5", until=until)))
    answer = yard.ask("DELETE", PIN)
    assert (answer.status, answer.body["warnings"], yard.line.publishing) == (
        202,
        [],
        Publishing(release="4593.2.5", until=until),
    )


# -- laws --------------------------------------------------------------------------------------------------

RELEASES = st.sampled_from(["", "1.0.0", "1.0.1", "1.0.2"])
ACTS: st.SearchStrategy[Callable[[Yard], Answer]] = st.one_of(
    RELEASES.map(lambda release: lambda yard: yard.ask("PUT", PIN, {"release": release or None})),
    st.just(lambda yard: yard.ask("DELETE", PIN)),
    st.just(lambda yard: yard.ask("POST", ROLLBACK)),
    st.just(lambda yard: yard.ask("DELETE", CANDIDATE)),
)


@given(
    line=st.builds(a_line, RELEASES, previous=RELEASES, pinned=RELEASES, tried=RELEASES),
    acts=st.lists(ACTS, max_size=12),
)
def test_each_change_leaves_one_entry_and_a_repetition_none(
    line: Line, acts: list[Callable[[Yard], Answer]]
) -> None:
    yard, changes = Yard(line), 0
    for act in acts:
        before = yard.line
        first = act(yard)
        changes += first.status == 202
        after = yard.line
        assert (after != before) is (first.status == 202)
        assert act(yard).status in ((200, 409) if first.status == 202 else (first.status,))
        assert yard.line == after
        assert (after.current, after.previous, after.placed) == (line.current, line.previous, line.placed)
    assert yard.line.sequence == line.sequence + changes
    assert len(yard.lines.entries) == changes == yard.woken
    entries, _ = yard.lines.history("stable#amd64", 100)
    assert [each.version.split("#")[1] for each in entries] == [
        f"{number:010d}" for number in range(line.sequence + changes, line.sequence, -1)
    ]
