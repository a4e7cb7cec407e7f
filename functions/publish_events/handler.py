"""The door of publish_events: the stream of the requests table."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

from publish_events.run import run
from publish_events.settings import Settings
from railyard.aws.bus import Bus
from railyard.aws.clients import client
from railyard.aws.clock import now
from railyard.aws.queues import Replies
from railyard.aws.tables.items import decode
from railyard.aws.tables.requesters import Requesters
from railyard.model.requests import Request
from railyard.settings import from_environ
from railyard.telemetry import counts_of, logger, metrics, report


@cache
def _wired() -> tuple[Bus, Replies, Requesters]:
    settings = from_environ(Settings, os.environ)
    return (
        Bus(client("events"), settings.bus_name),
        Replies(lambda region: client("sqs", region)),
        Requesters(client("dynamodb"), settings.requesters_table),
    )


@metrics.log_metrics
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001  # Lambda's signature
    """Publish what a batch of writes says. A failure repeats the whole batch; readers know each body by its id."""
    bus, replies, requesters = _wired()
    images = [
        record["dynamodb"]["NewImage"] for record in event["Records"] if "NewImage" in record["dynamodb"]
    ]
    queues = {each.name: each.reply_queue_arn for each in requesters.all(now())}
    outcome = run([decode(Request, image) for image in images], bus, replies, queues)
    for arn in outcome.unreachable:
        logger.warning("reply queue out of reach", queue=arn)
    report("published", counts_of(outcome))
    return {"batchItemFailures": []}
