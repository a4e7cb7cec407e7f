"""The tables: state that outlives the stack, hence protected, recoverable and retained.

``Table``, not ``TableV2``: one region, and a type that every tool knows. Physical names are
CloudFormation's, so that a retained table never stands in the way of a new stack; outputs tell them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

NUMBERS: Final = frozenset({"free_vcpus"})
"""Keys that are numbers; all others are text."""
EXPIRES: Final = "expires"
"""Epoch seconds; it only tidies, nothing is decided by an item's absence."""


class Tables(Construct):
    """All tables of a stage. Indexes are sparse and only find candidates; decisions read the table."""

    def __init__(self, scope: Construct) -> None:
        super().__init__(scope, "Tables")
        self.requests = self._table(
            "Requests",
            "request_id",
            indexes={"waiting": ("waiting", "since"), "lease": ("leased", "lease_until")},
            stream=dynamodb.StreamViewType.NEW_AND_OLD_IMAGES,
            expires=True,
        )
        self.launches = self._table(
            "Launches", "launch_id", indexes={"open": ("open", "opened_at")}, expires=True
        )
        self.instances = self._table(
            "Instances",
            "instance_id",
            "part",
            indexes={"room": ("room", "free_vcpus"), "alive": ("alive", "launched_at")},
            expires=True,
        )
        self.pools = self._table("Pools", "pool", "part")
        self.releases = self._table("Releases", "line", "version")
        self.ami_sets = self._table("AmiSets", "ami_set", "part")
        self.requesters = self._table("Requesters", "name")

    def all(self) -> dict[str, dynamodb.Table]:
        """Every table by the name of its construct."""
        return {child.node.id: child for child in self.node.children if isinstance(child, dynamodb.Table)}

    def _table(
        self,
        name: str,
        key: str,
        sort: str = "",
        *,
        indexes: Mapping[str, tuple[str, str]] | None = None,
        stream: dynamodb.StreamViewType | None = None,
        expires: bool = False,
    ) -> dynamodb.Table:
        """Add a table; *indexes* gives partition and sort key of each index."""
        table = dynamodb.Table(
            self,
            name,
            partition_key=_key(key),
            sort_key=_key(sort) if sort else None,
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            deletion_protection=True,
            removal_policy=RemovalPolicy.RETAIN,
            stream=stream,
            time_to_live_attribute=EXPIRES if expires else None,
        )
        for index, (partition, order) in (indexes or {}).items():
            table.add_global_secondary_index(
                index_name=index,
                partition_key=_key(partition),
                sort_key=_key(order),
                projection_type=dynamodb.ProjectionType.ALL,
            )
        return table


def _key(name: str) -> dynamodb.Attribute:
    kinds = dynamodb.AttributeType
    return dynamodb.Attribute(name=name, type=kinds.NUMBER if name in NUMBERS else kinds.STRING)
