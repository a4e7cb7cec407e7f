"""The API keeps to its description, whatever it is asked: statuses, forms, and a no to what is not described."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import APIOperation, Case, Config, GenerationMode, checks, openapi

from serve_api.openapi import document
from tests.contracts.served import THERE, Stored, a_stage, ask, restore
from tests.functions.serve_api.set_memory import document as a_set
from tests.functions.serve_api.set_memory import image

Asked = Case[Any]
Operation = APIOperation[Any, Any, Any, Any]
FORWARDED = ("allocate", "lease")
"""What these are sent goes on as it is: the queue's reader judges it, once, for every way in."""
KEPT = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
REFUSED = [*KEPT, checks.negative_data_rejection]
# The signature is API Gateway's to check: nothing here would miss it.
CONFIG = Config.from_dict({"phases": {"coverage": {"unexpected-methods": []}}})
UNSIGNED = openapi.from_dict(document() | {"security": []}, config=CONFIG)
DESCRIBED = {
    (path, method): said for path, methods in document()["paths"].items() for method, said in methods.items()
}
OPERATIONS: dict[str, Operation] = {
    said["operationId"]: UNSIGNED[path][method] for (path, method), said in DESCRIBED.items()
}
ASKING = [said["operationId"] for said in DESCRIBED.values() if said["parameters"] or "requestBody" in said]
SAME_EACH_TIME = settings(
    max_examples=6,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def furniture() -> Iterator[Stored]:
    with a_stage() as items:
        yield items


@pytest.fixture(autouse=True)
def _furnished(furniture: Stored) -> None:
    restore(furniture)


@pytest.mark.parametrize("name", OPERATIONS)
def test_what_fits_the_description_is_answered_as_it_says(name: str) -> None:
    cases = OPERATIONS[name].as_strategy(GenerationMode.POSITIVE)

    @SAME_EACH_TIME
    @given(case=cases, of_what_is_there=st.booleans())
    def keeps(case: Asked, *, of_what_is_there: bool) -> None:
        if of_what_is_there:
            case.path_parameters = {each: THERE[each] for each in case.path_parameters}
        case.validate_response(ask(case), checks=KEPT)

    keeps()


@pytest.mark.parametrize("name", [name for name in ASKING if name not in FORWARDED])
def test_what_does_not_fit_the_description_is_refused_in_the_form_of_the_contract(name: str) -> None:
    @SAME_EACH_TIME
    @given(case=OPERATIONS[name].as_strategy(GenerationMode.NEGATIVE))
    def refuses(case: Asked) -> None:
        no_limit = (case.query or {}).get("limit") == ""  # that is none, not a wrong one
        case.validate_response(ask(case), checks=KEPT if no_limit else REFUSED)

    refuses()


@pytest.mark.parametrize("name", ASKING)
def test_each_bound_of_the_description_is_a_bound_of_the_api(name: str, furniture: Stored) -> None:
    operation = OPERATIONS[name]
    for mode in GenerationMode:
        bounds = UNSIGNED.iter_coverage_cases(
            operation,
            generation_modes=[mode],
            generation_config=UNSIGNED.config.generation_for(operation=operation),
        )
        for case in bounds:
            within = mode is GenerationMode.POSITIVE or name in FORWARDED
            case.validate_response(ask(case), checks=KEPT if within else REFUSED)


@pytest.mark.parametrize(
    ("name", "status", "asked"),
    [
        ("allocate", 400, {"body": "[]"}),
        ("lease", 400, {"body": {"request_id": "\ud800"}}),
        ("history", 200, {}),
        ("pin", 202, {"body": {"release": "4593.2.5"}}),
        ("pin", 404, {"body": {"release": "1.2.3"}}),
        ("roll_back", 202, {"body": {"reason": "does not boot"}}),
        ("create_set", 200, {"body": a_set(image(1))}),
        ("create_set", 201, {"body": a_set(image(1)), "path_parameters": {"set": "other"}}),
        ("create_set", 201, {"body": {"tracks": {"channel": "stable"}}, "path_parameters": {"set": "other"}}),
        ("create_set", 422, {"body": a_set(image(9)), "path_parameters": {"set": "other"}}),
        ("update_set", 200, {"body": a_set(image(1), description="new"), "headers": {"If-Match": "*"}}),
        ("update_set", 422, {"body": a_set(image(2)), "headers": {"If-Match": "*"}}),
        ("update_set", 412, {"body": a_set(image(1), description="new"), "headers": {"If-Match": '"0"'}}),
        ("update_set", 428, {"body": a_set(image(1), description="new")}),
        ("roll_back_set", 200, {"body": {"version": 1}}),
        ("remove_set", 409, {}),
        ("set_image", 200, {"query": {"region": "us-east-1", "architecture": "amd64"}}),
        ("set_image", 404, {"query": {"region": "us-east-1", "architecture": "arm64"}}),
        ("deploy", 200, {"body": {"version": "latest", "follow": "now"}}),
        ("deploy", 422, {"body": {"version": 1}, "path_parameters": {"set": "base", "pool": "default"}}),
        ("deploy", 404, {"body": {"version": 2}}),
        ("put_pool", 409, {"body": {}, "path_parameters": {"pool": "default"}}),
        ("put_pool", 422, {"body": {"subnets": ["subnet-0000dead"]}}),
        ("delete_pool", 409, {}),
        ("put_requester", 201, {"body": {"principals": ["AROANEW"]}, "path_parameters": {"requester": "new"}}),
        ("turn", 200, {"body": {"on": False, "reason": "drill"}}),
        ("turn_of_pool", 404, {"body": {"on": False}, "path_parameters": {"stops": "images", "pool": "ci"}}),
    ],
)  # fmt: skip
def test_what_chance_seldom_finds_is_answered_as_described(
    name: str, status: int, asked: dict[str, Any]
) -> None:
    operation = OPERATIONS[name]
    there = {name: THERE[name] for name in re.findall(r"\{(\w+)\}", operation.path)}
    case = operation.Case(**{"path_parameters": there, "media_type": "application/json"} | asked)
    answer = ask(case)
    assert answer.status_code == status, answer.content
    case.validate_response(answer, checks=KEPT)
