"""Records survive the way through DynamoDB, whatever they hold."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto import mock_aws

from railyard.aws.tables.items import decode, encode, tagged, untagged
from railyard.model.instances import Instance
from railyard.model.launches import Launch
from railyard.model.pools import Counters, Pool, Requester
from railyard.model.releases import Entry, Line
from railyard.model.requests import Request
from tests.builders import NOW, a_launch, a_request, a_tenant, an_instance, fulfilled
from tests.railyard.aws.stubs import a_table

KINDS = (Request, Launch, Instance, Pool, Counters, Requester, Line, Entry)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NUMBERS = st.floats(-1e100, 1e100, allow_subnormal=False).map(lambda number: round(number, 6))
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | TEXT | NUMBERS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=4,
)
SCALARS: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXT,
    bool: st.booleans(),
    int: st.integers(-(2**60), 2**60),
    float: NUMBERS,
    datetime: st.datetimes(timezones=st.just(UTC)),
    Any: PLAIN,
    type(None): st.none(),
}


def anything(hint: Any) -> st.SearchStrategy[Any]:  # noqa: PLR0911  # one line a kind of type
    """Return values of a record's field of type *hint*."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint in SCALARS:
        return SCALARS[hint]
    if is_dataclass(hint) and isinstance(hint, type):
        hints = typing.get_type_hints(hint)
        return st.builds(hint, **{field.name: anything(hints[field.name]) for field in fields(hint)})
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return st.sampled_from(list(hint))
    if origin is types.UnionType:
        return st.one_of([anything(each) for each in arguments])
    if origin is tuple and arguments[-1] is Ellipsis:
        return st.lists(anything(arguments[0]), max_size=2).map(tuple)
    if origin is tuple:
        return st.tuples(*[anything(each) for each in arguments])
    assert origin in (dict, Mapping)
    return st.dictionaries(TEXT, anything(arguments[1]), max_size=2)


@pytest.mark.parametrize("kind", KINDS)
def test_a_record_is_read_back_as_it_was_written(kind: type) -> None:
    @settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
    @given(record=anything(kind))
    def law(record: Any) -> None:
        assert decode(kind, encode(record)) == record

    law()


@pytest.mark.parametrize(
    "record", [a_request(), fulfilled(), a_launch(a_tenant()), an_instance("i-1", a_tenant())]
)
def test_a_record_is_read_back_through_a_table(record: Any) -> None:
    with mock_aws():
        dynamodb = a_table("records", "key")
        dynamodb.put_item(TableName="records", Item=encode(record) | {"key": tagged("one")})
        item = dynamodb.get_item(TableName="records", Key={"key": tagged("one")})["Item"]
        assert decode(type(record), item) == record


@given(value=PLAIN)
def test_a_plain_value_survives_with_its_nothings(value: Any) -> None:
    assert untagged(tagged(value)) == value


def test_nothing_at_the_top_is_left_out_so_that_indexes_stay_sparse() -> None:
    item = encode(a_request(waiting=None))
    assert "waiting" not in item
    assert "lease_until" not in item
    assert encode(a_request())["waiting"] == {"S": "default"}


def test_an_attribute_of_a_newer_writer_is_left_aside() -> None:
    item = encode(a_request()) | {"from_the_future": tagged([1, {"a": None}])}
    assert decode(Request, item) == a_request()


def test_an_item_that_lacks_what_a_record_needs_is_an_error() -> None:
    item = encode(a_request())
    del item["requester"]
    with pytest.raises(msgspec.ValidationError, match="requester"):
        decode(Request, item)


@pytest.mark.parametrize(
    ("text", "value"), [("0", 0), ("-7", -7), ("0.058", 0.058), ("1E+22", 1e22), ("-1.5", -1.5)]
)
def test_numbers_become_whole_where_they_are(text: str, value: float) -> None:
    read = untagged({"N": text})
    assert (read, type(read)) == (value, type(value))


def test_what_dynamodb_has_no_form_for_is_refused() -> None:
    with pytest.raises(TypeError, match="datetime"):
        tagged(NOW)
