"""What handlers asked of AWS."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass

KEPT_CALLS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One AWS call by a handler; *error* is the code of a refusal."""

    n: int
    at: str
    service: str
    operation: str
    function: str
    error: str | None = None


class Calls:
    """The log; the number of the first call is 1."""

    def __init__(self) -> None:
        self._calls: deque[Call] = deque(maxlen=KEPT_CALLS)
        self._lock = threading.Lock()
        self._count = 0

    def add(self, at: str, service: str, operation: str, function: str, error: str | None) -> None:
        """Append a call."""
        with self._lock:
            self._count += 1
            call = Call(
                n=self._count, at=at, service=service, operation=operation, function=function, error=error
            )
            self._calls.append(call)

    def since(self, n: int = 0) -> list[Call]:
        """Return the calls after number *n*, oldest first."""
        with self._lock:
            return [call for call in self._calls if call.n > n]
