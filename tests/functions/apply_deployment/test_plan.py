"""From documents to what the tables shall hold."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from apply_deployment.documents import read
from apply_deployment.plan import Plan, Subnet, plan
from railyard.errors import InvalidRequest
from railyard.model.ledger import Weight
from railyard.model.pools import Pool

A, B, C = "subnet-0000000a", "subnet-0000000b", "subnet-0000000c"
SUBNETS = (
    Subnet(subnet_id=A, zone="us-east-1a", vpc_id="vpc-1", default=True),
    Subnet(subnet_id=B, zone="us-east-1b", vpc_id="vpc-1", default=True),
    Subnet(subnet_id=C, zone="us-east-1a", vpc_id="vpc-2", default=False),
)


def properties(requesters: Any = None, **pools: Any) -> dict[str, str]:
    return {"Pools": json.dumps(pools), "Requesters": json.dumps(requesters or {})}


def planned(current: Mapping[str, Pool] | None = None, subnets: Any = SUBNETS, **pools: Any) -> Plan:
    documents = read(properties(**pools))
    return plan(documents, subnets, current or {}, (), security_group="sg-1", instance_profile="node")


def defects(of: Any) -> str:
    with pytest.raises(InvalidRequest) as raised:
        of()
    return str(raised.value)


def test_wrong_documents_name_every_defect_at_once() -> None:
    wrong = properties(
        {"ci": {"principals": []}},
        Upper={},
        default={"idle_seconds": -1, "markets": [], "colour": 1},
        tagged={"tags": {"railyard:pool": "x"}, "lease": {"default_seconds": 900, "max_seconds": 60}},
    )
    said = defects(lambda: read(wrong))
    for path in (
        "pools.Upper",
        "pools.default.idle_seconds",
        "pools.default.markets",
        "pools.default.colour",
        "pools.tagged.tags.railyard:pool",
        "pools.tagged.lease.default_seconds",
        "requesters.ci.principals",
    ):
        assert path in said


def test_a_deployment_without_a_pool_is_refused() -> None:
    assert "pools" in defects(lambda: read(properties()))


def test_without_subnets_a_pool_gets_the_default_ones() -> None:
    (write,) = planned(default={}).pools
    assert write.pool.subnets == {"us-east-1a": A, "us-east-1b": B}
    assert (write.seen, write.added.slots, write.pool.generation) == (None, 100, 1)


@pytest.mark.parametrize(
    ("asked", "said"),
    [([A, C], "both in us-east-1a"), (["subnet-0000000f"], "does not exist"), ([B, C], "more than one VPC")],
)
def test_subnets_that_do_not_go_together_are_refused(asked: list[str], said: str) -> None:
    assert said in defects(lambda: planned(default={"subnets": asked}))


def test_without_default_subnets_a_pool_must_name_its_own() -> None:
    assert "no default VPC" in defects(lambda: planned(subnets=SUBNETS[2:], default={}))


def test_counters_grow_by_the_difference_of_the_limits() -> None:
    current = {"default": planned(default={"limits": {"instances": 10, "usd_per_hour": 5}}).pools[0].pool}
    (write,) = planned(current, default={"limits": {"instances": 4, "usd_per_hour": 7.5}}).pools
    assert write.added == Weight(slots=-6, pending=0, usd_micros=2_500_000)
    assert write.pool.generation == 2


def test_an_unchanged_deployment_writes_nothing() -> None:
    current = {"default": planned(default={}).pools[0].pool}
    assert planned(current, default={}) == Plan(
        pools=(), removed_pools=(), requesters=(), removed_requesters=()
    )


def test_a_pool_that_is_no_longer_declared_is_removed() -> None:
    current = {"old": planned(old={}).pools[0].pool}
    assert [pool.name for pool in planned(current, default={}).removed_pools] == ["old"]
