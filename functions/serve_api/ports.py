"""Everything that serve_api touches, in the words of the domain."""
# ruff: noqa: D102  # a port's methods are named in the domain's words

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from railyard.errors import RailyardError
from railyard.model.ami_sets import AmiSet, Audit, Change, Deployment, Version
from railyard.model.images import Image
from railyard.model.instances import Instance
from railyard.model.ledger import Known
from railyard.model.releases import Entry, Line
from railyard.model.requests import Request
from serve_api import requesters
from serve_api.calls import Token
from serve_api.pools import PoolPorts, Rules
from serve_api.switches import Switches


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


class Sets(Protocol):
    """AMI sets, changed over what was read (Conflict); versions and history stay when a set is removed."""

    def head(self, name: str) -> AmiSet: ...
    def all(self) -> Sequence[AmiSet]: ...
    def versions(self, wanted: Iterable[tuple[str, int]]) -> Mapping[tuple[str, int], Version]: ...
    def deployments(self, pools: Iterable[str]) -> Mapping[str, Deployment]: ...
    def history(self, name: str, limit: int, token: Token = None) -> tuple[list[Audit], Any]: ...
    def commit(self, change: Change) -> None: ...
    def check(
        self, before: AmiSet, after: AmiSet, deployments: Iterable[tuple[Deployment, Deployment]]
    ) -> None: ...


class Images(Protocol):
    """What EC2 shows of images, by region; the regions that this account has enabled."""

    def enabled_regions(self, home: str) -> frozenset[str]: ...
    def everywhere(
        self, ids: Mapping[str, Sequence[str]]
    ) -> Mapping[str, Mapping[str, Image] | RailyardError]: ...


class Forward(Protocol):
    """A queue, on behalf of *sender*."""

    def __call__(self, body: str, sender: str) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """What a call holds in its hands. *home* is the stack's region; *wake* has refresh_amis run, and does not wait."""

    records: Records
    lines: Lines
    sets: Sets
    images: Images
    home: str
    requests: Forward
    leases: Forward
    wake: Callable[[], None]
    pools: PoolPorts
    rules: Rules
    requesters: requesters.Records
    reply_queues: tuple[str, ...]
    switches: Switches
