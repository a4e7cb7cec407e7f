"""API Gateway's calls: answered as JSON, forwarded under the caller's own name."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from railyard.aws import clients
from railyard.aws.queues import FORWARDED
from railyard.aws.tables.items import encode
from serve_api import handler as door
from serve_api.records import DynamoRecords
from serve_api.settings import Settings
from tests.bench import allocate_body
from tests.builders import fulfilled
from tests.functions.doors import CONTEXT, assert_each_variable_is_needed, wire
from tests.railyard.aws.stubs import a_table

SETTINGS = Settings(
    requests_table="requests",
    instances_table="instances",
    pools_table="pools",
    releases_table="releases",
    request_queue_url="",
    lease_queue_url="",
)


class Queues:
    """The two public queues in moto."""

    def __init__(self) -> None:
        self.sqs = boto3.client("sqs", region_name="us-east-1")
        self.requests, self.leases = (
            self.sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("requests", "leases")
        )

    def read(self, url: str) -> list[tuple[str, str]]:
        found = self.sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"], MaxNumberOfMessages=10)
        return [
            (message["Body"], message["MessageAttributes"][FORWARDED]["StringValue"])
            for message in found.get("Messages", [])
        ]


@pytest.fixture
def queues(monkeypatch: pytest.MonkeyPatch) -> Iterator[Queues]:
    """The door with a table and both queues."""
    with mock_aws():
        clients.client.cache_clear()
        made = Queues()
        dynamodb = a_table("requests", "request_id")
        dynamodb.put_item(TableName="requests", Item=encode(fulfilled()))
        settings = replace(SETTINGS, request_queue_url=made.requests, lease_queue_url=made.leases)
        wire(door, monkeypatch, settings, DynamoRecords(dynamodb, settings))
        yield made
        clients.client.cache_clear()


def call(method: str, path: str, body: str | None = None, **more: Any) -> tuple[int, Any]:
    identity = {"caller": "AROACI:session", "user": "AROACI:session"}
    event = {
        "httpMethod": method,
        "path": path,
        "body": body,
        "requestContext": {"identity": identity},
    } | more
    answer = door.handler(event, CONTEXT)
    assert answer["headers"] == {"Content-Type": "application/json"}
    return answer["statusCode"], json.loads(answer["body"])


def test_each_variable_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert_each_variable_is_needed(door, Settings, monkeypatch)


def test_a_request_is_read_with_its_answer(queues: Queues) -> None:
    status, body = call("GET", "/allocations/ci-1")
    assert (status, body["state"], body["answer"]["event"]) == (200, "FULFILLED", "fulfilled")
    assert "outbox" not in body


def test_what_is_not_there_is_a_404_and_a_wrong_query_a_400(queues: Queues) -> None:
    assert call("GET", "/allocations/none")[0] == 404
    assert call("GET", "/nowhere")[0] == 404
    status, body = call("GET", "/allocations", queryStringParameters={"limit": "1000"})
    assert (status, body["error"]["path"]) == (400, "limit")


@pytest.mark.parametrize("encoded", [False, True])
def test_a_body_is_forwarded_byte_for_byte_for_its_caller(queues: Queues, encoded: bool) -> None:
    text = json.dumps(allocate_body(labels={"branch": "größe"}), ensure_ascii=False)
    body = base64.b64encode(text.encode()).decode() if encoded else text
    status, answer = call("POST", "/allocations", body, isBase64Encoded=encoded)
    assert (status, answer["request_id"]) == (202, "ci-1")
    assert queues.read(queues.requests) == [(text, "AROACI:session")]
    assert queues.read(queues.leases) == []


def test_a_command_goes_to_the_lease_queue(queues: Queues) -> None:
    command = json.dumps({"version": 1, "action": "cancel", "request_id": "ci-1"})
    assert call("POST", "/leases", command)[0] == 202
    assert queues.read(queues.leases) == [(command, "AROACI:session")]
    assert queues.read(queues.requests) == []


@pytest.mark.parametrize("body", [None, "[]", "no json"])
def test_what_is_no_document_is_forwarded_to_nobody(queues: Queues, body: str | None) -> None:
    assert call("POST", "/allocations", body)[0] == 400
    assert queues.read(queues.requests) == []
