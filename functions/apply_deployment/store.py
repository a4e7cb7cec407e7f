"""Pools and requesters in DynamoDB, as a deployment writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from apply_deployment.plan import PoolWrite, Subnet
from railyard.aws.errors import translated
from railyard.aws.tables.items import decode, encode, tagged
from railyard.aws.tables.ledger import Ledger, Tables, left
from railyard.aws.tables.writes import commit, put, scan
from railyard.model.ledger import NOTHING, weight_of_limits
from railyard.model.pools import DEFINITION, Pool, Requester


class DynamoStore:
    """The tables ``pools`` and ``requesters``."""

    def __init__(self, dynamodb: Any, pools_table: str, requesters_table: str) -> None:
        self._db = dynamodb
        self._pools, self._requesters = pools_table, requesters_table

    def pools(self) -> Mapping[str, Pool]:
        """Return every pool by name."""
        return Ledger(self._db, Tables(pools=self._pools)).pools().pools

    def requesters(self) -> Sequence[Requester]:
        """Return every requester."""
        return [decode(Requester, item) for item in scan(self._db, self._requesters)]

    def write_pool(self, write: PoolWrite) -> None:
        """Write a definition over the generation that was read, and add to its counters, in one transaction."""
        name = write.pool.name
        key = {"pool": name, "part": DEFINITION}
        definition = put(self._pools, "pool", write.pool, over=write.seen, version="generation", also=key)
        commit(self._db, [definition, left(self._pools, name, write.added)])

    def remove_pool(self, pool: Pool) -> None:
        """Close a pool: it takes no requests any more. Its counters stay for the machines that still run."""
        with translated("DeleteItem"):
            key = {"pool": tagged(pool.name), "part": tagged(DEFINITION)}
            self._db.delete_item(TableName=self._pools, Key=key)
        nothing_more = NOTHING.plus(weight_of_limits(pool.limits), -1)
        commit(self._db, [left(self._pools, pool.name, nothing_more)])

    def write_requester(self, requester: Requester) -> None:
        """Write *requester*."""
        with translated("PutItem"):
            self._db.put_item(TableName=self._requesters, Item=encode(requester))

    def remove_requester(self, name: str) -> None:
        """Forget the requester *name*."""
        with translated("DeleteItem"):
            self._db.delete_item(TableName=self._requesters, Key={"name": tagged(name)})


class Ec2Network:
    """DescribeSubnets."""

    def __init__(self, ec2: Any) -> None:
        self._ec2 = ec2

    def subnets(self) -> Sequence[Subnet]:
        """Return every subnet of this region."""
        with translated("DescribeSubnets"):
            pages = self._ec2.get_paginator("describe_subnets").paginate()
            return [
                Subnet(
                    subnet_id=each["SubnetId"],
                    zone=each["AvailabilityZone"],
                    vpc_id=each["VpcId"],
                    default=bool(each.get("DefaultForAz")),
                )
                for page in pages
                for each in page["Subnets"]
            ]


class LambdaFunctions:
    """Functions of the stack."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def wake(self, name: str) -> None:
        """Invoke *name* and do not wait."""
        with translated("Invoke"):
            self._client.invoke(FunctionName=name, InvocationType="Event", Payload=b"{}")
