"""What a function may do, as values: exact actions on exact resources.

CDK's own ``grant_*`` methods are not used: they widen to ``index/*`` and to actions that nobody calls. A
wildcard resource needs a reason, which becomes the acknowledgement of cdk-nag's finding.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs

Conditions = Mapping[str, Mapping[str, object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One policy statement; ``because`` says why a resource holds a wildcard."""

    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: Conditions | None = None
    because: str = ""
    effect: iam.Effect = iam.Effect.ALLOW

    @property
    def wildcards(self) -> tuple[str, ...]:
        """Allowed resources that need an acknowledgement."""
        return tuple(arn for arn in self.resources if "*" in arn and self.effect is iam.Effect.ALLOW)

    def statement(self) -> iam.PolicyStatement:
        """Write it for IAM; raises ValueError for a wildcard without a reason."""
        if self.wildcards and not self.because:
            raise ValueError(f"{self.actions} on {self.wildcards}: a wildcard needs a reason")
        return iam.PolicyStatement(
            actions=list(self.actions),
            resources=list(self.resources),
            conditions=self.conditions,
            effect=self.effect,
        )


def policy(*grants: Grant) -> dict[str, iam.PolicyDocument]:
    """Return the one inline policy of a role that may do *grants*."""
    return {"may": iam.PolicyDocument(statements=[grant.statement() for grant in grants])}


def on_table(table: dynamodb.Table, *operations: str) -> Grant:
    """Operations on the table itself."""
    return Grant(actions=_actions("dynamodb", operations), resources=(table.table_arn,))


def records(table: dynamodb.Table) -> Grant:
    """Read records by key and replace them whole: all that ``railyard.aws.tables`` does with a record."""
    return on_table(table, "BatchGetItem", "PutItem")


def query(table: dynamodb.Table, *indexes: str) -> Grant:
    """Query on the named indexes alone."""
    arns = tuple(f"{table.table_arn}/index/{index}" for index in indexes)
    return Grant(actions=("dynamodb:Query",), resources=arns)


def send_to(*queues: sqs.IQueue) -> Grant:
    """Send messages."""
    return Grant(actions=("sqs:SendMessage",), resources=tuple(queue.queue_arn for queue in queues))


def consume(*queues: sqs.IQueue) -> Grant:
    """What Lambda's poller needs from a queue."""
    operations = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes", "ChangeMessageVisibility")
    return Grant(actions=_actions("sqs", operations), resources=tuple(queue.queue_arn for queue in queues))


def on_object(bucket: s3.IBucket, key: str, *operations: str) -> tuple[Grant, Grant]:
    """Operations on one object; without ListBucket S3 would say 403 for an absent one, not 404."""
    return (
        Grant(actions=_actions("s3", operations), resources=(bucket.arn_for_objects(key),)),
        Grant(actions=("s3:ListBucket",), resources=(bucket.bucket_arn,)),
    )


def describe(*operations: str) -> Grant:
    """EC2's reading calls."""
    because = "EC2's Describe calls know no resources"
    return Grant(actions=_actions("ec2", operations), resources=("*",), because=because)


def read_stream(table: dynamodb.Table) -> tuple[Grant, Grant]:
    """What Lambda's poller needs from the stream of *table*."""
    stream = table.table_stream_arn
    if stream is None:
        raise ValueError(f"{table.node.path} has no stream")
    reading = _actions("dynamodb", ("DescribeStream", "GetRecords", "GetShardIterator"))
    because = "ListStreams knows no resources; Lambda demands it of whoever reads a stream."
    return (
        Grant(actions=reading, resources=(stream,)),
        Grant(actions=("dynamodb:ListStreams",), resources=("*",), because=because),
    )


def put_events(bus: events.IEventBus) -> Grant:
    """Put events on the bus."""
    return Grant(actions=("events:PutEvents",), resources=(bus.event_bus_arn,))


def forbid(actions: tuple[str, ...], conditions: Conditions) -> Grant:
    """Forbid what another statement might allow one day."""
    return Grant(actions=actions, resources=("*",), conditions=conditions, effect=iam.Effect.DENY)


def _actions(service: str, operations: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{service}:{operation}" for operation in operations)
