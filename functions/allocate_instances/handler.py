"""The door of allocate_instances: the request queue and the wake queue."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import cache, partial
from typing import Any

from allocate_instances.ports import Ports
from allocate_instances.request import read_pointer
from allocate_instances.run import Batch, run
from allocate_instances.settings import Settings
from allocate_instances.supplies import Supplies
from railyard.aws.catalogues import CatalogueObject
from railyard.aws.clients import ONCE, client, home_region
from railyard.aws.clock import now
from railyard.aws.fleets import Fleets
from railyard.aws.images import Ec2Images
from railyard.aws.instances import Ec2Instances
from railyard.aws.parameters import Parameters
from railyard.aws.queues import Pointers, message_of
from railyard.aws.tables.ledger import Ledger, Tables
from railyard.aws.tables.requesters import Requesters
from railyard.errors import InvalidRequest
from railyard.settings import from_environ
from railyard.telemetry import counts_of, logger, metrics, report


@cache
def _wired() -> tuple[Settings, partial[Ports]]:
    """Return the settings, and ports that lack only the time that an invocation has left."""
    settings = from_environ(Settings, os.environ)
    dynamodb = client("dynamodb")
    requesters = Requesters(dynamodb, settings.requesters_table)
    return settings, partial(
        Ports,
        ledger=Ledger(dynamodb, Tables.of(settings)),
        fleets=Fleets(client("ec2", config=ONCE), settings.stack),
        machines=Ec2Instances(client("ec2"), settings.stack),
        waking=Pointers(client("sqs"), settings.wake_queue_url),
        supplies=Supplies(
            CatalogueObject(client("s3"), settings.catalogue_bucket, settings.catalogue_key),
            Parameters(lambda region: client("ssm", region)),
            Ec2Images(lambda region: client("ec2", region)),
            prefix=settings.parameter_prefix,
            region=home_region(),
            memory=settings.image_memory,
            trust=settings.image_trust,
            canary_pool=settings.canary_pool,
        ),
        requesters=lambda: requesters.all(now()),
        clock=now,
    )


@metrics.log_metrics
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Serve a batch of requests or pointers; the answer names the messages that must come again."""
    settings, wired = _wired()
    ports = wired(time_left=lambda: timedelta(milliseconds=context.get_remaining_time_in_millis()))
    outcome = run(_batch(event["Records"], settings), ports, settings)
    if outcome.trouble:
        logger.warning("messages come again", reason=outcome.trouble)
    report("allocated", counts_of(outcome))
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in outcome.failed]}


def _batch(records: Sequence[Mapping[str, Any]], settings: Settings) -> Batch:
    messages, pointers = [], []
    for record in records:
        if record["eventSourceARN"].endswith("-wake"):
            try:
                pointers.append((record["messageId"], read_pointer(record["body"])))
            except InvalidRequest as wrong:
                logger.error("a pointer that is none", message_id=record["messageId"], reason=str(wrong))
        else:
            messages.append(message_of(record, settings.api_role_id))
    return Batch(messages=tuple(messages), pointers=tuple(pointers))
