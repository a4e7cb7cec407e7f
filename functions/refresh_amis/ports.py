"""Everything that refresh_amis touches, in the words of the domain."""
# ruff: noqa: D102  # a port's methods are named in the domain's words

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from railyard.errors import RailyardError
from railyard.flatcar.claims import Claim
from railyard.flatcar.sources import Place
from railyard.model.ami_sets import AmiSet, Version
from railyard.model.copies import Copy, CopyOrder
from railyard.model.images import Image
from railyard.model.releases import Candidate, Entry, Line
from railyard.model.switches import Switch
from refresh_amis.plan.trying import Trial


class Feeds(Protocol):
    """Where releases are claimed; None for a first place that still has *etag*, RailyardError with the reason."""

    def first(self, places: Iterable[Place], architecture: str, etag: str = "") -> Claim | None: ...


class Images(Protocol):
    """What EC2 shows of images, by region; the regions that this account has enabled; whether an image launches."""

    def enabled_regions(self, home: str) -> frozenset[str]: ...
    def everywhere(
        self, ids: Mapping[str, Sequence[str]]
    ) -> Mapping[str, Mapping[str, Image] | RailyardError]: ...
    def newest_everywhere(
        self, regions: Iterable[str], *, owner: str, name: str, architecture: str
    ) -> Mapping[str, Image | RailyardError | None]: ...
    def refusal(self, region: str, image_id: str, architecture: str) -> str: ...


class Copies(Protocol):
    """The account's own copies, by region; what was refused, by an order's key or a copy's id."""

    def everywhere(self, regions: Iterable[str]) -> Mapping[str, Sequence[Copy] | RailyardError]: ...
    def make(self, orders: Iterable[CopyOrder]) -> Mapping[str, RailyardError]: ...
    def take_away(self, copies: Iterable[Copy]) -> Mapping[str, RailyardError]: ...


class Parameters(Protocol):
    """SSM parameters by region; what comes back of ``publish`` is what can be read afterwards."""

    def everywhere(
        self, names: Mapping[str, Sequence[str]]
    ) -> Mapping[str, Mapping[str, str] | RailyardError]: ...
    def publish(
        self, values: Mapping[str, Mapping[str, str]], images: frozenset[str]
    ) -> Mapping[str, Mapping[str, str] | RailyardError]: ...


class Lines(Protocol):
    """The record of each line, changed over the one that was read, with what its history says (Conflict).

    ``look`` also tells of the switch that stops publication.
    """

    def look(self, lines: Iterable[str]) -> tuple[Mapping[str, Line], Switch | None]: ...
    def read(self, lines: Iterable[str]) -> Mapping[str, Line]: ...
    def all(self) -> Iterable[Line]: ...
    def record(self, line: Line, over: Line, entries: Iterable[Entry] = ()) -> None: ...


class AmiSets(Protocol):
    """The AMI sets, and those of their versions that exist."""

    def all(self) -> Iterable[AmiSet]: ...
    def versions(self, wanted: Iterable[tuple[str, int]]) -> Mapping[tuple[str, int], Version]: ...


class Canary(Protocol):
    """Requests for machines in the canary pool, by their ids."""

    def look(self, request_ids: Iterable[str]) -> Mapping[str, Trial]: ...
    def ask(self, line: Line, candidate: Candidate) -> None: ...
    def cancel(self, request_ids: Iterable[str]) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """What a run holds in its hands."""

    feeds: Feeds
    images: Images
    copies: Copies
    parameters: Parameters
    lines: Lines
    ami_sets: AmiSets
    canary: Canary
