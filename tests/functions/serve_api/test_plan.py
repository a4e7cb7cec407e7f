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
        ("GET", "/amis", Call(route=Route.LINES)),
        ("GET", "/amis/stable/amd64", Call(route=Route.LINE, name="stable#amd64")),
        ("GET", "/amis/lts/arm64/history", Call(route=Route.HISTORY, name="lts#arm64")),
        ("PUT", "/amis/lts-2024/arm64/pin", Call(route=Route.PIN, name="lts-2024#arm64")),
        ("DELETE", "/amis/beta/amd64/pin", Call(route=Route.UNPIN, name="beta#amd64")),
        ("POST", "/amis/alpha/amd64/rollback", Call(route=Route.ROLL_BACK, name="alpha#amd64")),
        ("DELETE", "/amis/stable/amd64/candidate", Call(route=Route.DISMISS, name="stable#amd64")),
        ("GET", "/ami-sets", Call(route=Route.SETS)),
        ("GET", "/ami-sets/base", Call(route=Route.SET, name="base")),
        ("GET", "/ami-sets/base/history", Call(route=Route.SET_HISTORY, name="base")),
        ("GET", "/ami-sets/base/versions/12", Call(route=Route.SET_VERSION, name="base#12")),
        ("GET", "/ami-sets/base/validation", Call(route=Route.SET_VALIDATION, name="base")),
        ("GET", "/ami-sets/base/image", Call(route=Route.SET_IMAGE, name="base")),
        ("PUT", "/ami-sets/base", Call(route=Route.CREATE_SET, name="base")),
        ("POST", "/ami-sets/base/update", Call(route=Route.UPDATE_SET, name="base")),
        ("POST", "/ami-sets/base/rollback", Call(route=Route.ROLL_BACK_SET, name="base")),
        ("POST", "/ami-sets/base/validate", Call(route=Route.VALIDATE_SET, name="base")),
        ("DELETE", "/ami-sets/base", Call(route=Route.REMOVE_SET, name="base")),
        ("PUT", "/deployments/base/ci", Call(route=Route.DEPLOY, name="base#ci")),
        ("DELETE", "/deployments/base/ci", Call(route=Route.WITHDRAW, name="base#ci")),
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
    for method, path in (
        ("GET", f"/ami-sets/{name}"),
        ("PUT", f"/ami-sets/{name}"),
        ("DELETE", f"/ami-sets/{name}"),
        ("POST", f"/ami-sets/{name}/update"),
        ("GET", f"/ami-sets/{name}/versions/1"),
        ("PUT", f"/deployments/{name}/default"),
        ("PUT", f"/deployments/base/{name}"),
        ("DELETE", f"/deployments/base/{name}"),
    ):
        assert route(method, path).route is Route.BAD_NAME


@pytest.mark.parametrize("number", ["0", "01", "-1", "1.0", "latest", "\u0661", "1" * 9, "", "1%30", "v1"])
def test_a_version_is_a_number_without_ornaments(number: str) -> None:
    assert route("GET", f"/ami-sets/base/versions/{number}").route is Route.BAD_NAME


@pytest.mark.parametrize(
    "line",
    [
        "stable/x86_64", "stable/i386", "Stable/amd64", "STABLE/amd64", "st\u0430ble/amd64", "st%D0%B0ble/amd64",
        "stable/amd6\uff14", "stable%0A/amd64", "stable/amd64%00", "../amd64", "stable/..", "%2e%2e/amd64",
        "a%2Fb/amd64", "stable%23amd64/amd64", "stable%2Famd64/amd64", "lts-1999/amd64", "lts-20240/amd64",
        "lts-/amd64", "/amd64", "stable /amd64", "stable%257Cbeta/amd64", "st%61ble/amd64", "stable/%61md64", "lts-202\u0664/amd64", "*/amd64",
    ],
)  # fmt: skip
@pytest.mark.parametrize(("method", "act"), [("GET", "/history"), ("PUT", "/pin"), ("GET", "")])
def test_what_is_no_channel_or_architecture_is_no_line(method: str, act: str, line: str) -> None:
    assert route(method, f"/amis/{line}{act}").route is Route.BAD_NAME


@pytest.mark.parametrize(
    ("method", "path", "found"),
    [
        ("PUT", "/resources/ebs_volume/x", Route.NOT_BUILT),
        ("POST", "/probes", Route.NOT_BUILT),
        ("GET", "/ami-sets/", Route.BAD_NAME),
        ("PUT", "/ami-sets/a/", Route.NOT_FOUND),
        ("GET", "//ami-sets", Route.NOT_FOUND),
        ("GET", "/status/", Route.NOT_FOUND),
        ("PUT", "/ami-sets/a/update", Route.NOT_FOUND),
        ("POST", "/ami-sets/a", Route.NOT_FOUND),
        ("POST", "/ami-sets/a/Update", Route.NOT_FOUND),
        ("POST", "/ami-sets/mine/../theirs/update", Route.NOT_FOUND),
        ("POST", "/ami-sets/a%2Fupdate", Route.NOT_FOUND),
        ("PUT", "/deployments/a", Route.NOT_FOUND),
        ("PUT", "/deployments/a/b/c", Route.NOT_FOUND),
        ("DELETE", "/deployments", Route.NOT_FOUND),
        ("PUT", "/deployments/mine/../theirs/default", Route.NOT_FOUND),
        ("GET", "/openapi.json", Route.DESCRIPTION),
        ("DELETE", "/leases", Route.NOT_BUILT),
        ("GET", "/", Route.NOT_FOUND),
        ("GET", "/nothing", Route.NOT_FOUND),
        ("POST", "/status", Route.NOT_FOUND),
        ("GET", "/../pools", Route.NOT_FOUND),
        ("GET", "/amis/stable", Route.NOT_FOUND),
        ("PUT", "/amis/stable/amd64", Route.NOT_FOUND),
        ("GET", "/amis/stable/amd64/pin", Route.NOT_FOUND),
        ("PUT", "/amis/stable/amd64/Pin", Route.NOT_FOUND),
        ("PUT", "/amis/beta/../stable/amd64/pin", Route.NOT_FOUND),
        ("PUT", "/amis/stable/amd64%2Fpin", Route.NOT_FOUND),
        ("PUT", "/%61mis/stable/amd64/pin", Route.NOT_FOUND),
    ],
)
def test_what_is_not_built_is_told_from_what_does_not_exist(method: str, path: str, found: Route) -> None:
    assert route(method, path).route is found
