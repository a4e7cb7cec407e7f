"""EC2's ``Filters``: several filters are AND, the values of one are OR, ``*`` and ``?`` are wildcards.

A describe call lists the filter names that it knows with how to read them from a resource; any other name is
refused, as EC2 does. Names that need an argument (``tag:<key>``) and ``tag-key`` are read from the
resource's tags.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from local.ec2.errors import Ec2Error

T = TypeVar("T")
Fields = Mapping[str, Callable[[T], Iterable[str]]]

VALUES_PER_REQUEST = 200
"""EC2 refuses more filter values in one request. Source: EC2 user guide, "Filter your resources"."""


@lru_cache(maxsize=4096)
def pattern(value: str) -> re.Pattern[str]:
    """Return *value* as a regular expression; a backslash takes the next character as it is."""
    parts = re.findall(r"\\.|.", value, re.DOTALL)
    meaning = {"*": ".*", "?": "."}
    return re.compile("".join(meaning.get(p, re.escape(p[-1])) for p in parts), re.DOTALL)


def is_exact(value: str) -> bool:
    """Tell whether *value* names one value and not a pattern."""
    return not any(sign in value for sign in "*?\\")


def matching(
    filters: Sequence[Mapping[str, Any]],
    fields: Fields[T],
    tags: Callable[[T], Mapping[str, str]] | None = None,
) -> Callable[[T], bool]:
    """Return the test that *filters* describe.

    Raises:
        Ec2Error: a filter that the call does not know, has no values, or too many of them.
    """
    if sum(len(f.get("Values", ())) for f in filters) > VALUES_PER_REQUEST:
        raise Ec2Error("FilterLimitExceeded", f"A request may have {VALUES_PER_REQUEST} filter values.")
    tests = [_test(f, fields, tags) for f in filters]
    return lambda resource: all(test(resource) for test in tests)


def _test(
    filter_: Mapping[str, Any], fields: Fields[T], tags: Callable[[T], Mapping[str, str]] | None
) -> Callable[[T], bool]:
    name, values = str(filter_.get("Name", "")), filter_.get("Values")
    read = _reader(name, fields, tags)
    if not values:
        raise Ec2Error("InvalidParameterValue", f"The filter '{name}' needs at least one value.")
    exact = {v for v in values if is_exact(v)}
    patterns = [pattern(v) for v in values if not is_exact(v)]
    return lambda resource: any(v in exact or any(p.fullmatch(v) for p in patterns) for v in read(resource))


def _reader(
    name: str, fields: Fields[T], tags: Callable[[T], Mapping[str, str]] | None
) -> Callable[[T], Iterable[str]]:
    if name in fields:
        return fields[name]
    if tags is not None and name == "tag-key":
        return lambda resource: tags(resource).keys()
    if tags is not None and name.startswith("tag:"):
        key = name.removeprefix("tag:")
        return lambda resource: [v for k, v in tags(resource).items() if k == key]
    raise Ec2Error("InvalidParameterValue", f"The filter '{name}' is invalid")
