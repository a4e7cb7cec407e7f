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
from serve_api.settings import Settings
from tests.bench import allocate_body
from tests.builders import a_pool, fulfilled
from tests.functions.doors import CONTEXT, assert_each_variable_is_needed, wire
from tests.functions.serve_api.memory import a_line
from tests.functions.serve_api.set_memory import MemoryImages, ami, document, image, shown
from tests.railyard.aws.stubs import Recorder, a_table, refused

SETTINGS = Settings(
    requests_table="requests",
    instances_table="instances",
    pools_table="pools",
    releases_table="releases",
    ami_sets_table="ami_sets",
    request_queue_url="",
    lease_queue_url="",
    refresh_function="railyard-refresh_amis",
    requesters_table="requesters",
    catalogue_bucket="catalogue",
    default_security_group="sg-00000001",
    node_profile_arn="arn:node",
)


class Queues:
    """The two public queues in moto, and what refresh_amis was called with."""

    def __init__(self) -> None:
        self.images = MemoryImages()
        self.refresh = Recorder(lambda operation, parameters: {"StatusCode": 202})
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
        a_table("releases", "line", "version")
        dynamodb.put_item(TableName="releases", Item=encode(a_line(previous="4593.2.4")))
        settings = replace(SETTINGS, request_queue_url=made.requests, lease_queue_url=made.leases)
        a_table("ami_sets", "ami_set", "part")
        a_table("pools", "pool", "part")
        made.images.there[ami(1)] = shown(ami(1))
        a_table("requesters", "name")
        boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="catalogue")
        ours = clients.client
        monkeypatch.setattr(
            door, "client", lambda name, *more: made.refresh if name == "lambda" else ours(name, *more)
        )
        ports = replace(door._ports(settings), images=made.images)
        wire(door, monkeypatch)
        monkeypatch.setattr(door, "_wired", lambda: ports)
        yield made
        clients.client.cache_clear()


def call(method: str, path: str, body: str | None = None, **more: Any) -> tuple[int, Any]:
    identity = {
        "caller": "AROACI:session",
        "user": "AROACI:session",
        "userArn": "arn:aws:sts::1:assumed-role/ci/s",
    }
    event = {
        "httpMethod": method,
        "path": path,
        "body": body,
        "requestContext": {"identity": identity},
    } | more
    answer = door.handler(event, CONTEXT)
    assert answer["headers"]["Content-Type"] == "application/json"
    return answer["statusCode"], json.loads(answer["body"]) if answer["body"] else None


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


PIN = "/amis/stable/amd64/pin"


def test_a_pin_is_written_under_the_callers_arn_and_refresh_amis_invoked_without_waiting(
    queues: Queues,
) -> None:
    status, body = call("PUT", PIN, json.dumps({"release": "4593.2.4"}))
    assert (status, body["pin"]["by"], body["generation"]) == (202, "arn:aws:sts::1:assumed-role/ci/s", 8)
    asked = {"FunctionName": "railyard-refresh_amis", "InvocationType": "Event", "Payload": b"{}"}
    assert queues.refresh.calls == [("invoke", asked)]
    (told,) = call("GET", "/amis/stable/amd64/history")[1]["items"]
    assert (told["what"], told["release"], told["id"]) == ("pinned", "4593.2.4", "log#0000000008#pinned")
    assert call("GET", "/amis")[1]["items"] == [call("GET", "/amis/stable/amd64")[1]]
    assert call("GET", "/amis/stable/amd64")[1]["pin"] == body["pin"]


def test_a_caller_without_an_arn_is_known_by_its_id(queues: Queues) -> None:
    context = {"identity": {"caller": "AIDAANN"}}
    assert call("PUT", PIN, requestContext=context)[1]["pin"]["by"] == "AIDAANN"


def test_a_pin_stands_although_refresh_amis_does_not_answer(queues: Queues) -> None:
    queues.refresh = Recorder(
        lambda operation, parameters: refused("TooManyRequestsException", operation, 429)
    )
    status, body = call("PUT", PIN)
    assert (status, len(body["warnings"])) == (202, 1)
    assert call("GET", "/amis/stable/amd64")[1]["pin"]["release"] == "4593.2.5"


@pytest.mark.parametrize("header", ["If-Match", "if-match", "IF-MATCH"])
def test_a_tag_is_given_and_understood_however_the_header_is_spelled(queues: Queues, header: str) -> None:
    identity = {"requestContext": {"identity": {"caller": "AIDAANN"}}}
    event = {"httpMethod": "GET", "path": "/amis/stable/amd64", **identity}
    tag = door.handler(event, CONTEXT)["headers"]["ETag"]
    assert call("PUT", PIN, headers={header: '"1"'})[0] == 412
    assert call("PUT", PIN, headers={header: tag})[0] == 202
    assert call("DELETE", PIN, headers={header: tag})[0] == 412


def test_a_set_goes_all_the_way_to_the_tables_and_back(queues: Queues) -> None:
    set_of = json.dumps(document(image(1)))
    assert call("PUT", "/ami-sets/base", set_of, queryStringParameters={"reason": "new"})[0] == 201
    assert call("PUT", "/ami-sets/base", set_of)[0] == 200
    boto3.client("dynamodb", region_name="us-east-1").put_item(
        TableName="pools",
        Item=encode(a_pool("ci", architectures=("amd64",)))
        | {"pool": {"S": "ci"}, "part": {"S": "definition"}},
    )
    status, body = call("PUT", "/deployments/base/ci", json.dumps({"version": "latest"}))
    assert (status, body["images"]) == (200, {"amd64": ami(1)})
    assert call("POST", "/ami-sets/base/validate")[1]["versions"][0]["pools"] == ["ci"]
    told = call("GET", "/ami-sets/base/history")[1]["items"]
    assert [(each["action"], each["by"].rsplit(":", 1)[1]) for each in told] == [
        ("deployed", "assumed-role/ci/s"),
        ("created", "assumed-role/ci/s"),
    ]
    assert call("DELETE", "/ami-sets/base")[0] == 409
    assert call("DELETE", "/deployments/base/ci") == (204, None)
    assert call("DELETE", "/ami-sets/base") == (204, None)
    assert call("GET", "/ami-sets")[1] == {"items": [], "next_token": None}


def test_an_update_is_bound_by_a_header(queues: Queues) -> None:
    call("PUT", "/ami-sets/base", json.dumps(document(image(1))))
    body = json.dumps(document(image(1), description="ours"))
    assert call("POST", "/ami-sets/base/update", body)[0] == 428
    assert call("POST", "/ami-sets/base/update", body, headers={"If-match": '"7"'})[0] == 412
    assert call("POST", "/ami-sets/base/update", body, headers={"If-match": '"1"'})[1]["version"] == 2


def test_a_switch_is_turned_through_the_door_and_shown_in_the_status(queues: Queues) -> None:
    assert call("PUT", "/switches/launch/default", json.dumps({"on": False, "reason": "drill"}))[0] == 200
    assert call("GET", "/switches/launch/default")[1]["on"] is False
    assert call("GET", "/switches/launch")[1]["on"] is True
    assert [each["pool"] for each in call("GET", "/switches")[1]["items"]] == ["default"]
    assert [each["reason"] for each in call("GET", "/status")[1]["switched_off"]] == ["drill"]
    assert call("GET", "/switches/grow")[0] == 400


def test_a_requester_is_kept_through_the_door(queues: Queues) -> None:
    assert call("PUT", "/requesters/ci", json.dumps({"principals": ["AROACI"]}))[0] == 201
    assert call("GET", "/requesters/ci")[1]["principals"] == ["AROACI"]
    assert [each["name"] for each in call("GET", "/requesters")[1]["items"]] == ["ci"]
    assert call("DELETE", "/requesters/ci")[0] == 204
    assert call("GET", "/requesters/ci")[0] == 404


def test_a_pool_is_judged_through_the_door(queues: Queues) -> None:
    status, body = call("PUT", "/pools/ci", json.dumps({"subnets": ["subnet-0000dead"]}))
    assert (status, body["error"]["path"]) == (422, "subnets")
    assert call("DELETE", "/pools/ci")[0] == 204
