"""Pools and requesters in their tables: over what was read, counters by the difference of the limits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moto import mock_aws

from railyard.aws.tables.items import encode
from railyard.aws.tables.ledger import left
from railyard.aws.tables.pools import Pools, RequesterRecords
from railyard.aws.tables.writes import commit, put
from railyard.errors import Conflict
from railyard.model.ami_sets import Deployment, Follow
from railyard.model.ledger import NOTHING, Weight, weight_of_limits
from railyard.model.pools import Limits, Pool, Requester, succeeding
from tests.builders import NOW, a_pool
from tests.railyard.aws.stubs import a_table

IMAGES = {"amd64": "ami-00000001"}
CI = Requester(name="ci", principals=("AROACI",))


@pytest.fixture
def dynamodb() -> Iterator[Any]:
    """Both tables, empty."""
    with mock_aws():
        a_table("requesters", "name")
        yield a_table("pools", "pool", "part")


@pytest.fixture
def pools(dynamodb: Any) -> Pools:
    """The store of pools."""
    return Pools(dynamodb, "pools")


def limited(instances: int, generation: int = 1, name: str = "default", **changes: Any) -> Pool:
    limits = Limits(
        instances=instances, pending_instances=5, usd_micros_per_hour=instances * 1_000, requester_instances=1
    )
    return a_pool(name, limits=limits, generation=generation, **changes)


def free(pools: Pools, name: str = "default") -> Weight:
    found = pools.look(name).counters[name]
    return Weight(slots=found.slots_free, pending=found.pending_free, usd_micros=found.usd_micros_free)


def deploy(dynamodb: Any) -> None:
    """Deploy an AMI set to the pool ``default``."""
    deployed = Deployment(
        pool="default", ami_set="base", number=1, follow=Follow.NEVER, images=IMAGES, by="ops",
        at=NOW, checked_at=NOW,
    )  # fmt: skip
    commit(dynamodb, [put("pools", "pool", deployed, over=None)])


def test_a_new_pool_gets_its_counters_with_its_definition(pools: Pools) -> None:
    pools.write(None, limited(10))
    assert pools.all().pools == pools.look("default").pools == {"default": limited(10)}
    assert free(pools) == Weight(slots=10, pending=5, usd_micros=10_000)
    assert pools.look("other").pools == {}


def test_a_pool_is_written_over_the_one_that_was_read_only(pools: Pools) -> None:
    first, second = limited(10), limited(6, generation=2)
    pools.write(None, first)
    pools.write(first, second)
    for seen, late in ((first, limited(9, generation=2)), (None, limited(9)), (first, None)):
        with pytest.raises(Conflict):
            pools.write(seen, late)
    assert pools.all().pools["default"] == second
    assert free(pools).slots == 6


def test_a_pool_that_was_changed_with_its_limits_as_they_were_is_not_closed_over_the_old_one(
    pools: Pools,
) -> None:
    pools.write(None, limited(10))
    pools.write(limited(10), limited(10, generation=2, idle_seconds=1))
    with pytest.raises(Conflict):
        pools.write(limited(10), None)


def test_a_pool_that_was_closed_and_made_anew_is_not_the_one_that_was_read(pools: Pools) -> None:
    pools.write(None, limited(10))
    pools.write(limited(10), None)
    pools.write(None, limited(20))
    for late in (limited(5, generation=2), None):
        with pytest.raises(Conflict):
            pools.write(limited(10), late)
    assert free(pools).slots == 20


def test_a_closed_pool_takes_nothing_more_and_its_machines_stay_accounted(
    pools: Pools, dynamodb: Any
) -> None:
    pools.write(None, limited(10))
    commit(dynamodb, [left("pools", "default", Weight(slots=-2, usd_micros=-100))])
    pools.write(limited(10), None)
    assert pools.all().pools == {}
    assert free(pools) == Weight(slots=-2, pending=0, usd_micros=-100)


@pytest.mark.parametrize("shall", [limited(4, generation=2, image_ids=IMAGES), None])
def test_a_pool_with_a_deployed_set_neither_closes_nor_names_images(
    pools: Pools, dynamodb: Any, shall: Pool | None
) -> None:
    pools.write(None, limited(10))
    deploy(dynamodb)
    with pytest.raises(Conflict):
        pools.write(limited(10), shall)
    assert (pools.all().pools["default"], free(pools).slots) == (limited(10), 10)
    pools.write(limited(10), limited(4, generation=2))
    assert free(pools).slots == 4


def test_what_is_left_and_what_is_in_use_are_the_limits_whoever_was_late(pools: Pools, dynamodb: Any) -> None:
    numbers = count()
    kinds = st.sampled_from(["write", "write", "close", "late", "use"])

    @settings(max_examples=20, deadline=None)
    @given(st.lists(st.tuples(kinds, st.integers(0, 9)), max_size=10))
    def hold(steps: list[tuple[str, int]]) -> None:
        name, used = f"p{next(numbers)}", NOTHING
        read: list[Pool | None] = [None]
        for kind, number in steps:
            there = pools.look(name).pools.get(name)
            read.append(there)
            over = read[number % len(read)] if kind == "late" else there
            if kind == "use":
                used = used.plus(Weight(slots=number, usd_micros=number * 7))
                commit(dynamodb, [left("pools", name, Weight(slots=-number, usd_micros=-number * 7))])
            elif shall := None if kind == "close" else succeeding(limited(number, name=name), over):
                try_to(pools, over, shall)
            elif over:
                try_to(pools, over, None)
            known = pools.look(name)
            if name in known.counters:
                pool = known.pools.get(name)
                assert free(pools, name).plus(used) == weight_of_limits(pool.limits if pool else None)

    hold()


def try_to(pools: Pools, seen: Pool | None, shall: Pool | None) -> None:
    try:
        pools.write(seen, shall)
    except Conflict:
        name = (shall or seen or a_pool()).name
        assert pools.look(name).pools.get(name) != seen


def test_nothing_over_nothing_is_a_mistake_of_ours(pools: Pools, dynamodb: Any) -> None:
    for records in (pools, RequesterRecords(dynamodb, "requesters")):
        with pytest.raises(ValueError):
            records.write(None, None)


def test_requesters_are_written_over_what_was_read_and_forgotten(dynamodb: Any) -> None:
    records = RequesterRecords(dynamodb, "requesters")
    more = replace(CI, principals=("AROACI", "AROAQA"), generation=2)
    records.write(None, CI)
    records.write(None, replace(CI, name="a"))
    records.write(CI, more)
    for late in (replace(CI, generation=2), None):
        with pytest.raises(Conflict):
            records.write(CI, late)
    assert records.all() == [replace(CI, name="a"), more]
    records.write(more, None)
    assert records.all() == [replace(CI, name="a")]


def test_requesters_are_kept_in_the_form_that_every_function_reads(dynamodb: Any) -> None:
    RequesterRecords(dynamodb, "requesters").write(None, CI)
    assert dynamodb.scan(TableName="requesters")["Items"] == [encode(CI)]
