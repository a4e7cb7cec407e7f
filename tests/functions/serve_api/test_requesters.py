"""Requesters through the API: shown, made, changed, forgotten, and never one of a deployment's."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from moto import mock_aws

from railyard.aws.tables.pools import RequesterRecords
from railyard.errors import Conflict
from railyard.model.pools import BY_API, Requester
from serve_api.calls import Answer, Asked
from serve_api.requesters import delete_requester, put_requester, show_requester, show_requesters
from tests.railyard.aws.stubs import a_table

QUEUE = "arn:aws:sqs:us-east-1:123456789012:ci"
OTHER = "arn:aws:sqs:us-east-1:123456789012:other"
CI = {"principals": ["AROACI"], "reply_queue_arn": QUEUE}


class Racing(RequesterRecords):
    """The table; of *races* one happens before each write. *writes* counts those that succeeded."""

    def __init__(self, dynamodb: Any) -> None:
        super().__init__(dynamodb, "requesters")
        self.races: list[Callable[[], object]] = []
        self.writes = 0

    def write(self, seen: Requester | None, shall: Requester | None) -> None:
        if self.races:
            self.races.pop(0)()
        super().write(seen, shall)
        self.writes += 1


@pytest.fixture
def records() -> Iterator[Racing]:
    with mock_aws():
        yield Racing(a_table("requesters", "name"))


def asked(body: Any = None, if_match: str = "") -> Asked:
    text = json.dumps(body) if body is not None else ""
    return Asked(method="PUT", path="/", query={}, body=text, sender="A", by="ann", if_match=if_match)


def write(records: Racing, body: Any, name: str = "ci", if_match: str = "") -> Answer:
    return put_requester(name, asked(body, if_match), records, (QUEUE,))


def defects(answer: Answer) -> tuple[int, list[str]]:
    return answer.status, [each["path"] for each in answer.body["error"]["defects"]]


def code(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.body["error"]["code"]


def test_a_requester_is_made_then_changed_then_left_as_it_is(records: Racing) -> None:
    bodies = (CI, CI | {"pools": ["ci"]}, CI | {"pools": ["ci"], "name": "ci"})
    answers = [write(records, body) for body in bodies]
    assert [each.status for each in answers] == [201, 200, 200]
    assert [each.headers["ETag"] for each in answers] == ['"1"', '"2"', '"2"']
    assert records.writes == 2
    (there,) = records.all()
    assert there == Requester(
        name="ci", generation=2, principals=("AROACI",), reply_queue_arn=QUEUE, pools=("ci",), managed=BY_API
    )


def test_requesters_are_shown_by_name_and_one_with_its_tag(records: Racing) -> None:
    write(records, CI)
    write(records, {"principals": ["AROAQA"]}, "a")
    assert [each["name"] for each in show_requesters(records).body["items"]] == ["a", "ci"]
    one = show_requester("ci", records)
    assert (one.status, one.headers["ETag"], one.body["principals"]) == (200, '"1"', ("AROACI",))
    assert code(show_requester("none", records)) == (404, "not_found")


@pytest.mark.parametrize(
    ("name", "document", "status", "where"),
    [
        ("ci", {}, 400, ["principals"]),
        ("ci", {"principals": [], "pools": [], "colour": 1}, 400, ["principals", "pools", "colour"]),
        ("ci", CI | {"limits": {"instances": 4}}, 400, ["limits"]),
        ("ci", CI | {"name": "other"}, 400, ["name"]),
        ("CI", CI, 400, ["name"]),
        ("ci", CI | {"reply_queue_arn": "https://sqs"}, 400, ["reply_queue_arn"]),
        ("ci", CI | {"reply_queue_arn": OTHER}, 422, ["reply_queue_arn"]),
        ("qa", CI, 422, ["principals"]),
        (
            "qa",
            {"principals": ["B", "AROACI"], "reply_queue_arn": OTHER},
            422,
            ["reply_queue_arn", "principals"],
        ),
    ],
)
def test_every_defect_is_told_at_once_with_its_path(
    records: Racing, name: str, document: Any, status: int, where: list[str]
) -> None:
    write(records, CI)
    before = records.all()
    assert defects(write(records, document, name)) == (status, where)
    assert records.all() == before


def test_a_queue_that_nothing_may_send_to_is_told_with_the_setting_that_lists_it(records: Racing) -> None:
    answer = write(records, CI | {"reply_queue_arn": OTHER})
    assert "reply_queues" in answer.body["error"]["message"]


def test_a_requester_of_railyard_toml_is_neither_changed_nor_forgotten(records: Racing) -> None:
    there = Requester(name="ci", principals=("AROACI",))
    records.write(None, there)
    for answer in (write(records, CI), delete_requester("ci", asked(), records)):
        assert code(answer) == (409, "managed_by_deployment")
    assert records.all() == [there]


@pytest.mark.parametrize(("if_match", "status"), [('"1"', 200), ("*", 200), ('"2"', 412)])
def test_a_change_may_be_bound_to_a_generation(records: Racing, if_match: str, status: int) -> None:
    write(records, CI)
    assert write(records, {"principals": ["AROACI"]}, if_match=if_match).status == status


def test_a_requester_is_forgotten_once_and_that_again_is_no_error(records: Racing) -> None:
    write(records, CI)
    assert code(delete_requester("ci", asked(if_match='"7"'), records)) == (412, "precondition_failed")
    assert [delete_requester("ci", asked(), records).status for _ in range(2)] == [204, 204]
    assert records.all() == []


def rewrite(records: Racing, principal: str) -> None:
    """Somebody else changes the requester."""
    (seen,) = records.all()
    shall = replace(seen, principals=(principal,), generation=seen.generation + 1)
    RequesterRecords.write(records, seen, shall)


def test_who_was_slower_writes_over_what_is_there_then_or_is_told(records: Racing) -> None:
    write(records, CI)
    records.races = [lambda: rewrite(records, "B")]
    assert write(records, {"principals": ["C"]}).headers["ETag"] == '"3"'
    records.races = [lambda: rewrite(records, "D")]
    assert write(records, CI, if_match='"3"').status == 412
    records.races = [partial(rewrite, records, n) for n in "EFG"]
    with pytest.raises(Conflict, match="changed by others"):
        write(records, CI)
