"""The run's clock: real time plus an offset that workers share through eight mapped bytes.

SigV4 dates and Runtime API deadlines never read it. Workers map the same file (``bootstrap.py``), so a jump
reaches a handler that is already running.
"""

from __future__ import annotations

import mmap
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path

OFFSET = struct.Struct("<d")
"""Seconds to add to real time: one little-endian double, written whole."""


class Clock:
    """Real time plus an offset that only grows."""

    def __init__(self, path: Path, *, virtual: bool = False) -> None:
        path.write_bytes(OFFSET.pack(0.0))
        self.path = path
        self.virtual = virtual
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), OFFSET.size)

    @property
    def offset(self) -> timedelta:
        """How far this clock is ahead of real time."""
        return timedelta(seconds=OFFSET.unpack(self._map[:])[0])

    def now(self) -> datetime:
        """Return the present moment of the run, in UTC."""
        return datetime.now(UTC) + self.offset

    def reach(self, moment: datetime) -> None:
        """Move forward to *moment*; a moment that has passed changes nothing."""
        ahead = (moment - self.now()).total_seconds()
        if ahead > 0:
            self._map[:] = OFFSET.pack(self.offset.total_seconds() + ahead)
