"""Schedules on the run's clock: EventBridge Scheduler's ``rate``, ``cron`` and ``at``, in UTC.

A rate fires one period after its creation. Cron has Scheduler's six fields (minutes hours day-of-month month
day-of-week year), with ``* ? , - /`` and names; ``L W #`` are refused rather than misread.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

UNITS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
MONTHS = {
    name: n
    for n, name in enumerate(
        ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"], 1
    )
}
DAYS = {name: n for n, name in enumerate(["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"], 1)}
HORIZON = timedelta(days=366 * 5)
"""A cron that names no moment in five years never fires."""

Next = Callable[[datetime], datetime | None]
"""From a moment to the next one after it."""


def parse(expression: str, created: datetime) -> Next:
    """Return when *expression* fires; raises ValueError for what Scheduler would refuse or we do not know."""
    found = re.fullmatch(r"(rate|cron|at)\((.+)\)", expression.strip())
    if not found:
        raise ValueError(f"not a schedule expression: {expression}")
    kind, text = found[1], found[2].strip()
    if kind == "rate":
        return _rate(text, created)
    if kind == "cron":
        return Cron.parse(text).next
    moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return lambda after: moment if moment > after else None


def _rate(text: str, created: datetime) -> Next:
    found = re.fullmatch(r"([1-9]\d*) (minute|hour|day)s?", text)
    if not found:
        raise ValueError(f"not a rate: {text}")
    period = int(found[1]) * UNITS[found[2]]

    def following(after: datetime) -> datetime:
        passed = max(after - created, timedelta()) // period
        return created + (passed + 1) * period

    return following


@dataclass(frozen=True, slots=True, kw_only=True)
class Cron:
    """The values that each field allows."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    years: frozenset[int]

    @classmethod
    def parse(cls, text: str) -> Cron:
        """Read the six fields."""
        fields = text.upper().split()
        if len(fields) != 6 or (fields[2] == "?") == (fields[4] == "?"):
            raise ValueError(f"not a cron expression of six fields with one '?': {text}")
        return cls(
            minutes=_values(fields[0], 0, 59),
            hours=_values(fields[1], 0, 23),
            days=_values(fields[2], 1, 31),
            months=_values(fields[3], 1, 12, MONTHS),
            weekdays=_values(fields[4], 1, 7, DAYS),
            years=_values(fields[5], 1970, 2199),
        )

    def next(self, after: datetime) -> datetime | None:
        """Return the first matching minute after *after*."""
        moment = after.replace(second=0, microsecond=0) + timedelta(minutes=1)
        while moment < after + HORIZON:
            if not self._day(moment):
                moment = moment.replace(hour=0, minute=0) + timedelta(days=1)
            elif moment.hour not in self.hours:
                moment = moment.replace(minute=0) + timedelta(hours=1)
            elif moment.minute not in self.minutes:
                moment += timedelta(minutes=1)
            else:
                return moment
        return None

    def _day(self, moment: datetime) -> bool:
        weekday = moment.isoweekday() % 7 + 1  # Scheduler counts from Sunday = 1
        dated = moment.year in self.years and moment.month in self.months and moment.day in self.days
        return dated and weekday in self.weekdays


def _values(field: str, low: int, high: int, names: dict[str, int] | None = None) -> frozenset[int]:
    values: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, dash, last = span.partition("-")
        if first in ("*", "?"):
            start, end = low, high
        else:
            start = _number(first, names)
            end = _number(last, names) if dash else (high if step else start)
        if not low <= start <= end <= high:
            raise ValueError(f"{field} is outside {low}-{high}")
        values.update(range(start, end + 1, int(step or 1)))
    return frozenset(values)


def _number(text: str, names: dict[str, int] | None) -> int:
    if names and text in names:
        return names[text]
    if not text.isdecimal():
        raise ValueError(f"not a value that is known here: {text}")
    return int(text)


@dataclass(slots=True, kw_only=True)
class Schedule:
    """One schedule and its next moment."""

    name: str
    expression: str
    created: datetime
    fire: Callable[[], None]
    due: datetime | None = None
    _next: Next = field(init=False)

    def __post_init__(self) -> None:
        """Parse the expression: a schedule that cannot fire must not start."""
        self._next = parse(self.expression, self.created)
        self.due = self._next(self.created)

    def run_if_due(self, now: datetime) -> bool:
        """Fire once if a moment has come, however many were missed, as a late poller would."""
        if self.due is None or self.due > now:
            return False
        self.fire()
        self.due = self._next(now)
        return True
