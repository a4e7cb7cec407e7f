"""PROMISES.md as data."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PROMISES = Path(__file__).parents[3] / "local" / "ec2" / "PROMISES.md"
_ROW = re.compile(
    r"^\| (?P<id>[A-Z]+\d+) \| (?P<text>.+) \| (?P<source>.+) \| (?P<moto>same|differs|-) \| (?P<test>\w+) \|$",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """One row: what is promised, who says so, whether plain moto keeps it, and the test."""

    id: str
    text: str
    source: str
    moto: str
    test: str


@cache
def promises() -> tuple[Promise, ...]:
    """Return every promise, in the order of the page."""
    return tuple(Promise(**row.groupdict()) for row in _ROW.finditer(PROMISES.read_text()))


@cache
def by_test() -> dict[str, Promise]:
    """Return the promise of each test."""
    return {promise.test: promise for promise in promises()}
