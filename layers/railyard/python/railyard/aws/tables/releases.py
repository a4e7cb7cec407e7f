"""The published release of each line (``channel#architecture``)."""

from __future__ import annotations

from typing import Any

from railyard.aws.tables.items import decode
from railyard.aws.tables.writes import commit, get_many, put, scan
from railyard.model.images import Release

CURRENT = "current"


class Releases:
    """The table ``releases``."""

    def __init__(self, dynamodb: Any, table: str) -> None:
        self._db, self._table = dynamodb, table

    def current(self, line: str) -> Release | None:
        """Return the published release of *line*."""
        items = get_many(self._db, {self._table: [{"line": line, "version": CURRENT}]})[self._table]
        return decode(Release, items[0]) if items else None

    def all(self) -> list[Release]:
        """Return the published release of every line."""
        return [
            decode(Release, item) for item in scan(self._db, self._table) if item["version"]["S"] == CURRENT
        ]

    def record(self, release: Release, seen: Release | None) -> None:
        """Make *release* current over *seen*; raises Conflict if another publisher was first."""
        commit(self._db, [put(self._table, "line", release, over=seen)])
