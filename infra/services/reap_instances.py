"""reap_instances: every minute; ends what is due. The only role that may terminate, and only ours."""

from __future__ import annotations

from aws_cdk import Duration, Stack
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.blocks.alarm import page
from infra.blocks.grants import Grant, describe, on_table, query, records, send_to
from infra.blocks.lambda_function import add_function
from infra.blocks.wake import wake_by_schedule
from infra.foundation import Foundation
from reap_instances.settings import Settings

NAME = "reap_instances"


def add(scope: Construct, on: Foundation) -> lambda_.Function:
    """Add the function, its schedule and its alarm."""
    function = add_function(
        scope,
        NAME,
        on,
        does="Idle, expired, orphaned and dead machines: ended, terminated, counted",
        settings=_settings(on),
        timeout_seconds=300,
        memory_mib=512,
        may=(*_state(on), _terminate(scope, on), describe("DescribeInstances")),
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
    return function


def _settings(on: Foundation) -> Settings:
    return Settings(
        stack=on.name,
        requests_table=on.tables.requests.table_name,
        launches_table=on.tables.launches.table_name,
        instances_table=on.tables.instances.table_name,
        pools_table=on.tables.pools.table_name,
        wake_queue_url=on.queues.wake.queue_url,
        signals_queue_url=on.queues.signals.queue_url,
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


def _terminate(scope: Construct, on: Foundation) -> Grant:
    return Grant(
        actions=("ec2:TerminateInstances",),
        resources=(Stack.of(scope).format_arn(service="ec2", resource="instance", resource_name="*"),),
        conditions={
            "StringEquals": {"aws:ResourceTag/railyard:stack": on.name},
            "Null": {"aws:ResourceTag/railyard:pool": "false"},
        },
        because="Ids are EC2's choice; the condition demands the tags of this stage's pools.",
    )
