"""Pools and requesters in their tables: over the generation that was read, counters by the difference."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from apply_deployment.plan import PoolWrite
from apply_deployment.store import DynamoStore, Ec2Network, LambdaFunctions
from railyard.aws.tables.items import encode
from railyard.aws.tables.ledger import Ledger, Tables
from railyard.errors import Conflict, Gone
from railyard.model.ledger import Weight
from railyard.model.pools import Limits, Requester
from tests.builders import a_pool
from tests.railyard.aws.stubs import Recorder, a_table, refused


@pytest.fixture
def dynamodb() -> Iterator[Any]:
    """Both tables, empty."""
    with mock_aws():
        a_table("requesters", "name")
        yield a_table("pools", "pool", "part")


@pytest.fixture
def store(dynamodb: Any) -> DynamoStore:
    """The store over both tables."""
    return DynamoStore(dynamodb, "pools", "requesters")


def added(slots: int, pending: int = 0, usd_micros: int = 0) -> Weight:
    return Weight(slots=slots, pending=pending, usd_micros=usd_micros)


def counters(dynamodb: Any) -> Weight:
    left = Ledger(dynamodb, Tables(pools="pools")).pools().counters["default"]
    return added(left.slots_free, left.pending_free, left.usd_micros_free)


def test_a_new_pool_gets_its_counters_with_its_definition(store: DynamoStore, dynamodb: Any) -> None:
    store.write_pool(PoolWrite(pool=a_pool(), seen=None, added=added(10, 5, 1_000)))
    assert store.pools() == {"default": a_pool()}
    assert counters(dynamodb) == added(10, 5, 1_000)


def test_a_pool_is_written_over_the_generation_that_was_read_only(store: DynamoStore, dynamodb: Any) -> None:
    first, second = a_pool(), a_pool(generation=2, idle_seconds=1)
    store.write_pool(PoolWrite(pool=first, seen=None, added=added(10)))
    store.write_pool(PoolWrite(pool=second, seen=first, added=added(-4, 2)))
    assert counters(dynamodb) == added(6, 2)
    for late in (
        PoolWrite(pool=second, seen=first, added=added(9)),
        PoolWrite(pool=second, seen=None, added=added(9)),
    ):
        with pytest.raises(Conflict):
            store.write_pool(late)
    assert (store.pools()["default"], counters(dynamodb)) == (second, added(6, 2))


def test_a_removed_pool_takes_nothing_more_and_its_machines_stay_accounted(
    store: DynamoStore, dynamodb: Any
) -> None:
    limits = Limits(instances=10, pending_instances=5, usd_micros_per_hour=1_000, requester_instances=1)
    pool = a_pool(limits=limits)
    store.write_pool(PoolWrite(pool=pool, seen=None, added=added(8, 5, 900)))  # two machines run
    store.remove_pool(pool)
    assert store.pools() == {}
    assert counters(dynamodb) == added(-2, 0, -100)


def test_requesters_are_written_and_forgotten(store: DynamoStore) -> None:
    one = Requester(name="ci", principals=("AROACI",))
    store.write_requester(one)
    store.write_requester(replace(one, principals=("AROACI", "AROAQA")))
    assert store.requesters() == [replace(one, principals=("AROACI", "AROAQA"))]
    store.remove_requester("ci")
    store.remove_requester("ci")
    assert store.requesters() == []


def test_requesters_are_kept_in_the_form_that_every_function_reads(store: DynamoStore, dynamodb: Any) -> None:
    one = Requester(name="ci", principals=("AROACI",))
    store.write_requester(one)
    assert dynamodb.scan(TableName="requesters")["Items"] == [encode(one)]


def test_subnets_are_those_of_the_region_with_the_default_ones_marked() -> None:
    with mock_aws():
        subnets = Ec2Network(boto3.client("ec2", region_name="us-east-1")).subnets()
        assert {each.zone for each in subnets} >= {"us-east-1a", "us-east-1b"}
        assert all(each.default and each.vpc_id and each.subnet_id for each in subnets)


def test_a_function_is_woken_without_waiting_for_it() -> None:
    client = Recorder(lambda _, __: {})
    LambdaFunctions(client).wake("railyard-refresh-amis")
    ((_, asked),) = client.calls
    assert (asked["FunctionName"], asked["InvocationType"]) == ("railyard-refresh-amis", "Event")
    with pytest.raises(Gone):
        LambdaFunctions(Recorder(lambda _, __: refused("ResourceNotFoundException"))).wake("none")
