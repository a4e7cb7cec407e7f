"""Faults for the AWS calls of handlers.

A fault matches calls of a service's operation: the next ``times`` of them, or each with a ``probability`` from the
world's seed. ``error`` is an AWS error code, or

``LostResponse``         the call takes effect and the connection closes without an answer
``LateEffect``           the connection closes without an answer, and the effect comes ``seconds`` later
``StaleRead``            the answer is as of the moment when the fault was planned (reads that AWS lets be stale)
``Latency``              the answer comes ``seconds`` late
``TransactionConflict``  DynamoDB's answer to a write that met another one
``KillWorkerBefore``     the worker process that calls dies, the call has no effect
``KillWorkerAfter``      the call takes effect, then the worker dies
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

LOST_RESPONSE, LATE_EFFECT, STALE_READ, LATENCY = "LostResponse", "LateEffect", "StaleRead", "Latency"
TRANSACTION_CONFLICT = "TransactionConflict"
KILL_BEFORE, KILL_AFTER = "KillWorkerBefore", "KillWorkerAfter"
TIMED = (LATE_EFFECT, LATENCY)


@dataclass(slots=True, kw_only=True)
class Fault:
    """An error for calls by handlers of an operation (``*`` for any) of *service*.

    The next *times* calls that it hits meet it; ``None`` has no end. *probability* is the chance of each call to be
    hit. *seconds* belongs to ``LateEffect`` and ``Latency``. *before* is what a stale read sees.
    """

    service: str
    operation: str
    error: str
    times: int | None = 1
    function: str | None = None
    probability: float = 1.0
    seconds: float = 0.0
    before: Any = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse a fault that could never hit, or says what its kind does not know."""
        if not 0 < self.probability <= 1:
            raise ValueError(f"probability is above 0 and at most 1, not {self.probability}")
        if self.times is not None and self.times < 1:
            raise ValueError(f"times is at least 1, or null for no end, not {self.times}")
        if (self.seconds > 0) != (self.error in TIMED):
            raise ValueError(f"seconds belongs to {' and '.join(TIMED)}, which need it")

    def matches(self, service: str, operation: str, function: str, *, may_be_stale: bool) -> bool:
        """Say whether a call is one that this fault is for."""
        wanted = self.service == service and self.operation in ("*", operation)
        return wanted and self.function in (None, function) and (may_be_stale or self.error != STALE_READ)


class Faults:
    """The faults still to be given, oldest first. *present* is what a stale read of a service will see."""

    def __init__(self, seed: int = 0, present: Callable[[str], Any] = lambda _: None) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        self._dice = Random(f"faults {seed}")
        self._present = present

    def add(self, fault: Fault) -> None:
        """Plan a fault; raises ValueError for a stale read of a service that has none."""
        if fault.error == STALE_READ:
            fault.before = self._present(fault.service)
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

    def take(
        self, service: str, operation: str, function: str, *, may_be_stale: bool = False
    ) -> Fault | None:
        """Return the fault that this call is to meet, and count it."""
        with self._lock:
            for fault in self._faults:
                if not fault.matches(service, operation, function, may_be_stale=may_be_stale):
                    continue
                if fault.probability < 1 and self._dice.random() >= fault.probability:
                    continue
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times <= 0:
                        self._faults.remove(fault)
                return fault
        return None
