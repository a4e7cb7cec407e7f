"""The door of reap_instances: every minute."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

from railyard.aws.clients import client
from railyard.aws.clock import now
from railyard.aws.instances import Ec2Instances
from railyard.aws.queues import Pointers
from railyard.aws.tables.ledger import Ledger, Tables
from railyard.settings import from_environ
from railyard.telemetry import counts_of, logger, metrics, report
from reap_instances.run import Outcome, Ports, run
from reap_instances.settings import Settings


@cache
def _wired() -> tuple[Settings, Ports]:
    settings = from_environ(Settings, os.environ)
    sqs = client("sqs")
    return settings, Ports(
        ledger=Ledger(client("dynamodb"), Tables.of(settings)),
        machines=Ec2Instances(client("ec2"), settings.stack),
        wake=Pointers(sqs, settings.wake_queue_url),
        signals=Pointers(sqs, settings.signals_queue_url),
    )


@metrics.log_metrics
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: Any) -> dict[str, int]:  # noqa: ARG001  # a tick carries nothing
    """Reap once. A failure escapes: the next tick is a minute away, and an alarm counts missing ones."""
    settings, ports = _wired()
    return _report(run(ports, settings, now()))


def _report(outcome: Outcome) -> dict[str, int]:
    for end in outcome.fenced:
        logger.info("fenced", instance_id=end.instance.instance_id, pool=end.instance.pool, reason=end.why)
    for instance_id, error in outcome.refused.items():
        logger.warning("termination refused", instance_id=instance_id, code=error.code, reason=str(error))
    report("reaped", counts_of(outcome))
    return counts_of(outcome)
