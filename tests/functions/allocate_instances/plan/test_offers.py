"""Which machine types fit a share, cheapest first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocate_instances.plan.offers import MAX_TYPES, fitting, largest, offerings
from railyard.model.catalogue import InstanceType
from railyard.model.requests import Need
from tests.builders import ZONES, a_catalogue, a_pool, a_type

SMALL = Need(vcpus=2, memory_mib=4096)
TYPES = st.builds(
    a_type,
    st.from_regex(r"\A[a-z][0-9]\.[a-z]{1,4}\Z"),
    architecture=st.sampled_from(("amd64", "arm64")),
    vcpus=st.sampled_from((1, 2, 4, 8)),
    memory_mib=st.sampled_from((1024, 4096, 8192)),
    gpus=st.integers(0, 1),
    zones=st.lists(st.sampled_from((*ZONES, "us-east-1z")), unique=True).map(tuple),
    spot=st.booleans(),
    usd_micros_per_hour=st.none() | st.integers(1, 500_000),
)
CATALOGUES = st.lists(TYPES, unique_by=lambda each: each.name, min_size=1).map(
    lambda types: a_catalogue(*types)
)
NEEDS = st.builds(
    Need,
    vcpus=st.sampled_from((1, 2, 4)),
    memory_mib=st.sampled_from((512, 4000)),
    gpus=st.integers(0, 1),
    architecture=st.sampled_from(("amd64", "arm64", "any")),
)


def names(need: Need, *types: InstanceType, **pool: Any) -> list[str]:
    return [each.name for each in fitting(need, a_pool(**pool), a_catalogue(*types))]


def test_the_cheapest_fitting_type_comes_first() -> None:
    assert names(replace(SMALL, architecture="any")) == [
        "m7g.large",
        "m7i.large",
        "m7i.xlarge",
        "m7i.2xlarge",
    ]


def test_a_request_for_amd64_never_gets_arm64_and_the_other_way_round() -> None:
    assert "m7g.large" not in names(SMALL)
    assert names(replace(SMALL, architecture="arm64")) == ["m7g.large"]


@pytest.mark.parametrize(
    ("fault", "fits"),
    [
        ({}, True),
        ({"usd_micros_per_hour": None}, False),
        ({"vcpus": 1}, False),
        ({"memory_mib": 4096}, False),  # the pool keeps 5 % of it
        ({"memory_mib": 4312}, True),
        ({"zones": ()}, False),
        ({"zones": ("us-east-1z",)}, False),
        ({"name": "m7i.metal"}, False),
    ],
    ids=str,
)
def test_a_type_fits_when_the_pool_allows_it_and_a_share_finds_room(
    fault: dict[str, Any], fits: bool
) -> None:
    assert bool(names(SMALL, replace(a_type(), **fault))) is fits


@pytest.mark.parametrize(
    ("narrowing", "kept"),
    [
        ({"zones": ("us-east-1b",)}, True),
        ({"zones": ("us-east-1z",)}, False),
        ({"instance_types": ("m7i.*",)}, True),
        ({"instance_types": ("c7i.*",)}, False),
        ({"gpu_name": "t4"}, True),
        ({"gpu_name": "A10G"}, False),
        ({"gpus": 1}, True),
        ({"gpus": 2}, False),
        ({"local_disk_gib": 100}, True),
        ({"local_disk_gib": 101}, False),
    ],
    ids=str,
)
def test_a_requirement_narrows_the_pool(narrowing: dict[str, Any], kept: bool) -> None:
    machine = a_type(gpus=1, gpu_name="T4", local_disk_gib=100)
    assert bool(names(replace(SMALL, **narrowing), machine)) is kept


def test_no_requirement_widens_the_pool() -> None:
    assert names(replace(SMALL, instance_types=("*",)), allow=("c7*",)) == []
    assert names(replace(SMALL, instance_types=("m7i.metal",)), a_type("m7i.metal")) == []


def test_spot_first_is_spot_until_every_spot_offering_was_refused() -> None:
    pool, types = a_pool(), fitting(SMALL, a_pool(), a_catalogue())
    spot = offerings(SMALL, pool, "spot-first", types, ())
    then = offerings(SMALL, pool, "spot-first", types, {each.name for each in spot})
    assert ({o.market for o in spot}, {o.market for o in then}) == ({"spot"}, {"on-demand"})
    assert offerings(SMALL, pool, "spot", types, {each.name for each in spot}) == ()


def test_a_type_without_spot_is_never_offered_as_spot() -> None:
    types = [a_type(spot=False)]
    assert offerings(SMALL, a_pool(), "spot", types, ()) == ()
    assert offerings(SMALL, a_pool(), "spot-first", types, ())[0].market == "on-demand"


def test_one_call_names_few_types_and_the_cheapest_of_them() -> None:
    many = [a_type(f"m{i}.large", usd_micros_per_hour=i) for i in range(1, 13)]
    found = offerings(SMALL, a_pool(), "on-demand", many, ())
    assert sorted({o.usd_micros_per_hour for o in found}) == list(range(1, MAX_TYPES + 1))


def test_a_refused_offering_leaves_the_types_other_zones() -> None:
    found = offerings(SMALL, a_pool(), "on-demand", [a_type()], {"m7i.large#us-east-1a#on-demand"})
    assert [o.availability_zone for o in found] == ["us-east-1b", "us-east-1c"]


def test_the_largest_type_is_the_one_with_most_vcpus_of_those_that_the_pool_allows() -> None:
    found = largest(a_pool(), a_catalogue(a_type(), a_type("m7i.metal", vcpus=99), a_type("big", vcpus=8)))
    assert found is not None
    assert found.name == "big"
    assert largest(a_pool(allow=("z*",)), a_catalogue()) is None


@given(
    need=NEEDS,
    catalogue=CATALOGUES,
    market=st.sampled_from(("on-demand", "spot", "spot-first")),
    data=st.data(),
)
def test_every_offering_fits_is_allowed_and_was_not_refused(
    need: Need, catalogue: Any, market: str, data: st.DataObject
) -> None:
    pool = a_pool(architectures=("amd64", "arm64"))
    types = fitting(need, pool, catalogue)
    every = offerings(need, pool, market, types, ())
    tried = data.draw(st.sets(st.sampled_from([o.name for o in every]))) if every else set()
    found = offerings(need, pool, market, types, tried)
    by_name = {each.name: each for each in catalogue.types}
    for offering in found:
        machine = by_name[offering.instance_type]
        assert offering.capacity.holds(need.room)
        assert need.architecture in ("any", machine.architecture)
        assert offering.architecture == machine.architecture
        assert offering.availability_zone in set(machine.zones) & set(pool.subnets)
        assert offering.market == "on-demand" or machine.spot
        assert offering.name not in tried
    prices = [offering.usd_micros_per_hour for offering in found]
    assert prices == sorted(prices)
    assert len({offering.market for offering in found}) <= 1
