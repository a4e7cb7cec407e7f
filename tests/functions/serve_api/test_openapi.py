"""The description: a row for each route, each parameter of its path, only references that lead somewhere."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from serve_api.openapi import ROWS, document
from serve_api.plan import NAMES, ROUTES, Route
from tests.functions.serve_api.test_run import call

ROUTED = {route for _, _, route in ROUTES}
OPERATIONS = [
    (path, method, said) for path, methods in document()["paths"].items() for method, said in methods.items()
]


def test_each_route_has_a_row_and_each_row_a_route() -> None:
    assert ROWS.keys() == ROUTED
    assert set(Route) - ROUTED == {Route.NOT_BUILT, Route.NOT_FOUND, Route.BAD_NAME}


def test_each_route_is_one_operation_with_an_id_of_its_own() -> None:
    told = {(method.upper(), re.sub(r"\{(\w+)\}", r"<\1>", path[1:])) for path, method, _ in OPERATIONS}
    assert told == {(method, form) for method, form, _ in ROUTES}
    ids = [said["operationId"] for _, _, said in OPERATIONS]
    assert len(ids) == len(set(ids)) == len(ROUTES)


@pytest.mark.parametrize(("path", "method", "said"), OPERATIONS, ids=lambda each: str(each)[:40])
def test_each_name_of_a_path_is_a_parameter_with_the_pattern_of_its_kind(
    path: str, method: str, said: dict[str, Any]
) -> None:
    named = re.findall(r"\{(\w+)\}", path)
    told = {each["name"]: each for each in said["parameters"] if each["in"] == "path"}
    assert list(told) == named
    for name in named:
        assert told[name]["required"]
        assert told[name]["schema"]["pattern"] == f"^({NAMES[f'<{name}>']})$"
    if named or said.get("requestBody") or any(each["in"] == "query" for each in said["parameters"]):
        assert "400" in said["responses"]


def test_every_reference_leads_to_a_component() -> None:
    components = document()["components"]
    there = {f"#/components/{kind}/{name}" for kind in ("schemas", "responses") for name in components[kind]}
    assert set(_references(document())) == there


def test_the_same_description_is_served_to_whoever_iam_lets_in() -> None:
    answer = call("GET", "/openapi.json")
    assert (answer.status, answer.body) == (200, document())
    assert document() is document()
    json.dumps(answer.body)
    assert document()["security"] == [{"sigv4": []}]


def test_a_start_of_the_function_does_not_wait_for_the_description() -> None:
    look = "import sys, serve_api.handler; print([each for each in sys.modules if 'openapi' in each or 'shapes' in each])"
    told = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert told.stdout == "[]\n"


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (each for key, each in value.items() if key == "$ref")
        for each in value.values():
            yield from _references(each)
    elif isinstance(value, list):
        for each in value:
            yield from _references(each)
