"""AWS's codes by meaning."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)

from railyard.aws.errors import MEANING, meaning, translate, translated
from railyard.errors import (
    Ambiguous,
    CapacityUnavailable,
    Conflict,
    Denied,
    Gone,
    QuotaExceeded,
    RailyardError,
    Throttled,
)


def said(code: str, status: int = 400) -> ClientError:
    answer: Any = {"Error": {"Code": code, "Message": "m"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "x")


def test_each_code_has_one_meaning() -> None:
    counts = Counter(code for codes in MEANING.values() for code in codes)
    assert set(counts.values()) == {1}


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("InsufficientInstanceCapacity", CapacityUnavailable),
        ("VcpuLimitExceeded", QuotaExceeded),
        ("RequestLimitExceeded", Throttled),
        ("InternalError", Ambiguous),
        ("InvalidInstanceID.NotFound", Gone),
        ("UnauthorizedOperation", Denied),
        ("IdempotentParameterMismatch", Conflict),
        ("InvalidParameterValue", RailyardError),
    ],
)
def test_a_code_means_what_its_class_says(code: str, kind: type[RailyardError]) -> None:
    assert meaning(code) is kind


def test_the_code_is_read_before_the_status() -> None:
    assert type(translate(said("InsufficientInstanceCapacity", 500), "x")) is CapacityUnavailable
    assert type(translate(said("NeverHeardOf", 503), "x")) is Ambiguous
    assert type(translate(said("NeverHeardOf", 400), "x")) is RailyardError


@pytest.mark.parametrize(
    "error", [ReadTimeoutError, ConnectTimeoutError, EndpointConnectionError, ConnectionClosedError]
)
def test_without_an_answer_nobody_knows_what_happened(error: Any) -> None:
    translation = translate(error(endpoint_url="http://x", error="reset"), "x")
    assert (type(translation), translation.code) == (Ambiguous, "NoAnswer")


def test_a_call_that_was_never_made_is_not_ambiguous() -> None:
    with pytest.raises(RailyardError) as raised, translated("CreateFleet"):
        raise NoCredentialsError
    assert type(raised.value) is RailyardError


@pytest.mark.parametrize("code", sorted(MEANING[CapacityUnavailable]))
def test_a_capacity_refusal_is_one_whatever_its_status(code: str) -> None:
    assert {type(translate(said(code, status), "x")) for status in (400, 500, 503)} == {CapacityUnavailable}
    assert translate(said(code), "x").code == code
