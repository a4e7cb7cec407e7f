"""The door of track_instances: EC2's events, the reaper's pointers, and node reports."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from typing import Any

from railyard.aws.clients import client
from railyard.aws.clock import now
from railyard.aws.instances import Ec2Instances
from railyard.aws.queues import Pointers, message_of
from railyard.aws.tables.ledger import Ledger, Tables
from railyard.errors import InvalidRequest
from railyard.settings import from_environ
from railyard.telemetry import counts_of, logger, metrics, report
from track_instances.run import Ports, run
from track_instances.settings import Settings
from track_instances.signals import Signal, read_event, read_report


@cache
def _wired() -> tuple[Settings, Ports]:
    settings = from_environ(Settings, os.environ)
    sqs = client("sqs")
    return settings, Ports(
        ledger=Ledger(client("dynamodb"), Tables.of(settings)),
        machines=Ec2Instances(client("ec2"), stack=""),
        waking=Pointers(sqs, settings.wake_queue_url),
        later=Pointers(sqs, settings.signals_queue_url),
    )


@metrics.log_metrics
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001  # Lambda's signature
    """Follow a batch of signals. It fails or succeeds as one: looking twice is harmless."""
    settings, ports = _wired()
    signals = [signal for record in event["Records"] for signal in _signals(record, settings)]
    outcome = run(signals, ports, settings, now())
    report("tracked", counts_of(outcome))
    return {"batchItemFailures": []}


def _signals(record: Mapping[str, Any], settings: Settings) -> tuple[Signal, ...]:
    """Read one record; what cannot be read, or is not the sender's to say, is logged and left."""
    message = message_of(record, api_role_id="")
    try:
        if record["eventSourceARN"].endswith("-reports"):
            return (read_report(message, settings.node_role_id),)
        return read_event(message)
    except InvalidRequest as wrong:
        metrics.add_metric(name="Disbelieved", unit="Count", value=1)
        logger.warning(
            "signal not believed", message_id=message.message_id, sender=message.sender, reason=str(wrong)
        )
        return ()
