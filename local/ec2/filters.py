"""EC2's ``Filters``: several filters are AND, the values of one are OR, ``*`` and ``?`` are wildcards.

Filters read what is shown. A describe call lists the names that it knows with where each is read; any other
name is refused, as EC2 does. ``tag:<key>`` and ``tag-key`` are read from the tags that show.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache, lru_cache
from typing import Any

from local.ec2.errors import Ec2Error

Shown = Mapping[str, Any]
Path = tuple[str, ...]

TIME = "%Y-%m-%dT%H:%M:%S.000Z"
VALUES_PER_REQUEST = 200
"""EC2 refuses more filter values in one request. Source: EC2 user guide, "Filter your resources"."""


@cache
def paths(words: str) -> Mapping[str, Path]:
    """Return where each filter is read: ``status=State`` from State, ``volume-id`` alone from VolumeId."""
    pairs = (word.partition("=") for word in words.split())
    return {name: tuple((path or name.title().replace("-", "")).split(".")) for name, _, path in pairs}


def values(shown: Any, path: Path) -> Iterator[str]:
    """Yield everything that stands at *path*, as filters compare it; lists are looked through."""
    if isinstance(shown, list | tuple):
        for one in shown:
            yield from values(one, path)
    elif path:
        if path[0] in shown:
            yield from values(shown[path[0]], path[1:])
    elif isinstance(shown, bool):
        yield str(shown).lower()
    elif shown is not None:
        yield shown.strftime(TIME) if isinstance(shown, datetime) else str(shown)


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
    filters: Sequence[Mapping[str, Any]], known: Mapping[str, Path], *, tagged: bool = False
) -> Callable[[Shown], bool]:
    """Return the test that *filters* describe.

    Raises:
        Ec2Error: a filter that the call does not know, has no values, or too many of them.
    """
    if sum(len(f.get("Values", ())) for f in filters) > VALUES_PER_REQUEST:
        raise Ec2Error("FilterLimitExceeded", f"A request may have {VALUES_PER_REQUEST} filter values.")
    tests = [_test(f, known, tagged=tagged) for f in filters]
    return lambda shown: all(test(shown) for test in tests)


def _test(filter_: Mapping[str, Any], known: Mapping[str, Path], *, tagged: bool) -> Callable[[Shown], bool]:
    name, wanted = str(filter_.get("Name", "")), filter_.get("Values")
    read = _reader(name, known, tagged=tagged)
    if not wanted:
        raise Ec2Error("InvalidParameterValue", f"The filter '{name}' needs at least one value.")
    exact = {v for v in wanted if is_exact(v)}
    patterns = [pattern(v) for v in wanted if not is_exact(v)]
    return lambda shown: any(v in exact or any(p.fullmatch(v) for p in patterns) for v in read(shown))


def _reader(name: str, known: Mapping[str, Path], *, tagged: bool) -> Callable[[Shown], Iterable[str]]:
    if name in known:
        return lambda shown: values(shown, known[name])
    if tagged and name == "tag-key":
        return lambda shown: [tag["Key"] for tag in _tags(shown)]
    if tagged and name.startswith("tag:"):
        key = name.removeprefix("tag:")
        return lambda shown: [tag["Value"] for tag in _tags(shown) if tag["Key"] == key]
    raise Ec2Error("InvalidParameterValue", f"The filter '{name}' is invalid")


def _tags(shown: Shown) -> Sequence[Mapping[str, str]]:
    """Return the tags that are shown of something; DescribeTags shows a tag itself."""
    tags: Sequence[Mapping[str, str]] = shown.get("Tags", shown.get("TagSet", [shown]))
    return tags
