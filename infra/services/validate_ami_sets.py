"""validate_ami_sets: hourly, and when a release or an AMI changes; every image of every set against EC2."""

from __future__ import annotations

from datetime import timedelta

from aws_cdk import Duration

from infra.blocks.grants import Grant, consume, describe, on_table, put_events
from infra.blocks.lambda_function import add_function
from infra.blocks.wake import wake_by_queue, wake_by_schedule
from infra.foundation import Foundation
from infra.queues import VALIDATE_SECONDS
from validate_ami_sets.settings import Settings

NAME = "validate_ami_sets"


def add(on: Foundation) -> None:
    """Add the function, its schedule and its queue."""
    tables, images = on.tables, on.stage.images
    below = f"parameter{on.stage.parameter_prefix}/ami-sets/*"
    function = add_function(
        on,
        NAME,
        does="Every image of every AMI set against EC2; sets that track a channel, pools that follow a set",
        settings=on.settings(
            Settings, architectures=images.architectures, bake=timedelta(minutes=images.bake_minutes)
        ),
        timeout_seconds=VALIDATE_SECONDS,
        memory_mib=256,
        may=(
            on_table(tables.ami_sets, "BatchGetItem", "PutItem", "Scan"),
            on_table(tables.pools, "BatchGetItem", "PutItem", "ConditionCheckItem"),
            on_table(tables.releases, "BatchGetItem"),
            describe("DescribeImages"),
            consume(on.queues.images),
            put_events(on.bus),
            Grant(
                actions=("ssm:GetParameters", "ssm:PutParameter"),
                resources=(f"arn:{on.stack.partition}:ssm:*:{on.stack.account}:{below}",),
                because="Every region of every set, below our own prefix.",
            ),
        ),
    )
    wake_by_schedule(function, f"{on.name}-{NAME}", Duration.hours(1))
    wake_by_queue(function, on.queues.images, batch=10, window_seconds=5)
