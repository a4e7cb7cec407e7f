"""Registered requesters. The table is small and changes with deployments: read whole, remembered for a minute."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from railyard.aws.tables.items import decode
from railyard.aws.tables.writes import scan
from railyard.model.pools import Requester

MEMORY = timedelta(seconds=60)


class Requesters:
    """Who may ask, and where answers go."""

    def __init__(self, dynamodb: Any, table: str) -> None:
        self._db, self._table = dynamodb, table
        self._held: tuple[Requester, ...] = ()
        self._until: datetime | None = None

    def all(self, now: datetime) -> tuple[Requester, ...]:
        """Return every requester, at most a minute old."""
        if self._until is None or now >= self._until:
            self._held = tuple(decode(Requester, item) for item in scan(self._db, self._table))
            self._until = now + MEMORY
        return self._held
