"""The door of keep_leases: the lease queue."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

from keep_leases.run import run
from keep_leases.settings import Settings
from railyard.aws.clients import client
from railyard.aws.clock import now
from railyard.aws.queues import Pointers, message_of
from railyard.aws.tables.ledger import Ledger, Tables
from railyard.aws.tables.requesters import Requesters
from railyard.settings import from_environ
from railyard.telemetry import counts_of, logger, metrics, report


@cache
def _wired() -> tuple[Settings, Ledger, Pointers, Requesters]:
    settings = from_environ(Settings, os.environ)
    dynamodb = client("dynamodb")
    pointers = Pointers(client("sqs"), settings.wake_queue_url)
    return (
        settings,
        Ledger(dynamodb, Tables.of(settings)),
        pointers,
        Requesters(dynamodb, settings.requesters_table),
    )


@metrics.log_metrics
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001  # Lambda's signature
    """Carry out a batch of commands; the answer names the messages that must come again."""
    settings, ledger, pointers, requesters = _wired()
    at = now()
    messages = [message_of(record, settings.api_role_id) for record in event["Records"]]
    outcome = run(messages, ledger, pointers, requesters.all(at), at)
    report("leases kept", counts_of(outcome))
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in outcome.failed]}
