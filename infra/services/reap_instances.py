"""reap_instances: every minute; ends what is due. The only role that may terminate, and only ours."""

from __future__ import annotations

from aws_cdk import Duration

from infra.blocks.alarm import page
from infra.blocks.grants import Grant, describe, on_table, query, records, send_to
from infra.blocks.lambda_function import add_function
from infra.blocks.wake import wake_by_schedule
from infra.foundation import Foundation
from reap_instances.settings import Settings

NAME = "reap_instances"


def add(on: Foundation) -> None:
    """Add the function, its schedule and its alarm."""
    function = add_function(
        on,
        NAME,
        does="Idle, expired, orphaned and dead machines: ended, terminated, counted",
        settings=on.settings(Settings),
        timeout_seconds=300,
        memory_mib=512,
        may=(*_state(on), _terminate(on), describe("DescribeInstances")),
    )
    wake_by_schedule(function, f"{on.name}-{NAME}", Duration.minutes(1))
    page(
        function,
        "Stopped",
        function.metric_invocations(period=Duration.minutes(5), statistic="Sum"),
        on.topic,
        says=f"{on.name}: no reaper for 5 minutes, machines are not taken back. Check its schedule.",
        below=1,
    )


def _state(on: Foundation) -> tuple[Grant, ...]:
    tables = on.tables
    return (
        records(tables.requests),
        query(tables.requests, "waiting", "lease"),
        records(tables.launches),
        query(tables.launches, "open"),
        records(tables.instances),
        query(tables.instances, "alive"),
        on_table(tables.pools, "BatchGetItem", "Scan", "UpdateItem"),
        send_to(on.queues.wake, on.queues.signals),
    )


def _terminate(on: Foundation) -> Grant:
    return Grant(
        actions=("ec2:TerminateInstances",),
        resources=(on.stack.format_arn(service="ec2", resource="instance", resource_name="*"),),
        conditions={
            "StringEquals": {"aws:ResourceTag/railyard:stack": on.name},
            "Null": {"aws:ResourceTag/railyard:pool": "false"},
        },
        because="Ids are EC2's choice; the condition demands the tags of this stage's pools.",
    )
