"""Pages of the tables, and tokens that cannot be turned against them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws

from railyard.aws.tables.items import encode, tagged
from railyard.errors import InvalidRequest
from railyard.model.reasons import Code, Reason
from railyard.wire.refusals import refusal
from serve_api.records import DynamoRecords
from serve_api.settings import Settings
from tests.builders import NOW, a_message, a_request, an_instance
from tests.railyard.aws.stubs import a_table

SETTINGS = Settings(
    requests_table="requests",
    instances_table="instances",
    pools_table="pools",
    releases_table="releases",
    ami_sets_table="ami_sets",
    request_queue_url="",
    lease_queue_url="",
    refresh_function="",
    requesters_table="",
    catalogue_bucket="",
    default_security_group="",
    node_profile_arn="",
)


@pytest.fixture
def dynamodb() -> Iterator[Any]:
    """Seven requests and a refused message; three machines, one with a report beside it."""
    with mock_aws():
        client = a_table("requests", "request_id")
        a_table("instances", "instance_id", "part")
        unread = refusal(a_message("{}"), {}, "ci", Reason(Code.INVALID_REQUEST, "no"), NOW)
        for request in (*(a_request(f"ci-{n}") for n in range(7)), unread):
            client.put_item(TableName="requests", Item=encode(request))
        for number in range(3):
            client.put_item(TableName="instances", Item=encode(an_instance(f"i-{number}")))
        report = {"instance_id": tagged("i-0"), "part": tagged("report")}
        client.put_item(TableName="instances", Item=report)
        yield client


def test_pages_together_hold_every_request_once_and_no_refused_message(dynamodb: Any) -> None:
    records, token, found = DynamoRecords(dynamodb, SETTINGS), None, []
    for _ in range(8):
        page, token = records.request_page(2, token)
        assert len(page) <= 2
        found += [request.request_id for request in page]
        if token is None:
            break
    assert token is None
    assert sorted(found) == [f"ci-{n}" for n in range(7)]


def test_pages_of_machines_hold_states_and_no_reports(dynamodb: Any) -> None:
    records = DynamoRecords(dynamodb, SETTINGS)
    first, token = records.instance_page(2, None)
    second, end = records.instance_page(10, token)
    assert sorted(each.instance_id for each in first + second) == ["i-0", "i-1", "i-2"]
    assert end is None


@pytest.mark.parametrize(
    "token",
    [
        {"pool": {"S": "default"}},
        {"request_id": {"S": "ci-1"}, "part": {"S": "state"}},
        {"request_id": "ci-1"},
        {"request_id": {"N": "1"}},
        {"request_id": {"S": 1}},
        {"request_id": {"S": "ci-1", "N": "1"}},
    ],
)
def test_a_token_with_another_key_is_refused(dynamodb: Any, token: Any) -> None:
    with pytest.raises(InvalidRequest) as raised:
        DynamoRecords(dynamodb, SETTINGS).request_page(2, token)
    assert raised.value.path == "next_token"


def test_a_token_of_one_list_is_none_of_another(dynamodb: Any) -> None:
    records = DynamoRecords(dynamodb, SETTINGS)
    _, token = records.request_page(2, None)
    with pytest.raises(InvalidRequest):
        records.instance_page(2, token)


def test_one_record_is_read_by_its_id(dynamodb: Any) -> None:
    records = DynamoRecords(dynamodb, SETTINGS)
    assert records.requests(["ci-1", "none"]) == {"ci-1": a_request("ci-1")}
    assert records.instances(["i-1", "none"]) == {"i-1": an_instance("i-1")}
