"""Conditional writes: all or none, the failed ones named, busy tables tried again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from railyard.aws.tables.items import encode, tagged
from railyard.aws.tables.writes import (
    Write,
    WritesConflict,
    commit,
    get_many,
    put,
    query,
    scan,
    spend,
)
from railyard.errors import Denied, RailyardError, Throttled
from railyard.model.ledger import MAX_ITEMS
from railyard.model.requests import Request
from tests.builders import a_request
from tests.railyard.aws.stubs import Recorder, a_table, refused


@pytest.fixture
def dynamodb() -> Iterator[Any]:
    """A client with the table ``requests``."""
    with mock_aws():
        yield a_table("requests", "request_id")


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the code would have slept."""
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    return slept


def new(request: Request) -> Write:
    return put("requests", "request_id", request, over=None)


def ids(dynamodb: Any) -> set[str]:
    return {item["request_id"]["S"] for item in scan(dynamodb, "requests")}


def test_what_exists_is_not_created_again(dynamodb: Any) -> None:
    commit(dynamodb, [new(a_request("a"))])
    with pytest.raises(WritesConflict) as raised:
        commit(dynamodb, [new(a_request("a"))])
    assert raised.value.failed == (0,)


def test_a_record_is_replaced_only_over_the_sequence_that_was_read(dynamodb: Any) -> None:
    first = a_request("a")
    second = first.obstructed(None)  # type: ignore[arg-type]  # only the sequence matters here
    commit(dynamodb, [new(first)])
    commit(dynamodb, [put("requests", "request_id", second, over=first)])
    with pytest.raises(WritesConflict):
        commit(dynamodb, [put("requests", "request_id", second, over=first)])


def test_a_transaction_writes_nothing_and_names_the_positions_that_failed(dynamodb: Any) -> None:
    commit(dynamodb, [new(a_request("b")), new(a_request("d"))])
    wanted = [new(a_request(each)) for each in "abcd"]
    with pytest.raises(WritesConflict) as raised:
        commit(dynamodb, wanted)
    assert raised.value.failed == (1, 3)
    assert ids(dynamodb) == {"b", "d"}


def test_as_many_writes_as_the_protocol_allows_are_one_transaction_and_one_more_is_refused(
    dynamodb: Any,
) -> None:
    wanted = [new(a_request(f"r-{n}")) for n in range(MAX_ITEMS + 1)]
    with pytest.raises(ValueError, match="at most 90"):
        commit(dynamodb, wanted)
    assert ids(dynamodb) == set()
    commit(dynamodb, wanted[:MAX_ITEMS])
    assert len(ids(dynamodb)) == 90


def test_counters_are_spent_while_enough_is_left(dynamodb: Any) -> None:
    dynamodb.put_item(TableName="requests", Item={"request_id": tagged("c"), "free": tagged(3)})
    two = spend("requests", {"request_id": "c"}, {"free": -2}, at_least={"free": 2})
    commit(dynamodb, [two])
    with pytest.raises(WritesConflict):
        commit(dynamodb, [two])
    commit(dynamodb, [spend("requests", {"request_id": "c"}, {"free": -2})])
    assert scan(dynamodb, "requests")[0]["free"] == {"N": "-1"}


def cancelled(dynamodb: Any, times: int, *codes: str) -> Stubber:
    """Let *times* transactions be cancelled with *codes* as reasons."""
    stubber = Stubber(dynamodb)
    for _ in range(times):
        reasons = {"CancellationReasons": [{"Code": code} for code in codes]}
        stubber.add_client_error(
            "transact_write_items", "TransactionCanceledException", modeled_fields=reasons
        )
    return stubber


def test_a_transaction_that_met_another_is_tried_again(naps: list[float]) -> None:
    client = boto3.client("dynamodb", region_name="us-east-1")
    stubber = cancelled(client, 2, "None", "TransactionConflict")
    stubber.add_response("transact_write_items", {})
    with stubber:
        commit(client, [new(a_request("a")), new(a_request("b"))])
        stubber.assert_no_pending_responses()
    assert naps == sorted(naps)
    assert len(naps) == 2


def test_tables_that_stay_busy_are_throttled_after_four_tries(naps: list[float]) -> None:
    client = boto3.client("dynamodb", region_name="us-east-1")
    with cancelled(client, 4, "ThrottlingError", "None") as stubber:
        with pytest.raises(Throttled):
            commit(client, [new(a_request("a")), new(a_request("b"))])
        stubber.assert_no_pending_responses()


def test_a_failed_condition_beside_a_busy_item_is_a_conflict_at_once(naps: list[float]) -> None:
    client = boto3.client("dynamodb", region_name="us-east-1")
    with (
        cancelled(client, 1, "TransactionConflict", "ConditionalCheckFailed"),
        pytest.raises(WritesConflict) as raised,
    ):
        commit(client, [new(a_request("a")), new(a_request("b"))])
    assert (raised.value.failed, naps) == ((1,), [])


def test_a_transaction_that_can_never_be_written_is_not_called_busy(naps: list[float]) -> None:
    client = boto3.client("dynamodb", region_name="us-east-1")
    with cancelled(client, 1, "ValidationError", "None"), pytest.raises(RailyardError) as raised:
        commit(client, [new(a_request("a")), new(a_request("b"))])
    assert type(raised.value) is RailyardError
    assert naps == []


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("AccessDeniedException", Denied),
        ("ProvisionedThroughputExceededException", Throttled),
        ("TransactionConflictException", Throttled),
    ],
)
def test_a_single_write_speaks_in_our_errors(code: str, kind: type[RailyardError]) -> None:
    client = boto3.client("dynamodb", region_name="us-east-1")
    stubber = Stubber(client)
    stubber.add_client_error("put_item", code)
    with stubber, pytest.raises(kind):
        commit(client, [new(a_request("a"))])


def test_keys_that_dynamodb_left_for_later_are_asked_again() -> None:
    item = encode(a_request("a"))
    left = {"requests": {"Keys": [{"request_id": tagged("a")}], "ConsistentRead": True}}
    answers = iter(
        [
            {"Responses": {"requests": []}, "UnprocessedKeys": left},
            {"Responses": {"requests": [item]}, "UnprocessedKeys": {}},
        ]
    )
    client = Recorder(lambda _, __: next(answers))
    assert get_many(client, {"requests": [{"request_id": "a"}], "pools": []}) == {
        "requests": [item],
        "pools": [],
    }
    assert client.calls[1][1] == {"RequestItems": left}
    assert all(call["RequestItems"]["requests"]["ConsistentRead"] for _, call in client.calls)


def pages(*sizes: int) -> Recorder:
    """A client that answers with pages of those sizes."""
    answers = []
    for number, size in enumerate(sizes):
        last = number == len(sizes) - 1
        more = {} if last else {"LastEvaluatedKey": {"request_id": tagged(str(number))}}
        answers.append({"Items": [{"n": tagged(number)}] * size} | more)
    left = iter(answers)
    return Recorder(lambda _, __: next(left))


def test_a_scan_and_a_query_read_every_page() -> None:
    assert len(scan(pages(2, 0, 3), "requests")) == 5
    assert len(query(pages(2, 0, 3), "requests", "waiting", {"waiting": "default"})) == 5


def test_a_limit_bounds_a_query_over_all_pages() -> None:
    client = pages(2, 2, 2)
    assert len(query(client, "requests", "waiting", {"waiting": "default"}, limit=4)) == 4
    assert len(client.calls) == 2


def test_a_page_that_fails_is_never_an_end() -> None:
    answers = iter(
        [{"Items": [], "LastEvaluatedKey": {"request_id": tagged("a")}}, refused("InternalServerError")]
    )
    with pytest.raises(RailyardError):
        scan(Recorder(lambda _, __: next(answers)), "requests")
