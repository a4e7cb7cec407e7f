"""The function of the small stack: does what its event says, and tells what it sees."""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.request
from typing import Any

import boto3

Event = dict[str, Any]


def handler(event: Event, context: Any) -> Any:
    """Act on the first thing that *event* names."""
    if "sleep" in event:
        time.sleep(event["sleep"])
    if "raise" in event:
        raise ValueError(event["raise"])
    if "exit" in event:
        os._exit(event["exit"])
    for name, act in ACTIONS.items():
        if name in event:
            return act(event)
    left = context.get_remaining_time_in_millis()
    return {"path": sys.path, "environment": dict(os.environ), "left": left, "event": event}


def call(event: Event) -> Any:
    """Call AWS."""
    service, operation, arguments = event["call"]
    client: Any = boto3.client(service)
    answer = getattr(client, operation)(**arguments)
    answer.pop("ResponseMetadata", None)
    if "Payload" in answer:
        answer["Payload"] = answer["Payload"].read().decode()
    return json.loads(json.dumps(answer, default=str))


def now(_: Event) -> str:
    """Tell the time as the product reads it."""
    from railyard.aws import clock

    return clock.now().isoformat()


def answer_cloudformation(event: Event) -> None:
    """Answer a custom resource request with the status that its properties ask for."""
    wanted = event["ResourceProperties"]
    answer = wanted.get("Status", "SUCCESS")
    if event["RequestType"] == "Delete":
        answer = wanted.get("OnDelete", "SUCCESS")
    status = {"Status": answer, "Reason": wanted.get("Reason", "")}
    body = json.dumps(status | {"PhysicalResourceId": "x"}).encode()
    urllib.request.urlopen(urllib.request.Request(event["ResponseURL"], body, method="PUT"))


def answer_api(event: Event) -> Event:
    """Return the proxy event as the body."""
    return {"statusCode": 200, "body": json.dumps(event), "headers": {"ETag": "x"}}


def handle_batch(event: Event) -> Event:
    """Pass every record on to the out queue, except those that are poison."""
    failed = []
    for record in event["Records"]:
        identifier, body = _record(record)
        if body.startswith("poison"):
            failed.append({"itemIdentifier": identifier})
            continue
        kept = {name: record[name] for name in ("attributes", "messageAttributes") if name in record}
        _send({"body": body, "batch": len(event["Records"])} | kept)
    return {"batchItemFailures": failed}


def _record(record: Event) -> tuple[str, str]:
    if "dynamodb" in record:
        return record["dynamodb"]["SequenceNumber"], record["dynamodb"]["Keys"]["id"]["S"]
    return record["messageId"], record["body"]


def _send(document: Event) -> None:
    boto3.client("sqs").send_message(QueueUrl=os.environ["OUT"], MessageBody=json.dumps(document))


ACTIONS = {
    "call": call,
    "now": now,
    "ResponseURL": answer_cloudformation,
    "httpMethod": answer_api,
    "Records": handle_batch,
    "tick": _send,
}
