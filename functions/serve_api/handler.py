"""The door of serve_api: the REST API, whose callers API Gateway has authorised with IAM."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from functools import cache
from typing import Any

from railyard.aws.clients import client
from railyard.aws.clock import now
from railyard.aws.errors import translated
from railyard.aws.queues import FORWARDED
from railyard.settings import from_environ
from railyard.telemetry import logger
from serve_api.records import DynamoRecords
from serve_api.run import Asked, run
from serve_api.settings import Settings


@cache
def _wired() -> tuple[Settings, DynamoRecords]:
    settings = from_environ(Settings, os.environ)
    return settings, DynamoRecords(client("dynamodb"), settings)


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001  # Lambda's signature
    """Answer one call."""
    settings, records = _wired()
    asked = _asked(event)
    answer = run(
        asked,
        records,
        lambda body, sender: _send(settings.request_queue_url, body, sender),
        lambda body, sender: _send(settings.lease_queue_url, body, sender),
        now(),
    )
    logger.info("answered", method=asked.method, path=asked.path, status=answer.status)
    return {
        "statusCode": answer.status,
        "headers": {"Content-Type": "application/json"},
        "body": json.dumps(answer.body),
    }


def _asked(event: Mapping[str, Any]) -> Asked:
    body = event.get("body") or ""
    if event.get("isBase64Encoded"):
        body = base64.b64decode(body).decode("utf-8", "replace")
    identity = event["requestContext"]["identity"]
    return Asked(
        method=event["httpMethod"],
        path=event["path"],
        query=event.get("queryStringParameters") or {},
        body=body,
        sender=identity.get("caller") or identity.get("user") or "",
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
