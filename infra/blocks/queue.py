"""A queue of this house: encrypted, TLS only, five tries, then a dead-letter queue that pages."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.blocks.alarm import page

TRIES = 5
VISIBILITY_FACTOR = 6
"""Visibility timeout as a multiple of the function's. Source: Lambda developer guide, SQS (January 2026)."""


def add_queue(
    scope: Construct, name: str, stage: str, topic: sns.ITopic | None, *, handled_in_seconds: int
) -> sqs.Queue:
    """Add queue *name* and its dead-letter queue; its reader has *handled_in_seconds* for a batch."""
    return sqs.Queue(
        scope,
        name.title(),
        queue_name=f"{stage}-{name}",
        visibility_timeout=Duration.seconds(VISIBILITY_FACTOR * handled_in_seconds),
        retention_period=Duration.days(4),
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        enforce_ssl=True,
        dead_letter_queue=sqs.DeadLetterQueue(
            queue=add_dead_letters(scope, name, stage, topic), max_receive_count=TRIES
        ),
    )


def add_dead_letters(scope: Construct, name: str, stage: str, topic: sns.ITopic | None) -> sqs.Queue:
    """Add the place where what failed for good is kept for an operator."""
    queue = sqs.Queue(
        scope,
        f"{name.title()}Dead",
        queue_name=f"{stage}-{name}-dead",
        retention_period=Duration.days(14),
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        enforce_ssl=True,
    )
    page(
        queue,
        "Letters",
        queue.metric_approximate_number_of_messages_visible(period=Duration.minutes(1), statistic="Maximum"),
        topic,
        says=f"{stage}: something from {name} failed {TRIES} times and is parked. Read it, repair, redrive.",
        above=0,
    )
    return queue
