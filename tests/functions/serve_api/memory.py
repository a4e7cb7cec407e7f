"""Release lines in memory, as strict as the table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from railyard.errors import Conflict
from railyard.model.releases import Candidate, Entry, Line, Pin, Release, What, entry
from tests.builders import NOW


def a_release(version: str = "4593.2.5", **changes: Any) -> Release:
    fields: dict[str, Any] = {
        "images": {"us-east-1": f"ami-{version}"},
        "source": "feed",
        "channel": "stable",
        "signature": "verified",
        "found_at": NOW,
    }
    return Release(release=version, **fields | changes)


def a_line(
    version: str = "4593.2.5", *, previous: str = "", pinned: str = "", tried: str = "", **changes: Any
) -> Line:
    """Return a line at sequence 7 that has *version* in force, if any."""
    fields: dict[str, Any] = {
        "line": "stable#amd64",
        "sequence": 7,
        "current": a_release(version) if version else None,
        "previous": a_release(previous) if previous else None,
        "pin": Pin(release=a_release(pinned), by="arn:ann", at=NOW) if pinned else None,
        "candidate": Candidate(release=a_release(tried), since=NOW) if tried else None,
    }
    return Line(**fields | changes)


def a_publication(version: str, sequence: int, **changes: Any) -> Entry:
    """Return the entry that refresh_amis wrote when it published *version*."""
    line = a_line(version, sequence=sequence)
    said = entry(line, What.PUBLISHED, version, by="refresh_amis", now=NOW)
    return replace(said, published=a_release(version, **changes))


class MemoryLines:
    """Lines and history: a write is conditioned on what was read. Of *races* one happens before each write."""

    def __init__(self, *lines: Line, entries: Iterable[Entry] = ()) -> None:
        self.stored = {line.line: line for line in lines}
        self.entries = {(each.line, each.version): each for each in entries}
        self.races: list[Callable[[], object]] = []
        self.pages = 0

    def read(self, lines: Iterable[str]) -> dict[str, Line]:
        return {name: self.stored[name] for name in lines if name in self.stored}

    def all(self) -> list[Line]:
        return list(reversed(self.stored.values()))

    def record(self, line: Line, over: Line, entries: Iterable[Entry] = ()) -> None:
        if self.races:
            self.races.pop(0)()
        there = self.stored.get(line.line)
        new = {(each.line, each.version): each for each in entries}
        if there is None or there.sequence != over.sequence or new.keys() & self.entries.keys():
            raise Conflict(f"{line.line} is not as it was read")
        if line.sequence != over.sequence + 1:
            raise ValueError(f"{line.line} does not get the next sequence")
        self.stored[line.line] = line
        self.entries |= new

    def history(
        self, line: str, limit: int, token: Mapping[str, Any] | None = None
    ) -> tuple[list[Entry], Any]:
        self.pages += 1
        after = None
        if token is not None:
            if token.keys() != {"line", "version"} or token["line"] != {"S": line}:
                raise ValueError(f"DynamoDB: the starting key is outside of the query: {token}")
            after = token["version"]["S"]
        keys = sorted((version for of, version in self.entries if of == line), reverse=True)
        left = [key for key in keys if after is None or key < after]
        following = {"line": {"S": line}, "version": {"S": left[limit - 1]}} if len(left) > limit else None
        return [self.entries[line, key] for key in left[:limit]], following
