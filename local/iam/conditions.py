"""Conditions of a statement: one operator, one key, the values that are written.

Source: IAM user guide, "Condition operators" and "Multivalued context keys" (January 2026). A key without a value
fails an operator, passes its negation, ``...IfExists`` and ``ForAllValues``.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network

from local.iam import patterns
from local.iam.patterns import Context, NotModelled

OPERATOR = re.compile(r"(?:(ForAllValues|ForAnyValue):)?([A-Za-z]+?)(IfExists)?")
Test = Callable[[str, str], bool]
RELATIONS = {
    "Equals": operator.eq,
    "LessThan": operator.lt,
    "LessThanEquals": operator.le,
    "GreaterThan": operator.gt,
    "GreaterThanEquals": operator.ge,
}


def holds(written_operator: str, key: str, written: Sequence[str], context: Context, variables: bool) -> bool:
    """Say whether a condition holds; *variables* says whether the policy may use them. Raises NotModelled."""
    found = OPERATOR.fullmatch(written_operator)
    quantifier, name, if_exists = found.groups() if found else (None, "", None)
    values = patterns.values(key, context)
    if written_operator == "Null":
        return str(not values).lower() in {one.lower() for one in written}
    positive = NEGATIONS.get(name, name)
    if positive not in TESTS and positive not in PATTERNS:
        raise NotModelled(f"condition operator {written_operator}")
    negated = positive != name
    if not values:
        return bool(if_exists) or quantifier == "ForAllValues" or (negated and quantifier is None)
    filler = context if variables else None
    try:
        told = [any(_matches(positive, value, one, filler) for one in written) != negated for value in values]
    except ValueError as wrong:
        raise NotModelled(f"{written_operator} of {key}: {wrong}") from wrong
    return all(told) if quantifier == "ForAllValues" else any(told)


def _matches(name: str, value: str, written: str, context: Context | None) -> bool:
    if name in PATTERNS:
        pattern = PATTERNS[name](written, context)
        return pattern is not None and pattern.fullmatch(value) is not None
    text = patterns.filled(written, context)
    return text is not None and TESTS[name](value, text)


def _moment(text: str) -> float:
    """Return a date of ISO 8601 or of Unix seconds as the latter."""
    if re.fullmatch(r"\d{5,}(\.\d+)?", text):
        return float(text)
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def _typed(kind: Callable[[str], float], relation: Callable[[float, float], bool]) -> Test:
    return lambda value, text: relation(kind(value), kind(text))


TESTS: dict[str, Test] = {
    "StringEquals": operator.eq,
    "StringEqualsIgnoreCase": lambda value, text: value.lower() == text.lower(),
    "Bool": lambda value, text: value.lower() == text.lower(),
    "IpAddress": lambda value, text: ip_address(value) in ip_network(text, strict=False),
    **{f"Numeric{name}": _typed(float, relation) for name, relation in RELATIONS.items()},
    **{f"Date{name}": _typed(_moment, relation) for name, relation in RELATIONS.items()},
}
PATTERNS = {"StringLike": patterns.like, "ArnLike": patterns.arn, "ArnEquals": patterns.arn}
NEGATIONS = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "ArnNotLike": "ArnLike",
    "ArnNotEquals": "ArnEquals",
    "NotIpAddress": "IpAddress",
    "NumericNotEquals": "NumericEquals",
    "DateNotEquals": "DateEquals",
}
