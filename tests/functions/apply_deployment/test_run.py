"""A deployment from its documents to the tables."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from moto import mock_aws

from apply_deployment.plan import Subnet
from apply_deployment.run import Outcome, run
from apply_deployment.settings import Settings
from apply_deployment.store import DynamoStore
from railyard.errors import InvalidRequest
from tests.railyard.aws.stubs import a_table

SETTINGS = Settings(
    pools_table="pools",
    requesters_table="requesters",
    default_security_group="sg-1",
    node_profile_arn="arn:node",
    refresh_functions=("railyard-refresh-amis", "railyard-refresh-catalogue"),
)
CI = {"principals": ["AROACI"]}


class Network:
    """One default subnet."""

    def subnets(self) -> list[Subnet]:
        return [Subnet(subnet_id="subnet-0000000a", zone="us-east-1a", vpc_id="vpc-1", default=True)]


@dataclass
class Functions:
    """Functions that were woken."""

    woken: list[str] = field(default_factory=list)

    def wake(self, name: str) -> None:
        self.woken.append(name)


@pytest.fixture
def stand() -> Iterator[tuple[DynamoStore, Functions]]:
    """Empty tables, and functions asleep."""
    with mock_aws():
        a_table("requesters", "name")
        yield DynamoStore(a_table("pools", "pool", "part"), "pools", "requesters"), Functions()


def deploy(stand: tuple[DynamoStore, Functions], requesters: Any = None, **pools: Any) -> Outcome:
    properties = {"Pools": json.dumps(pools), "Requesters": json.dumps(requesters or {})}
    return run(properties, Network(), *stand, SETTINGS)


def test_a_first_deployment_writes_everything_and_wakes_the_refreshes(stand: Any) -> None:
    outcome = deploy(stand, {"ci": CI}, default={}, big={"limits": {"instances": 500}})
    assert outcome == Outcome(pools=2, removed=0, requesters=1, woken=2)
    store, functions = stand
    assert set(store.pools()) == {"default", "big"}
    assert store.pools()["default"].subnets == {"us-east-1a": "subnet-0000000a"}
    assert store.pools()["default"].security_groups == ("sg-1",)
    assert [each.name for each in store.requesters()] == ["ci"]
    assert functions.woken == list(SETTINGS.refresh_functions)


def test_the_same_deployment_again_writes_nothing(stand: Any) -> None:
    pool = {"types": {"allow": ["c7*"]}, "tags": {"team": "a"}, "limits": {"usd_per_hour": 2.5}}
    deploy(stand, {"ci": CI}, default=pool)
    before = stand[0].pools()
    assert deploy(stand, {"ci": CI}, default=pool) == Outcome(pools=0, removed=0, requesters=0, woken=2)
    assert stand[0].pools() == before
    assert before["default"].generation == 1


def test_what_is_no_longer_declared_is_removed(stand: Any) -> None:
    deploy(stand, {"ci": CI, "qa": CI}, default={}, old={})
    assert deploy(stand, {"ci": CI}, default={}).removed == 2
    assert set(stand[0].pools()) == {"default"}
    assert [each.name for each in stand[0].requesters()] == ["ci"]


def test_a_pool_that_comes_back_finds_its_counters_as_they_are(stand: Any) -> None:
    deploy(stand, default={}, old={"limits": {"instances": 10}})
    deploy(stand, default={})
    deploy(stand, default={}, old={"limits": {"instances": 7}})
    item = stand[0]._db.get_item(TableName="pools", Key={"pool": {"S": "old"}, "part": {"S": "counters"}})
    assert item["Item"]["slots_free"] == {"N": "7"}


def test_a_wrong_document_writes_nothing_and_wakes_nobody(stand: Any) -> None:
    with pytest.raises(InvalidRequest):
        deploy(stand, {"ci": CI}, default={}, wrong={"subnets": ["subnet-0000000f"]})
    store, functions = stand
    assert (store.pools(), store.requesters(), functions.woken) == ({}, [], [])
