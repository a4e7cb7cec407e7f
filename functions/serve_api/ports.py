"""Everything that serve_api touches, in the words of the domain."""
# ruff: noqa: D102  # a port's methods are named in the domain's words

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from railyard.model.instances import Instance
from railyard.model.ledger import Known
from railyard.model.releases import Entry, Line
from railyard.model.requests import Request
from serve_api.calls import Token


class Records(Protocol):
    """What the tables hold; pages come with the token of the next one, empty at the end."""

    def pools(self) -> Known: ...
    def requests(self, ids: Iterable[str]) -> Mapping[str, Request]: ...
    def instances(self, ids: Iterable[str]) -> Mapping[str, Instance]: ...
    def request_page(self, limit: int, token: Token) -> tuple[list[Request], Any]: ...
    def instance_page(self, limit: int, token: Token) -> tuple[list[Instance], Any]: ...


class Lines(Protocol):
    """Release lines, changed over the one that was read (Conflict), and their history, newest first."""

    def read(self, lines: Iterable[str]) -> Mapping[str, Line]: ...
    def all(self) -> Sequence[Line]: ...
    def record(self, line: Line, over: Line, entries: Iterable[Entry] = ()) -> None: ...
    def history(self, line: str, limit: int, token: Token = None) -> tuple[list[Entry], Any]: ...


class Forward(Protocol):
    """A queue, on behalf of *sender*."""

    def __call__(self, body: str, sender: str) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """What a call holds in its hands. *wake* has refresh_amis run, and does not wait."""

    records: Records
    lines: Lines
    requests: Forward
    leases: Forward
    wake: Callable[[], None]
