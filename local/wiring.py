"""What wakes the functions: mappings and schedules, read from the created stack."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from local.functions import Functions
from local.pollers import BLINK_SECONDS, DEFAULT_CONCURRENCY, QueueMapping
from local.schedules import Schedule
from local.streams import StreamMapping
from local.template import Stack

PARTIAL = "ReportBatchItemFailures"


def mappings(stack: Stack, *, virtual: bool) -> Iterator[QueueMapping | StreamMapping]:
    """Yield every enabled event source mapping."""
    for _, given in stack.resolved("AWS::Lambda::EventSourceMapping"):
        if str(given.get("Enabled", True)).lower() == "true":
            source = str(given["EventSourceArn"])
            yield (
                _queue_mapping(source, given, virtual)
                if ":sqs:" in source
                else _stream_mapping(source, given)
            )


def _queue_mapping(source: str, given: dict[str, Any], virtual: bool) -> QueueMapping:
    window = float(given.get("MaximumBatchingWindowInSeconds", 0))
    return QueueMapping(
        queue=_last(source),
        function=_last(given["FunctionName"]),
        batch_size=int(given.get("BatchSize", 10)),
        window_seconds=min(window, BLINK_SECONDS) if virtual else window,
        concurrency=int(given.get("ScalingConfig", {}).get("MaximumConcurrency", DEFAULT_CONCURRENCY)),
        partial_failures=PARTIAL in given.get("FunctionResponseTypes", ()),
    )


def _stream_mapping(source: str, given: dict[str, Any]) -> StreamMapping:
    failure = given.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
    return StreamMapping(
        table=source.split("/")[1],
        stream_arn=source,
        function=_last(given["FunctionName"]),
        batch_size=int(given.get("BatchSize", 100)),
        retries=int(given.get("MaximumRetryAttempts", -1)),
        bisect=str(given.get("BisectBatchOnFunctionError", False)).lower() == "true",
        partial_failures=PARTIAL in given.get("FunctionResponseTypes", ()),
        failure_queue=_last(failure) if failure else None,
        from_latest=given.get("StartingPosition") == "LATEST",
    )


def schedules(stack: Stack, functions: Functions, now: datetime) -> list[Schedule]:
    """Return every enabled schedule; each sends its input to its function and waits for nothing."""
    found = []
    for logical_id, given in stack.resolved("AWS::Scheduler::Schedule"):
        if given.get("State", "ENABLED") == "ENABLED":
            target = given["Target"]
            attempts = 1 + int(target.get("RetryPolicy", {}).get("MaximumRetryAttempts", 185))
            fire = _fire(functions, _last(target["Arn"]), str(target.get("Input", "{}")).encode(), attempts)
            expression = given["ScheduleExpression"]
            found.append(
                Schedule(name=stack.physical(logical_id), expression=expression, created=now, fire=fire)
            )
    return found


def _fire(functions: Functions, name: str, payload: bytes, attempts: int) -> Callable[[], None]:
    # Scheduler's own retries are about reaching Lambda; a function error is retried by Lambda, at most
    # three times.
    return lambda: functions.invoke_later(name, payload, min(attempts, 3))


def _last(arn: str) -> str:
    return str(arn).rsplit(":", 1)[-1]
