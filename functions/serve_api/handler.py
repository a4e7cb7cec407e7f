"""The door of serve_api: the REST API, whose callers API Gateway has authorised with IAM."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from functools import cache, partial
from typing import Any

from botocore.config import Config

from railyard.aws.catalogues import CatalogueObject
from railyard.aws.clients import ORDINARY, client, home_region
from railyard.aws.clock import now
from railyard.aws.errors import translated
from railyard.aws.images import Ec2Images
from railyard.aws.network import Ec2Network
from railyard.aws.queues import FORWARDED
from railyard.aws.tables.ami_sets import AmiSets
from railyard.aws.tables.pools import Pools, RequesterRecords
from railyard.aws.tables.releases import Releases
from railyard.aws.tables.switches import Switches
from railyard.model.images import LAUNCHED, parameter_name
from railyard.model.networks import Defaults
from railyard.settings import from_environ
from railyard.telemetry import logger
from serve_api.calls import Asked
from serve_api.pools import PoolPorts, Rules
from serve_api.ports import Ports
from serve_api.records import DynamoRecords
from serve_api.run import run
from serve_api.settings import Settings

NO_CONTENT = 204
BRIEF = ORDINARY.merge(
    Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 2})
)
"""For EC2 in other regions: one that is silent must leave time to answer the caller."""


@cache
def _wired() -> Ports:
    return _ports(from_environ(Settings, os.environ))


def _ports(settings: Settings) -> Ports:
    """Wire the ports; what few calls need, EC2 and S3, gets its client when one needs it."""
    dynamodb, home = client("dynamodb"), home_region()
    images = Ec2Images(lambda region: client("ec2", region, BRIEF))
    return Ports(
        records=DynamoRecords(dynamodb, settings),
        lines=Releases(dynamodb, settings.releases_table),
        sets=AmiSets(dynamodb, settings.ami_sets_table, settings.pools_table),
        images=images,
        home=home,
        requests=partial(_send, settings.request_queue_url),
        leases=partial(_send, settings.lease_queue_url),
        wake=partial(_wake, settings.refresh_function),
        pools=PoolPorts(
            records=Pools(dynamodb, settings.pools_table),
            network=lambda groups: Ec2Network(client("ec2")).look(groups),
            images=partial(images.look, home),
            catalogue=lambda: CatalogueObject(
                client("s3"), settings.catalogue_bucket, settings.catalogue_key
            ).read(),
            refusal=lambda pool, **launch: Ec2Network(client("ec2")).refusal(pool, **launch),
        ),
        rules=_rules(settings),
        requesters=RequesterRecords(dynamodb, settings.requesters_table),
        reply_queues=settings.reply_queues,
        switches=Switches(dynamodb, settings.pools_table, settings.releases_table),
    )


def _rules(settings: Settings) -> Rules:
    """Return what a pool gets that names none, and what it launches then, as EC2 resolves it."""
    name = partial(parameter_name, settings.parameter_prefix, LAUNCHED)
    return Rules(
        defaults=Defaults(
            subnets=settings.default_subnets,
            security_groups=settings.default_security_groups or (settings.default_security_group,),
            instance_profile=settings.node_profile_arn,
        ),
        image_ids_allowed=settings.image_ids_allowed,
        dry_run=settings.pool_dry_run,
        launched={each: f"resolve:ssm:{name(each, 'image')}" for each in ("amd64", "arm64")},
    )


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001  # Lambda's signature
    """Answer one call."""
    asked = _asked(event)
    answer = run(asked, _wired(), now())
    logger.info("answered", method=asked.method, path=asked.path, status=answer.status, by=asked.by)
    for warning in answer.body.get("warnings", ()):
        logger.warning("answered with a warning", path=asked.path, warning=warning)
    return {
        "statusCode": answer.status,
        "headers": {"Content-Type": "application/json", **answer.headers},
        "body": "" if answer.status == NO_CONTENT else json.dumps(answer.body),
    }


def _asked(event: Mapping[str, Any]) -> Asked:
    body = event.get("body") or ""
    if event.get("isBase64Encoded"):
        body = base64.b64decode(body).decode("utf-8", "replace")
    identity = event["requestContext"]["identity"]
    sender = identity.get("caller") or identity.get("user") or ""
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    return Asked(
        method=event["httpMethod"],
        path=event["path"],
        query=event.get("queryStringParameters") or {},
        body=body,
        sender=sender,
        by=identity.get("userArn") or sender,
        if_match=headers.get("if-match", "").strip(),
    )


def _send(url: str, body: str, sender: str) -> str:
    """Send *body* for *sender*: API Gateway's ``caller`` has the form of SQS's SenderId."""
    with translated("SendMessage"):
        answer = client("sqs").send_message(
            QueueUrl=url,
            MessageBody=body,
            MessageAttributes={FORWARDED: {"DataType": "String", "StringValue": sender}},
        )
    return str(answer["MessageId"])


def _wake(function: str) -> None:
    """Invoke *function* and do not wait for it."""
    with translated("Invoke"):
        client("lambda").invoke(FunctionName=function, InvocationType="Event", Payload=b"{}")
