"""Release lines and their history in the table ``releases``: one item a line, one for each entry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from railyard.aws.errors import translated
from railyard.aws.tables.items import decode
from railyard.aws.tables.writes import commit, get_many, put, scan
from railyard.model.releases import Entry, Line
from railyard.model.switches import EVERYWHERE, Stops, Switch, part_of

RECORD = "line"
ENTRIES = "log#"


class Releases:
    """The table ``releases``."""

    def __init__(self, dynamodb: Any, table: str) -> None:
        self._db, self._table = dynamodb, table

    def read(self, lines: Iterable[str]) -> dict[str, Line]:
        """Return the records of those *lines* (at most 100) that have one."""
        return self.look(lines)[0]

    def look(self, lines: Iterable[str]) -> tuple[dict[str, Line], Switch | None]:
        """Return the records of *lines* as ``read`` does, and the switch of publication if somebody touched it."""
        keys = [{"line": line, "version": RECORD} for line in sorted(set(lines))]
        keys.append({"line": EVERYWHERE, "version": part_of(Stops.IMAGES)})
        found: dict[str, Line] = {}
        switch = None
        for item in get_many(self._db, {self._table: keys})[self._table]:
            if item["version"]["S"] == RECORD:
                line = decode(Line, item)
                found[line.line] = line
            else:
                switch = decode(Switch, item)
        return found, switch

    def all(self) -> list[Line]:
        """Return the record of every line."""
        items = scan(self._db, self._table)
        return [decode(Line, item) for item in items if item["version"]["S"] == RECORD]

    def record(self, line: Line, over: Line, entries: Iterable[Entry] = ()) -> None:
        """Write *line* over the record that was read, with *entries*; raises Conflict if somebody was first."""
        head = put(self._table, "line", line, over=over if over.sequence else None)
        commit(self._db, [head, *(put(self._table, "line", each, over=None) for each in entries)])

    def history(
        self, line: str, limit: int, token: Mapping[str, Any] | None = None
    ) -> tuple[list[Entry], Any]:
        """Return a page of the history of *line*, newest first, and the token of the next page."""
        more = {"ExclusiveStartKey": token} if token else {}
        with translated("Query"):
            page = self._db.query(
                TableName=self._table,
                KeyConditionExpression="#line = :line AND begins_with(version, :entries)",
                ExpressionAttributeNames={"#line": "line"},
                ExpressionAttributeValues={":line": {"S": line}, ":entries": {"S": ENTRIES}},
                ScanIndexForward=False,
                ConsistentRead=True,
                Limit=limit,
                **more,
            )
        return [decode(Entry, item) for item in page["Items"]], page.get("LastEvaluatedKey")
