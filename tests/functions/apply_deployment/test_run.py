"""A deployment from its documents to the tables."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from moto import mock_aws

from apply_deployment.run import Outcome, Ports, run
from apply_deployment.settings import Settings
from railyard.aws.tables.pools import Pools, RequesterRecords
from railyard.errors import InvalidRequest
from railyard.model.networks import Network, Subnet
from railyard.model.pools import BY_API, Requester
from tests.railyard.aws.stubs import a_table

SETTINGS = Settings(
    pools_table="pools",
    requesters_table="requesters",
    default_security_group="sg-1",
    node_profile_arn="arn:node",
    refresh_functions=("railyard-refresh-amis", "railyard-refresh-catalogue"),
)
CI = {"principals": ["AROACI"]}


def network(groups: Iterable[str]) -> Network:
    """One default subnet, and every group that is asked about in its VPC."""
    subnet = Subnet(subnet_id="subnet-0000000a", zone="us-east-1a", vpc_id="vpc-1", default=True)
    return Network((subnet,), dict.fromkeys(groups, "vpc-1"))


@dataclass
class Stand:
    """Both tables, and the functions that were woken."""

    pools: Pools
    requesters: RequesterRecords
    woken: list[str] = field(default_factory=list)

    def deploy(self, requesters: Any = None, settings: Settings = SETTINGS, **pools: Any) -> Outcome:
        properties = {"Pools": json.dumps(pools), "Requesters": json.dumps(requesters or {})}
        ports = Ports(pools=self.pools, requesters=self.requesters, look=network, wake=self.woken.append)
        return run(properties, ports, settings)

    def names(self) -> tuple[list[str], list[str]]:
        return sorted(self.pools.all().pools), [each.name for each in self.requesters.all()]


@pytest.fixture
def stand() -> Iterator[Stand]:
    """Empty tables, and functions asleep."""
    with mock_aws():
        dynamodb = a_table("requesters", "name")
        a_table("pools", "pool", "part")
        yield Stand(Pools(dynamodb, "pools"), RequesterRecords(dynamodb, "requesters"))


def test_a_first_deployment_writes_everything_and_wakes_the_refreshes(stand: Stand) -> None:
    outcome = stand.deploy({"ci": CI}, default={}, big={"limits": {"instances": 500}})
    assert outcome == Outcome(pools=2, removed=0, requesters=1, woken=2)
    assert stand.names() == (["big", "default"], ["ci"])
    pool = stand.pools.all().pools["default"]
    assert (pool.subnets, pool.security_groups) == ({"us-east-1a": "subnet-0000000a"}, ("sg-1",))
    assert stand.woken == list(SETTINGS.refresh_functions)


def test_the_same_deployment_again_writes_nothing(stand: Stand) -> None:
    pool = {"types": {"allow": ["c7*"]}, "tags": {"team": "a"}, "limits": {"usd_per_hour": 2.5}}
    stand.deploy({"ci": CI}, default=pool)
    before = stand.pools.all(), stand.requesters.all()
    assert stand.deploy({"ci": CI}, default=pool) == Outcome(pools=0, removed=0, requesters=0, woken=2)
    assert (stand.pools.all(), stand.requesters.all()) == before


def test_what_is_no_longer_declared_is_removed_unless_the_api_made_it(stand: Stand) -> None:
    stand.deploy({"ci": CI, "qa": CI}, default={}, old={}, mine={})
    mine = stand.pools.all().pools["mine"]
    stand.pools.write(mine, replace(mine, managed=BY_API, generation=2))
    stand.requesters.write(None, Requester(name="me", principals=("A",), managed=BY_API))
    assert stand.deploy({"ci": CI}, default={}).removed == 2
    assert stand.names() == (["default", "mine"], ["ci", "me"])


def test_a_pool_that_comes_back_finds_its_counters_as_they_are(stand: Stand) -> None:
    stand.deploy(default={}, old={"limits": {"instances": 10}})
    stand.deploy(default={})
    stand.deploy(default={}, old={"limits": {"instances": 7}})
    assert stand.pools.all().counters["old"].slots_free == 7


def test_a_group_of_a_pool_is_looked_up_with_the_stack_s_own(stand: Stand) -> None:
    stand.deploy(default={"security_groups": ["sg-0000000a"]})
    assert stand.pools.all().pools["default"].security_groups == ("sg-0000000a",)


def test_images_by_id_are_taken_where_the_stage_allows_them(stand: Stand) -> None:
    pool = {"image_ids": {"amd64": "ami-00000001"}}
    with pytest.raises(InvalidRequest):
        stand.deploy(default=pool)
    stand.deploy(settings=replace(SETTINGS, image_ids_allowed=True), default=pool)
    assert stand.pools.all().pools["default"].image_ids == {"amd64": "ami-00000001"}


def test_a_wrong_document_writes_nothing_and_wakes_nobody(stand: Stand) -> None:
    with pytest.raises(InvalidRequest):
        stand.deploy({"ci": CI}, default={}, wrong={"subnets": ["subnet-0000000f"]})
    assert (stand.names(), stand.woken) == (([], []), [])
