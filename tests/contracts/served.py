"""The API as it is served: the door of serve_api over tables and queues in moto, asked in HTTP's terms."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qsl, urlsplit

import boto3
import requests
from moto import mock_aws
from schemathesis import Case, Response

from railyard.aws import clients
from railyard.aws.tables.items import encode
from railyard.model.networks import Network, Subnet
from railyard.model.pools import DEFINITION
from serve_api import handler as door
from serve_api.settings import Settings
from tests.builders import NOW, a_pool, an_instance, fulfilled
from tests.functions.doors import CONTEXT
from tests.functions.serve_api.memory import a_line, a_publication
from tests.functions.serve_api.set_memory import MemoryImages, ami, document, image, shown
from tests.railyard.aws.stubs import Recorder, a_table

URL = "https://abcde12345.execute-api.us-east-1.amazonaws.com/v1"
WHO = {"caller": "AROACI:s", "userArn": "arn:aws:sts::123456789012:assumed-role/ci/s"}
THERE = {
    "pool": "ci",
    "request": "ci-1",
    "instance": "i-0000000000000001",
    "channel": "stable",
    "architecture": "amd64",
    "requester": "ci",
    "stops": "launch",
    "set": "base",
    "number": "1",
}
"""A name of each kind under which something is there."""
NETWORK = Network(
    (Subnet(subnet_id="subnet-0000000a", zone="us-east-1a", vpc_id="vpc-1", default=True),),
    {"sg-00000001": "vpc-1"},
)
TABLES = {
    "requests": "request_id",
    "instances": "instance_id part",
    "pools": "pool part",
    "releases": "line version",
    "ami_sets": "ami_set part",
    "requesters": "name",
}


Stored = dict[str, list[dict[str, Any]]]


@contextmanager
def a_stage() -> Iterator[Stored]:
    """A stage that has one of everything, each under its name in THERE; yields what its tables hold."""
    with mock_aws():
        clients.client.cache_clear()
        ports = door._ports(_settings())
        ports = replace(ports, images=_images(), pools=replace(ports.pools, network=lambda groups: NETWORK))
        woken = Recorder(lambda operation, parameters: {"StatusCode": 202})
        ours = clients.client
        with (
            patch.object(
                door, "client", lambda name, *more: woken if name == "lambda" else ours(name, *more)
            ),
            patch.object(door, "_wired", lambda: ports),
            patch("railyard.aws.clock.source", lambda: NOW),
        ):
            _furnish()
            yield stored()
        clients.client.cache_clear()


def stored() -> Stored:
    """Return what every table holds."""
    dynamodb: Any = clients.client("dynamodb")
    return {table: dynamodb.scan(TableName=table)["Items"] for table in TABLES}


def restore(items: Stored) -> None:
    """Let the tables hold *items* and nothing else."""
    dynamodb = clients.client("dynamodb")
    for table, now in stored().items():
        for item in (each for each in now if each not in items[table]):
            key = {name: item[name] for name in TABLES[table].split()}
            dynamodb.delete_item(TableName=table, Key=key)
        for item in (each for each in items[table] if each not in now):
            dynamodb.put_item(TableName=table, Item=item)


def ask(case: Case[Any]) -> Response:
    """Send *case* through the door, as API Gateway would hand it over."""
    sent = requests.Request(**case.as_transport_kwargs(base_url=URL)).prepare()
    parts = urlsplit(str(sent.url))
    body = sent.body or b""
    answer = said(
        str(sent.method),
        parts.path.removeprefix("/v1"),
        body if isinstance(body, str) else body.decode("utf-8", "replace"),
        headers=dict(sent.headers),
        queryStringParameters=dict(parse_qsl(parts.query, keep_blank_values=True)) or None,
    )
    headers = {name: [value] for name, value in answer["headers"].items()}
    content = answer["body"].encode()
    return Response(answer["statusCode"], headers, content, sent, elapsed=0.0, verify=False)


def said(method: str, path: str, body: str = "", **more: Any) -> dict[str, Any]:
    """Return the door's answer to a call."""
    event = {"httpMethod": method, "path": path, "body": body, "requestContext": {"identity": WHO}}
    return door.handler(event | more, CONTEXT)


def _settings() -> Settings:
    sqs = boto3.client("sqs", region_name="us-east-1")
    boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="catalogue")
    for name, key in TABLES.items():
        a_table(name, *key.split())
    return Settings(
        requests_table="requests",
        instances_table="instances",
        pools_table="pools",
        releases_table="releases",
        ami_sets_table="ami_sets",
        requesters_table="requesters",
        request_queue_url=sqs.create_queue(QueueName="requests")["QueueUrl"],
        lease_queue_url=sqs.create_queue(QueueName="leases")["QueueUrl"],
        refresh_function="refresh_amis",
        catalogue_bucket="catalogue",
        default_security_group="sg-00000001",
        node_profile_arn="arn:aws:iam::123456789012:instance-profile/node",
    )


def _images() -> MemoryImages:
    images = MemoryImages()
    images.there = {ami(1): shown(ami(1)), ami(2): shown(ami(2), architecture="arm64")}
    return images


def _furnish() -> None:
    dynamodb = boto3.client("dynamodb", region_name="us-east-1")
    line = a_line(previous="4593.2.4", tried="4593.2.6")
    pool = a_pool(subnets={"us-east-1a": "subnet-0000000a"}, security_groups=("sg-00000001",))
    for table, item in (
        ("requests", encode(fulfilled())),
        ("instances", encode(an_instance())),
        ("releases", encode(line)),
        ("releases", encode(a_publication("4593.2.5", 6))),
        ("pools", encode(pool) | {"part": {"S": DEFINITION}} | {"pool": {"S": pool.name}}),
    ):
        dynamodb.put_item(TableName=table, Item=item)
    for path, body in (
        ("/pools/ci", {"architectures": ["amd64"]}),
        ("/requesters/ci", {"principals": ["AROACI"]}),
        ("/ami-sets/base", document(image(1))),
        ("/deployments/base/ci", {"version": 1}),
        ("/switches/launch/ci", {"on": False, "reason": "drill"}),
    ):
        made = said("PUT", path, json.dumps(body))
        assert made["statusCode"] in (200, 201), made
