"""Laws that hold for every history: tokens, pages, capacity."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.ec2 import HARSH
from local.ec2.filters import pattern
from tests.local.ec2.builders import REGION, World, an_override, fleet_request, ids_of, members

pytestmark = pytest.mark.ways("direct")  # hundreds of histories: the model alone

MARKETS = st.sampled_from(["on-demand", "spot"])
PLACES = st.builds(
    an_override, st.sampled_from(["c7g.large", "m7g.large", "m5.large"]), st.sampled_from("abc")
)
REQUESTS = st.builds(
    lambda overrides, count, market, token: fleet_request(
        *overrides, count=count, market=market, ClientToken=token
    ),
    st.lists(PLACES, min_size=1, max_size=5),
    st.integers(1, 40),
    MARKETS,
    st.sampled_from(["t1", "t2", "t3", ""]),
)


def places_free(world: World) -> list[int]:
    """Return the free places of every pool that the requests can name."""
    pools = (
        (t, z, m)
        for t in ("c7g.large", "m7g.large", "m5.large")
        for z in "abc"
        for m in ("on-demand", "spot")
    )
    return [world.ec2.capacity(t, f"{REGION}{z}", m) for t, z, m in pools]


@given(st.lists(REQUESTS, max_size=8), st.integers(0, 3))
def test_a_token_has_one_answer_for_ever(requests: list[dict[str, Any]], seed: int) -> None:
    world = World(seed=seed, timing=HARSH)
    answers: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}
    for request in requests:
        token = request["ClientToken"]
        before = len(world.ec2.instances())
        if token in answers and answers[token][0] != request:
            assert world.refused("CreateFleet", **request) == "IdempotentParameterMismatch"
        elif token in answers:
            assert world.call("CreateFleet", **request) == answers[token][1]
        else:
            answer = world.call("CreateFleet", **request)
            assert len(world.ec2.instances()) == before + len(ids_of(answer))
            answers |= {token: (request, answer)} if token else {}
            continue
        assert len(world.ec2.instances()) == before


@given(st.lists(st.tuples(REQUESTS, st.integers(0, 40), st.integers(0, 90)), max_size=8))
def test_places_are_never_negative_nor_lost(history: list[tuple[dict[str, Any], int, int]]) -> None:
    world = World(timing=HARSH)
    at_first = places_free(world)
    for request, ends, seconds in history:
        answer = world.call("CreateFleet", **{k: v for k, v in request.items() if k != "ClientToken"})
        assert len(ids_of(answer)) <= request["TargetCapacitySpecification"]["TotalTargetCapacity"]
        assert min(places_free(world)) >= 0
        world.wait(seconds)
        visible = [i["InstanceId"] for i in world.shown()][:ends]
        if visible:
            world.call("TerminateInstances", InstanceIds=visible)
        held = sum(i.state != "terminated" for i in world.ec2.instances())
        assert sum(places_free(world)) == sum(at_first) - held


@given(st.lists(st.integers(1, 25), max_size=6), st.integers(5, 30), st.sampled_from(["", "p0", "p*"]))
def test_pages_are_a_partition_of_what_matches(sizes: list[int], page_size: int, pool: str) -> None:
    world = World()
    for number, size in enumerate(sizes):
        world.launch(size, tags={"pool": f"p{number % 2}"})
    filters = {"Filters": [{"Name": "tag:pool", "Values": [pool]}]} if pool else {}
    whole = [i["InstanceId"] for i in world.shown(**filters)]
    seen: list[str] = []
    token: dict[str, str] = {}
    while True:
        answer = world.call("DescribeInstances", MaxResults=page_size, **filters, **token)
        page = [i["InstanceId"] for i in members(answer)]
        assert len(page) <= page_size
        seen += page
        if "NextToken" not in answer:
            break
        token = {"NextToken": answer["NextToken"]}
    assert seen == whole


@given(st.text(max_size=20))
def test_a_pattern_without_wildcards_matches_itself_alone(text: str) -> None:
    escaped = "".join(f"\\{c}" if c in "*?\\" else c for c in text)
    assert pattern(escaped).fullmatch(text)
    assert not pattern(escaped).fullmatch(f"{text}x")
    assert pattern("*").fullmatch(text)
