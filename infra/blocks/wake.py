"""What wakes a function: a queue, or a schedule."""

from __future__ import annotations

from aws_cdk import Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from aws_cdk import aws_sqs as sqs

from infra.blocks.grants import Grant, policy


def wake_by_queue(
    function: lambda_.Function,
    queue: sqs.IQueue,
    *,
    batch: int,
    window_seconds: int = 0,
    concurrency: int | None = None,
) -> None:
    """Let *queue* invoke *function*, which answers which messages of a batch failed."""
    function.add_event_source(
        sources.SqsEventSource(
            queue,
            batch_size=batch,
            max_batching_window=Duration.seconds(window_seconds),
            max_concurrency=concurrency,
            report_batch_item_failures=True,
        )
    )


def wake_by_schedule(function: lambda_.Function, name: str, every: Duration) -> None:
    """Invoke *function* at a rate; a run that failed is not repeated, the next one sees the same world.

    The schedule has a role of its own: CDK's would also allow ``<function>:*``.
    """
    invoke = Grant(actions=("lambda:InvokeFunction",), resources=(function.function_arn,))
    role = iam.Role(
        function,
        "ScheduleRole",
        assumed_by=iam.ServicePrincipal(
            "scheduler.amazonaws.com",
            conditions={"StringEquals": {"aws:SourceAccount": Stack.of(function).account}},
        ),
        inline_policies=policy(invoke),
    )
    scheduler.Schedule(
        function,
        "Schedule",
        schedule_name=name,
        schedule=scheduler.ScheduleExpression.rate(every),
        target=targets.LambdaInvoke(function, retry_attempts=0, role=role.without_policy_updates()),
    )
