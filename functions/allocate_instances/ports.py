"""Everything that allocate_instances touches, in the words of the domain."""
# ruff: noqa: D102  # a port's methods are named in the domain's words

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from railyard.model.ami_sets import Deployment
from railyard.model.catalogue import Catalogue
from railyard.model.fleets import FleetAnswer
from railyard.model.instances import Instance, Sighting
from railyard.model.launches import Launch
from railyard.model.ledger import Commit, Known
from railyard.model.pools import Pool, Requester
from railyard.model.requests import Request


class Ledger(Protocol):
    """The records, read consistently and changed by whole commits (Conflict, LimitExceeded)."""

    def look(self, requests: Iterable[str], pools: Iterable[str]) -> Known: ...
    def requests(self, ids: Iterable[str]) -> Mapping[str, Request]: ...
    def launches(self, ids: Iterable[str]) -> Mapping[str, Launch]: ...
    def waiting(self, pool: str) -> list[Request]: ...
    def roomy(self, pool: str, architecture: str, vcpus: int) -> list[Instance]: ...
    def commit(self, change: Commit, limits: Mapping[tuple[str, str], int] | None = None) -> None: ...


class Fleets(Protocol):
    """CreateFleet, and the launch templates that it names."""

    def launch(self, launch: Launch) -> FleetAnswer: ...
    def template(self, pool: Pool) -> str: ...
    def forget(self, template: str) -> None: ...


class Machines(Protocol):
    """EC2's listing."""

    def of_launch(self, launch_id: str) -> Sequence[Sighting]: ...


class Waking(Protocol):
    """The queue of pointers to ourselves."""

    def send(self, pointers: Iterable[Mapping[str, Any]], *, delay_seconds: int) -> None: ...


class Supplies(Protocol):
    """What launches are made of: the catalogue, and the images that pools launch."""

    def catalogue(self, now: datetime) -> Catalogue | None: ...
    def images(
        self, pools: Collection[Pool], deployments: Mapping[str, Deployment], now: datetime
    ) -> Mapping[str, Mapping[str, str]]: ...
    def forget_images(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """What a run holds in its hands. *time_left* is what Lambda still gives this invocation."""

    ledger: Ledger
    fleets: Fleets
    machines: Machines
    waking: Waking
    supplies: Supplies
    requesters: Callable[[], tuple[Requester, ...]]
    clock: Callable[[], datetime]
    time_left: Callable[[], timedelta]
