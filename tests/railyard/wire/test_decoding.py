"""Bodies are read strictly, and a complaint points at the wrong field."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from railyard.errors import InvalidRequest
from railyard.wire.decoding import MAX_BODY_BYTES, check, read_object, unknown_fields
from railyard.wire.requests import Allocate, Cancel, Release
from tests.bench import allocate_body


def complaint(text: str) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as raised:
        read_object(text)
    return raised.value


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1, "a": 1}',
        '{"a": {"b": 1, "b": 2}}',
        '{"a": NaN}',
        '{"a": [Infinity]}',
        '{"a": -Infinity}',
        '{"a": 1} x',
        "{'a': 1}",
        '{"a": "\\ud800"}',
        '{"\\ud800": 1}',
        "\ud800",
        "",
        "[" * 50_000,
        '{"a":' * 10_000,
    ],
)
def test_what_is_not_strict_json_is_refused(text: str) -> None:
    assert complaint(text).code == "invalid_request"


@pytest.mark.parametrize("text", ["[]", "1", "null", '"a"', "true"])
def test_a_body_is_an_object(text: str) -> None:
    assert complaint(text).code == "invalid_request"


def test_the_size_of_a_body_is_counted_in_bytes() -> None:
    fits = json.dumps({"a": "x" * (MAX_BODY_BYTES - 9)})
    assert len(fits) == MAX_BODY_BYTES
    assert read_object(fits)
    assert complaint(fits + " ").code == "too_large"
    wide = json.dumps({"a": "ü" * (MAX_BODY_BYTES // 2)}, ensure_ascii=False)
    assert len(wide) < MAX_BODY_BYTES
    assert complaint(wide).code == "too_large"


@given(text=st.text() | st.text('{}[]",:a1eE-.\\u'))
def test_any_text_is_an_object_or_a_complaint(text: str) -> None:
    with suppress(InvalidRequest):
        assert isinstance(read_object(text), dict)


def test_surrogate_pairs_that_are_whole_are_kept() -> None:
    assert read_object('{"a": "\\ud83d\\ude82"}') == {"a": "🚂"}


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"request_id": "-no"}, "request_id"),
        ({"request_id": "ok\n"}, "request_id"),
        ({"requirements": {"vcpus": 0, "memory_mib": 128}}, "requirements.vcpus"),
        ({"requirements": {"vcpus": 1, "memory_mib": 128, "colour": 1}}, "requirements"),
        ({"requirements": {"vcpus": 1, "memory_mib": 128, "zones": ["a", 7]}}, "requirements.zones[1]"),
        ({"labels": {"a": 1}}, "labels[...]"),
        ({"count": True}, "count"),
        ({"count": 1.5}, "count"),
        ({"deadline": "2026-11-20T12:00:00"}, "deadline"),
        ({"market": "free"}, "market"),
    ],
)
def test_a_wrong_field_is_named_by_its_path(change: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        check(Allocate, allocate_body(**change))
    assert raised.value.path == path
    assert "`$" not in str(raised.value)


def test_a_missing_field_is_the_whole_documents_defect() -> None:
    with pytest.raises(InvalidRequest, match="request_id") as raised:
        check(Cancel, {"version": 1, "action": "cancel"})
    assert raised.value.path is None


@pytest.mark.parametrize("indexes", [[], [100], [-1], ["0"], 0])
def test_a_release_names_shares_that_can_exist(indexes: Any) -> None:
    base = {"version": 1, "action": "release", "request_id": "ci-1", "epoch": 1}
    with pytest.raises(InvalidRequest):
        check(Release, base | {"indexes": indexes})
    assert check(Release, base).indexes is None


def test_fields_that_nobody_knows_are_named_in_order_and_not_at_length() -> None:
    warnings = unknown_fields(allocate_body() | {"zeta": 1, "alpha": 2, "x" * 500: 3}, Allocate)
    assert [each[:26] for each in warnings[:1]] == ["unknown field ignored: alp"]
    assert len(warnings) == 3
    assert max(map(len, warnings)) == 200
