"""What is due when: a heap of effects, so that a call costs nothing while nothing is due.

An effect gets the moment that it was due, not the moment somebody looked: a clock that jumps an hour still
produces events with the times, and in the order, in which EC2 would have sent them.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count

Effect = Callable[[datetime], None]


class Agenda:
    """Effects in order of time, and of arrival among equals."""

    def __init__(self) -> None:
        self._heap: list[tuple[datetime, int, Effect]] = []
        self._arrival = count()
        self.now = datetime.min.replace(tzinfo=UTC)
        """The moment that is being lived through: of the effect under way, or of the last look."""

    def at(self, when: datetime, effect: Effect) -> None:
        """Run *effect* once *when* has come."""
        heapq.heappush(self._heap, (when, next(self._arrival), effect))

    def run(self, now: datetime) -> None:
        """Apply every effect due by *now*, including those that an effect adds."""
        while self._heap and self._heap[0][0] <= now:
            self.now, _, effect = heapq.heappop(self._heap)
            effect(self.now)
        self.now = now

    def next_due(self) -> datetime | None:
        """Return when the next effect is due, if any is."""
        return self._heap[0][0] if self._heap else None
