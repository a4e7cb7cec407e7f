"""A refused message is a record of its own that nobody can abuse."""

from __future__ import annotations

import json
from typing import Any

import pytest

from railyard.aws.tables.items import decode, encode
from railyard.model.reasons import Code, Reason
from railyard.model.requests import Request, RequestState
from railyard.wire.refusals import refusal
from tests.builders import NOW, a_message

REASON = Reason(code=Code.INVALID_REQUEST, message="expected an object", path="requirements")


def refused(requester: str = "ci", body: str = "{}", event: str = "refused", **fields: Any) -> Request:
    return refusal(a_message(body), fields, requester, REASON, NOW, event=event)


def said(record: Request) -> dict[str, Any]:
    (body,) = record.outbox
    assert body == record.answer
    return json.loads(body)  # type: ignore[no-any-return]


def test_it_has_a_key_that_no_request_can_have_and_ends_by_itself() -> None:
    record = refused(request_id="ci-1")
    assert (record.request_id, record.name, record.state) == ("!m-1", "ci-1", RequestState.REFUSED)
    assert record.unread
    assert record.told == record.sequence
    assert record.expires
    assert (record.waiting, record.leased, record.shares) == (None, None, ())


def test_it_answers_with_what_could_be_read() -> None:
    body = said(refused(request_id="ci-1", labels={"branch": "main"}, epoch=3, event="renew_refused"))
    assert (body["request_id"], body["labels"], body["epoch"]) == ("ci-1", {"branch": "main"}, 3)
    assert (body["event"], body["reason"]["path"]) == ("renew_refused", "requirements")


def test_its_answer_goes_to_the_senders_own_queue_or_nowhere() -> None:
    assert refused(reply_to="thief").reply_to == "ci"
    assert refused(requester="default", reply_to="ci").reply_to is None


@pytest.mark.parametrize(
    "fields",
    [
        {"request_id": 7, "labels": [], "epoch": "1"},
        {"labels": {"a": 1}, "epoch": True},
        {"labels": {str(n): "" for n in range(21)}, "epoch": -1},
        {"labels": {"a": "x" * 257}, "epoch": 10**9},
        {"labels": {"a" * 129: "x"}, "epoch": 1.5},
    ],
)
def test_what_breaks_the_contract_is_not_repeated(fields: dict[str, Any]) -> None:
    body = said(refused(**fields))
    assert (body["request_id"], body["labels"], body["epoch"]) == (None, {}, 0)


def test_it_stays_small_enough_for_a_table() -> None:
    record = refused(body="x" * 500_000, request_id="y" * 5_000)
    assert len(record.body or "") == 100_000
    assert len(record.name or "") == 128
    assert decode(Request, encode(record)) == record
