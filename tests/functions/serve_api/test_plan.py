"""Routes, and names that are none."""

from __future__ import annotations

import pytest

from serve_api.plan import Call, Route, route


@pytest.mark.parametrize(
    ("method", "path", "call"),
    [
        ("GET", "/status", Call(route=Route.STATUS)),
        ("GET", "/pools", Call(route=Route.POOLS)),
        ("GET", "/pools/default", Call(route=Route.POOL, name="default")),
        ("GET", "/allocations", Call(route=Route.ALLOCATIONS)),
        ("GET", "/allocations/ci-4711", Call(route=Route.ALLOCATION, name="ci-4711")),
        ("GET", "/allocations/a%3Ab", Call(route=Route.ALLOCATION, name="a:b")),
        ("GET", "/instances", Call(route=Route.INSTANCES)),
        ("GET", "/instances/i-0123456789abcdef0", Call(route=Route.INSTANCE, name="i-0123456789abcdef0")),
        ("POST", "/allocations", Call(route=Route.ALLOCATE)),
        ("POST", "/leases", Call(route=Route.LEASE)),
    ],
)
def test_each_route_is_known(method: str, path: str, call: Call) -> None:
    assert route(method, path) == call


@pytest.mark.parametrize(
    "name",
    [
        "..",
        ".",
        "%2F",
        "a%2Fb",
        "%2e%2e",
        "*",
        "Default",
        "\u0430bc",
        "%D0%B0bc",
        "a%0A",
        "a%00",
        "-a",
        "a" * 64,
        "a b",
    ],
)
def test_a_name_that_does_not_match_whole_is_none(name: str) -> None:
    assert route("GET", f"/pools/{name}").route is Route.BAD_NAME


@pytest.mark.parametrize(
    ("method", "path", "found"),
    [
        ("PUT", "/pools/default", Route.NOT_BUILT),
        ("GET", "/ami-sets/a/history", Route.NOT_BUILT),
        ("GET", "/openapi.json", Route.NOT_BUILT),
        ("DELETE", "/leases", Route.NOT_BUILT),
        ("GET", "/", Route.NOT_FOUND),
        ("GET", "/nothing", Route.NOT_FOUND),
        ("POST", "/status", Route.NOT_FOUND),
        ("GET", "/../pools", Route.NOT_FOUND),
    ],
)
def test_what_is_not_built_is_told_from_what_does_not_exist(method: str, path: str, found: Route) -> None:
    assert route(method, path).route is found
