"""What answers look like, for whoever reads the API's description; the API itself writes them without these.

Fields may come that are not told here, none goes away. ``tests/contracts`` hold what is answered against them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Generic, TypeVar

from msgspec import UNSET, Struct, UnsetType

from railyard.model.ami_sets import Follow, SetImage, Status
from railyard.model.releases import Placed, What
from railyard.model.requests import Need, RequestState, Share
from railyard.model.switches import Stops
from railyard.wire.ami_sets import TracksDocument
from railyard.wire.pools import PoolDocument

T = TypeVar("T")


class Shape(Struct, frozen=True, kw_only=True):
    """A part of an answer."""


class Page(Shape, Generic[T], frozen=True, kw_only=True):
    """A page of a list; without a *next_token* the last one."""

    items: tuple[T, ...]
    next_token: str | None


class Defect(Shape, frozen=True, kw_only=True):
    """One thing that is wrong with a document."""

    path: str
    message: str


class Error(Shape, frozen=True, kw_only=True):
    """What went wrong: *path* is the field, the header or ``path``; *defects* are all of them where there are many."""

    code: str
    message: str
    path: str | None
    defects: tuple[Defect, ...] | UnsetType = UNSET


class JudgedImage(Shape, frozen=True, kw_only=True):
    """An image and what EC2 has against it."""

    region: str
    architecture: str
    virtualization: str
    image_id: str
    reasons: tuple[str, ...]


class Failure(Shape, frozen=True, kw_only=True):
    """The answer to what was not done; *images* are those that were bad."""

    error: Error
    images: tuple[JudgedImage, ...] | UnsetType = UNSET


class Denied(Shape, frozen=True, kw_only=True):
    """API Gateway's own answer, before anything of Railyard has run."""

    message: str | None


class Forwarded(Shape, frozen=True, kw_only=True):
    """A message is in its queue; what comes of it is told as an answer to the request."""

    request_id: Any
    message_id: str


class LineSummary(Shape, frozen=True, kw_only=True):
    """A release line, in short."""

    version: str | None
    regions: int
    source: str | None
    signature: str | None
    withdrawn: tuple[str, ...]
    behind: tuple[str, ...]
    pinned: str | None
    candidate: str | None
    held: str | None


class TurnedSwitch(Shape, frozen=True, kw_only=True):
    """A switch; one that nobody has touched has no *by*. The *pool* ``*`` is all of them."""

    stops: Stops
    pool: str
    on: bool
    by: str | UnsetType = UNSET
    at: datetime | UnsetType = UNSET
    reason: str | UnsetType = UNSET


class StatusOfAll(Shape, frozen=True, kw_only=True):
    """What there is, and what of it is in use or off."""

    at: datetime
    images: dict[str, LineSummary]
    pools: dict[str, dict[str, float]]
    switched_off: tuple[TurnedSwitch, ...]


class Obstacle(Shape, frozen=True, kw_only=True):
    """What stands in the way of a request."""

    code: str
    message: str
    path: str | None
    tried: tuple[str, ...]


class RequestShown(Shape, frozen=True, kw_only=True):
    """A request and what has become of it; *answer* is what its requester was told."""

    request_id: str
    state: RequestState
    epoch: int
    requester: str
    reply_to: str | None
    pool: str
    need: Need
    count: int
    minimum_count: int
    market: str
    sharing: str
    lease_seconds: int
    labels: dict[str, str]
    parameters: dict[str, str]
    warnings: tuple[str, ...]
    since: datetime
    deadline: datetime | None
    lease_until: datetime | None
    shares: tuple[Share, ...]
    obstacle: Obstacle | None
    answer: dict[str, Any] | None


class ReleaseLine(Shape, frozen=True, kw_only=True):
    """A release line; *images* are what each region launches."""

    line: str
    channel: str
    architecture: str
    generation: int
    release: str | None
    source: str | None
    signature: str | None
    signer: str | None
    channel_of_origin: str | None
    released_at: datetime | None
    remaining_life_days: int | None
    previous: str | None
    candidate: dict[str, Any] | None
    pin: dict[str, Any] | None
    hold: dict[str, Any] | None
    feed: dict[str, Any] | None
    publishing: dict[str, Any] | None
    images: dict[str, Placed]
    warnings: tuple[str, ...] | UnsetType = UNSET


class LineEntry(Shape, frozen=True, kw_only=True):
    """An entry in the history of a release line."""

    id: str
    line: str
    at: datetime
    by: str
    what: What
    release: str
    detail: str
    images: dict[str, str]


class SetSummary(Shape, frozen=True, kw_only=True):
    """An AMI set, in short."""

    id: str
    version: int
    status: Status
    tracks: TracksDocument | None
    deployed: dict[str, int]


class AmiSetShown(SetSummary, frozen=True, kw_only=True):
    """An AMI set at its latest version; *deployed* are pools and the versions that they launch."""

    description: str
    images: tuple[SetImage, ...]
    last_good: int | None
    reasons: dict[str, tuple[str, ...]]
    checked_at: datetime | None
    changed_at: datetime | None


class SetVersion(Shape, frozen=True, kw_only=True):
    """A version of an AMI set, which never changes."""

    id: str
    version: int
    description: str
    tracks: TracksDocument | None
    images: tuple[SetImage, ...]
    hash: str
    made_at: datetime
    by: str


class JudgedVersion(Shape, frozen=True, kw_only=True):
    """A version with what EC2 has against each image."""

    version: int
    status: Status
    checked_at: datetime | None
    valid_since: datetime | None
    pools: tuple[str, ...]
    images: tuple[JudgedImage, ...]


class Validation(Shape, frozen=True, kw_only=True):
    """The latest version and those that pools launch, newest first."""

    id: str
    version: int
    status: Status
    versions: tuple[JudgedVersion, ...]
    unanswered_regions: tuple[str, ...] | UnsetType = UNSET


class Translation(Shape, frozen=True, kw_only=True):
    """The image that a launch takes."""

    id: str
    version: int
    image_id: str
    region: str
    architecture: str
    virtualization: str


class Deployed(Shape, frozen=True, kw_only=True):
    """What a pool launches, by architecture; *defects* are what EC2 has found against it since."""

    version: int
    ami_set: str
    pool: str
    follow: Follow
    images: dict[str, str]
    defects: dict[str, tuple[str, ...]]
    by: str
    at: datetime
    checked_at: datetime


class PoolShown(PoolDocument, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """A pool as it was written, and what is deployed to it and in use of it."""

    name: str
    generation: int
    managed: str
    deployment: Deployed | None
    in_use: dict[str, float]
    warnings: tuple[str, ...] = ()
