"""What handlers asked of AWS, and the faults that they were given.

A fault matches a service and an operation a number of times. ``error`` is an AWS error code, or

``LostResponse``       the call takes effect and the connection closes without an answer
``KillWorkerBefore``   the worker process that calls dies, the call has no effect
``KillWorkerAfter``    the call takes effect, then the worker dies
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass

LOST_RESPONSE, KILL_BEFORE, KILL_AFTER = "LostResponse", "KillWorkerBefore", "KillWorkerAfter"
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


@dataclass(slots=True, kw_only=True)
class Fault:
    """An error for the next *times* calls by handlers of an operation (``*`` for any) of *service*."""

    service: str
    operation: str
    error: str
    times: int = 1
    function: str | None = None


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


class Faults:
    """The faults still to be given, oldest first."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> None:
        """Plan a fault."""
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        """Forget what is planned."""
        with self._lock:
            self._faults.clear()

    def pending(self) -> list[Fault]:
        """Return what is planned."""
        with self._lock:
            return list(self._faults)

    def take(self, service: str, operation: str, function: str) -> str | None:
        """Return the error that this call is to meet, and count it."""
        with self._lock:
            for fault in self._faults:
                wanted = fault.operation in ("*", operation) and fault.service == service
                if wanted and fault.function in (None, function):
                    fault.times -= 1
                    if fault.times <= 0:
                        self._faults.remove(fault)
                    return fault.error
        return None
