"""AWS's codes by meaning."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from railyard.aws.errors import MEANING, meaning, translate
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


def test_without_an_answer_nobody_knows_what_happened() -> None:
    assert type(translate(ReadTimeoutError(endpoint_url="http://x"), "x")) is Ambiguous
