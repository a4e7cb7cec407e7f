"""The tables: state that outlives the stack, hence protected, recoverable and retained.

``Table``, not ``TableV2``: one region, and a type that every tool knows. Physical names are
CloudFormation's, so that a retained table never stands in the way of a new stack; outputs tell them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

TEXT: Final = dynamodb.AttributeType.STRING
NUMBER: Final = dynamodb.AttributeType.NUMBER
EXPIRES: Final = "expires"
"""Epoch seconds; it only tidies, nothing is decided by an item's absence."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key attribute."""

    name: str
    type: dynamodb.AttributeType = TEXT

    def attribute(self) -> dynamodb.Attribute:
        """Write it for CDK."""
        return dynamodb.Attribute(name=self.name, type=self.type)


Index = tuple[str, Key, Key]


class Tables(Construct):
    """All tables of a stage. Indexes are sparse and only find candidates; decisions read the table."""

    def __init__(self, scope: Construct) -> None:
        super().__init__(scope, "Tables")
        self.requests = self._table(
            "Requests",
            Key("request_id"),
            indexes=(
                ("waiting", Key("waiting"), Key("since")),
                ("lease", Key("leased"), Key("lease_until")),
            ),
            stream=dynamodb.StreamViewType.NEW_AND_OLD_IMAGES,
            expires=True,
        )
        self.launches = self._table(
            "Launches", Key("launch_id"), indexes=(("open", Key("open"), Key("opened_at")),), expires=True
        )
        self.instances = self._table(
            "Instances",
            Key("instance_id"),
            Key("part"),
            indexes=(
                ("room", Key("room"), Key("free_vcpus", NUMBER)),
                ("alive", Key("alive"), Key("launched_at")),
            ),
            expires=True,
        )
        self.pools = self._table("Pools", Key("pool"), Key("part"))
        self.releases = self._table("Releases", Key("line"), Key("version"))
        self.requesters = self._table("Requesters", Key("name"))

    def all(self) -> dict[str, dynamodb.Table]:
        """Every table by the name of its construct."""
        return {child.node.id: child for child in self.node.children if isinstance(child, dynamodb.Table)}

    def _table(
        self,
        name: str,
        key: Key,
        sort: Key | None = None,
        *,
        indexes: tuple[Index, ...] = (),
        stream: dynamodb.StreamViewType | None = None,
        expires: bool = False,
    ) -> dynamodb.Table:
        table = dynamodb.Table(
            self,
            name,
            partition_key=key.attribute(),
            sort_key=sort.attribute() if sort else None,
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            deletion_protection=True,
            removal_policy=RemovalPolicy.RETAIN,
            stream=stream,
            time_to_live_attribute=EXPIRES if expires else None,
        )
        for index, partition, ordering in indexes:
            table.add_global_secondary_index(
                index_name=index,
                partition_key=partition.attribute(),
                sort_key=ordering.attribute(),
                projection_type=dynamodb.ProjectionType.ALL,
            )
        return table
