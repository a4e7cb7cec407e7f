"""publish_events: the stream of requests; committed answers to the bus and to the requesters' queues."""

from __future__ import annotations

from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources

from infra.blocks.grants import Grant, on_table, put_events, read_stream, send_to
from infra.blocks.lambda_function import add_function
from infra.blocks.nag import acknowledge
from infra.blocks.queue import add_dead_letters
from infra.foundation import Foundation
from publish_events.settings import Settings

RETRIES = 10
"""A poisoned record would hold up its shard for a day; after these it is parked, and pages."""


def add(on: Foundation) -> None:
    """Add the function and its stream."""
    parked = add_dead_letters(on.stack, "events", on.name, on.topic)
    acknowledge(parked, "SQS3", "It is itself where the stream's failed records are parked.")
    replies = on.stage.reply_queue_arns()
    function = add_function(
        on,
        "publish_events",
        does="Committed state changes to the event bus and the reply queues",
        settings=on.settings(Settings),
        timeout_seconds=60,
        memory_mib=256,
        may=(
            *read_stream(on.tables.requests),
            on_table(on.tables.requesters, "Scan"),
            put_events(on.bus),
            send_to(parked),
            *((Grant(actions=("sqs:SendMessage",), resources=replies),) if replies else ()),
        ),
    )
    function.add_event_source(
        sources.DynamoEventSource(
            on.tables.requests,
            starting_position=lambda_.StartingPosition.TRIM_HORIZON,
            batch_size=100,
            bisect_batch_on_error=True,
            retry_attempts=RETRIES,
            report_batch_item_failures=True,
            on_failure=sources.SqsDlq(parked),
        )
    )
