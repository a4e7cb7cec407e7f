"""The same question in many regions at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from railyard.errors import RailyardError

A = TypeVar("A")
B = TypeVar("B")
AT_ONCE = 8


def in_each(questions: Mapping[str, A], ask: Callable[[str, A], B]) -> dict[str, B | RailyardError]:
    """Ask in each region of *questions*; return the answers, or the error of a region that gave none."""

    def one(region: str) -> B | RailyardError:
        try:
            return ask(region, questions[region])
        except RailyardError as error:
            return error

    regions = sorted(questions)
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        return dict(zip(regions, pool.map(one, regions), strict=True))
