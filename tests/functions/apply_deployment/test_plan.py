"""From documents to what the tables shall hold."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from apply_deployment.documents import read
from apply_deployment.plan import Plan, plan
from railyard.errors import InvalidRequest
from railyard.model.ami_sets import Deployment, Follow
from railyard.model.ledger import Known
from railyard.model.networks import Defaults, Network, Subnet
from railyard.model.pools import BY_API, Pool, Requester
from tests.builders import NOW, a_pool

A, B, C = "subnet-0000000a", "subnet-0000000b", "subnet-0000000c"
SUBNETS = (
    Subnet(subnet_id=A, zone="us-east-1a", vpc_id="vpc-1", default=True),
    Subnet(subnet_id=B, zone="us-east-1b", vpc_id="vpc-1", default=True),
    Subnet(subnet_id=C, zone="us-east-1a", vpc_id="vpc-2", default=False),
)


GROUPS = {"sg-00000001": "vpc-1", "sg-00000002": "vpc-2"}
DEFAULTS = Defaults(security_groups=("sg-00000009",), instance_profile="node")
IMAGES = {"amd64": "ami-00000001"}


def deployed(**images: str) -> Deployment:
    return Deployment(
        pool="default", ami_set="base", number=3, follow=Follow.NEVER, images=images, by="ops",
        at=NOW, checked_at=NOW,
    )  # fmt: skip


def properties(requesters: Any = None, **pools: Any) -> dict[str, str]:
    return {"Pools": json.dumps(pools), "Requesters": json.dumps(requesters or {})}


def planned(
    *current: Pool,
    subnets: Any = SUBNETS,
    deployments: Any = None,
    requesters: tuple[Requester, ...] = (),
    declared: Any = None,
    **pools: Any,
) -> Plan:
    documents = read(properties(declared, **pools), image_ids_allowed=True)
    known = Known(
        requests={},
        pools={each.name: each for each in current},
        counters={},
        deployments=deployments or {},
    )
    return plan(documents, Network(subnets, GROUPS), known, requesters, DEFAULTS)


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


def test_images_by_id_are_a_defect_unless_the_stage_allows_them() -> None:
    wrong = properties(default={"image_ids": IMAGES})
    assert "pools.default.image_ids" in defects(lambda: read(wrong))
    assert read(wrong, image_ids_allowed=True).pools["default"].image_ids


def test_without_subnets_and_groups_a_pool_gets_the_default_ones() -> None:
    ((seen, pool),) = planned(default={}).pools
    assert pool
    assert pool.subnets == {"us-east-1a": A, "us-east-1b": B}
    assert (seen, pool.generation, pool.security_groups) == (None, 1, ("sg-00000009",))


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"subnets": [A, C]}, "subnets: subnet-0000000c and subnet-0000000a are both in us-east-1a"),
        ({"subnets": ["subnet-0000000f"]}, "subnets: subnet-0000000f does not exist"),
        ({"subnets": [B, C]}, "subnets: they lie in more than one VPC"),
        ({"security_groups": ["sg-0000000f"]}, "security_groups: sg-0000000f does not exist"),
        ({"security_groups": ["sg-00000002"]}, "security_groups: sg-00000002 lies in vpc-2"),
    ],
)
def test_a_network_that_does_not_go_together_is_refused(asked: Any, said: str) -> None:
    assert f"pools.default.{said}" in defects(lambda: planned(default=asked))


def test_without_default_subnets_a_pool_must_name_its_own() -> None:
    assert "no default VPC" in defects(lambda: planned(subnets=SUBNETS[2:], default={}))


def test_a_changed_pool_follows_the_one_that_was_seen_and_an_unchanged_one_is_not_written() -> None:
    current = a_pool_of(planned(default={"limits": {"instances": 10}}))
    ((seen, pool),) = planned(current, default={"limits": {"instances": 4}}).pools
    assert pool
    assert (seen, pool.generation, pool.limits.instances) == (current, 2, 4)
    assert planned(pool, default={"limits": {"instances": 4}}) == Plan(pools=(), requesters=())


def test_a_pool_that_is_no_longer_declared_is_removed() -> None:
    old = a_pool("old")
    assert planned(old, default={}).pools[1:] == ((old, None),)


def test_what_was_made_through_the_api_is_neither_removed_nor_taken_over() -> None:
    pool, who = a_pool("mine", managed=BY_API), Requester(name="me", principals=("A",), managed=BY_API)
    after = planned(pool, requesters=(who,), default={})
    assert (len(after.pools), after.requesters) == (1, ())
    declared = {"me": {"principals": ["A"]}}
    said = defects(lambda: planned(pool, requesters=(who,), declared=declared, default={}, mine={}))
    assert "pools.mine: " in said
    assert "requesters.me: " in said


def test_requesters_are_made_changed_and_removed_over_what_was_seen() -> None:
    old, ci = Requester(name="old", principals=("A",)), Requester(name="ci", principals=("A",), generation=4)
    declared = {"ci": {"principals": ["B"]}, "new": {"principals": ["C"]}}
    changed = planned(requesters=(old, ci), declared=declared, default={}).requesters
    assert changed == (
        (ci, replace(ci, principals=("B",), generation=5)),
        (None, Requester(name="new", principals=("C",))),
        (old, None),
    )


@pytest.mark.parametrize(
    ("pools", "said"),
    [
        ({"default": {"image_ids": IMAGES}}, "pools.default.image_ids: "),
        ({"default": {"architectures": ["amd64", "arm64"]}}, "pools.default.architectures: "),
        ({"other": {}}, "pools.default: "),
    ],
)
def test_what_does_not_go_with_the_set_that_is_deployed_to_a_pool_is_refused(pools: Any, said: str) -> None:
    there = {"default": deployed(amd64="ami-00000001")}
    assert said in defects(lambda: planned(a_pool(), deployments=there, **pools))


def a_pool_of(made: Plan) -> Pool:
    ((_, pool),) = made.pools
    assert pool
    return pool
