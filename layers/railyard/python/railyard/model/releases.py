"""Release lines: what a channel has published for an architecture, what it tries, and what people told it to keep.

One record a line (``channel#architecture``), written only over the one that was read; each change that somebody may ask
about adds an entry to the line's history, in the same transaction. Only refresh_amis publishes: people pin, unpin, roll
back and dismiss by changing the record, and the next refresh carries it out.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from railyard.errors import Conflict
from railyard.model.images import ordered

LIFE = timedelta(days=274)
"""How long Flatcar keeps an image public: nine months. Source: Flatcar's documentation, "Running on AWS EC2"."""


class Mark(StrEnum):
    """Why a region holds the image that it holds."""

    RELEASE = "release"
    WITHDRAWN = "withdrawn"
    """The release in force does not name the region, which keeps its last image."""
    BEHIND = "behind"
    """The release's image is not sound there and may wait; the region keeps its last image, if it has one."""
    OVERRIDE = "override"
    """The operator's own."""


class Why(StrEnum):
    """Why a line is held: its last good release stays."""

    FEED = "feed"
    """No source gave anything; the detail says what each said."""
    OLDER = "older"
    DEFECTIVE = "defective"
    UNPUBLISHED = "unpublished"
    """SSM took the values and did not show them."""
    CANARY = "canary"
    """The release did not live through its trial."""
    PIN = "pin"
    """The release that people asked for is not sound any more."""
    OVERRIDE = "override"
    """An image that the operator put in a region's place is not sound."""
    COPYING = "copying"
    """The account's own copies are not there yet."""


class What(StrEnum):
    """What an entry of a line's history tells."""

    PUBLISHED = "published"
    CANDIDATE = "candidate"
    REJECTED = "rejected"
    PINNED = "pinned"
    UNPINNED = "unpinned"
    ROLLED_BACK = "rolled_back"
    DISMISSED = "dismissed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A release that a source claimed and EC2 confirmed: a sound image in each region of *images*.

    *channel* is its channel of origin, *owner* the account that publishes it, empty for anybody. *behind* are regions
    whose image is not sound and may wait. *created_at* is when its oldest image was made, RFC 3339, empty if EC2 did
    not say.
    """

    release: str
    images: dict[str, str]
    source: str
    channel: str
    owner: str = ""
    url: str = ""
    signature: str
    signer: str = ""
    found_at: datetime
    created_at: str = ""
    behind: tuple[str, ...] = ()
    copied_from: dict[str, str] = field(default_factory=dict)
    """The public image of each region, where *images* are the account's own copies."""

    @property
    def content(self) -> tuple[object, ...]:
        """What makes it another release to its users; when and where it was read does not."""
        return self.release, self.images, self.channel, self.signature, self.signer, self.behind

    def remaining(self, now: datetime) -> timedelta | None:
        """Return how long its images will still be public; None if nobody knows, or nobody can take them back."""
        if self.copied_from or not self.created_at:
            return None
        return datetime.fromisoformat(self.created_at) + LIFE - now


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """What the parameters of a region hold: an image, its version (none of an override), where it came from."""

    image: str
    release: str
    source: str = ""
    mark: Mark = Mark.RELEASE


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A release on trial in the canary pool. *lost* counts machines that died on it, *failed* says why it ended."""

    release: Release
    since: datetime
    attempt: int = 1
    lost: int = 0
    failed: str = ""

    def request_id(self, line: str) -> str:
        """Return the id of the request for its machine: another one for each attempt."""
        about = (line.replace("#", ":"), self.release.release, str(int(self.since.timestamp())))
        return ":".join(("canary", *about, str(self.attempt)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """The release that people told the line to keep, and their word for it."""

    release: Release
    by: str
    at: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Publishing:
    """A publication that has begun, or is due: what SSM holds may not be what the record says.

    Until *until* somebody may be at it; then the next refresh sees to it.
    """

    release: str
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """The file that was read last. *settled* says that as long as it has *etag* there is nothing to do.

    *created_at* is when the oldest of its images was made, RFC 3339, empty if EC2 did not say; *skipped* are regions
    that it names and that are not enabled in this account.
    """

    url: str
    etag: str
    release: str
    created_at: str = ""
    looked_at: datetime
    settled: bool
    skipped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Why the line does not follow its feed. *regions* gives the defects of each bad image."""

    why: Why
    detail: str
    regions: dict[str, tuple[str, ...]] = field(default_factory=dict)
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """The record of a line."""

    line: str
    version: str = "line"
    schema: int = 1
    sequence: int = 0
    current: Release | None = None
    previous: Release | None = None
    placed: dict[str, Placed] = field(default_factory=dict)
    candidate: Candidate | None = None
    pin: Pin | None = None
    publishing: Publishing | None = None
    feed: Feed | None = None
    hold: Hold | None = None
    tries: bool = False
    """Whether its releases go through the canary pool, which then has a parameter of its own."""
    ending: tuple[str, ...] = ()
    """Requests of trials that are over; the next refresh cancels them."""

    @property
    def channel(self) -> str:
        """The channel of the line."""
        return self.line.partition("#")[0]

    @property
    def architecture(self) -> str:
        """The architecture of the line."""
        return self.line.partition("#")[2]

    @property
    def trial(self) -> str:
        """The id of the request for the candidate's machine; empty if nothing is tried."""
        going = self.candidate and not self.candidate.failed
        return self.candidate.request_id(self.line) if going and self.candidate else ""

    @property
    def release(self) -> str:
        """The version in force, empty before the first."""
        return self.current.release if self.current else ""

    @property
    def named(self) -> frozenset[str]:
        """Every image that the record names, in any region."""
        held = (each.release for each in (self.candidate, self.pin) if each)
        releases = [each for each in (self.current, self.previous, *held) if each]
        images = {image for each in releases for image in each.images.values()}
        return frozenset(images | {each.image for each in self.placed.values()})

    def marked(self, mark: Mark) -> dict[str, str]:
        """Return the version of the image of each region that holds it for the reason *mark*."""
        return {region: each.release for region, each in self.placed.items() if each.mark is mark}

    def without_candidate(self) -> Line:
        """Return it with its trial over."""
        if self.candidate is None:
            return self
        going = (self.trial,) if self.trial else ()
        return replace(self, candidate=None, ending=(*self.ending, *going))

    def older(self, release: str) -> bool:
        """Tell whether *release* would be a step back."""
        return self.current is not None and ordered(release) < ordered(self.current.release)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of a line's history, under the sequence of the record that it tells of; it never changes.

    Of a publication it keeps the release itself, for a later pin, and the image of every region.
    """

    line: str
    version: str
    schema: int = 1
    at: datetime
    by: str
    what: What
    release: str
    detail: str = ""
    published: Release | None = None
    images: dict[str, str] = field(default_factory=dict)


Move = tuple[Line, Entry | None]
"""A changed record and what its history says of it; without an entry nothing has changed."""


def line_of(channel: str, architecture: str) -> str:
    """Return the key of a line."""
    return f"{channel}#{architecture}"


def entry(line: Line, what: What, release: str, *, by: str, now: datetime, detail: str = "") -> Entry:
    """Return what *line*, as changed, says of its change."""
    key = f"log#{line.sequence:010d}#{what}"
    return Entry(line=line.line, version=key, at=now, by=by, what=what, release=release, detail=detail)


def pin(line: Line, release: Release, *, by: str, reason: str, now: datetime) -> Move:
    """Keep *release*, an older one too, until the line is unpinned; the same pin again changes nothing."""
    return _pinned(line, release, What.PINNED, by=by, reason=reason, now=now)


def roll_back(line: Line, *, by: str, reason: str, now: datetime) -> Move:
    """Go back one step and stay there, as a pin.

    Raises Conflict (``pinned``, ``no_previous``): a second step back would not be what one step means, and what was
    there before an earlier rollback is no step back.
    """
    if line.pin:
        raise Conflict(f"pinned to {line.pin.release.release}: unpin, or pin another release", code="pinned")
    if line.previous is None or not line.older(line.previous.release):
        raise Conflict("there is no older release before this one: pin the one you want", code="no_previous")
    return _pinned(line, line.previous, What.ROLLED_BACK, by=by, reason=reason, now=now)


def unpin(line: Line, *, by: str, reason: str, now: datetime) -> Move:
    """Follow the feed again."""
    if line.pin is None:
        return line, None
    told = line.pin.release.release
    return _said(replace(line, pin=None), What.UNPINNED, told, by=by, reason=reason, now=now)


def dismiss(line: Line, *, by: str, reason: str, now: datetime) -> Move:
    """Forget the candidate, failed or not: if the feed still names it, its trial begins anew."""
    if line.candidate is None:
        return line, None
    told = line.candidate.release.release
    return _said(line.without_candidate(), What.DISMISSED, told, by=by, reason=reason, now=now)


def _pinned(line: Line, release: Release, what: What, *, by: str, reason: str, now: datetime) -> Move:
    if line.pin and line.pin.release == release:
        return line, None
    pinned = replace(line, pin=Pin(release=release, by=by, at=now, reason=reason))
    return _said(pinned, what, release.release, by=by, reason=reason, now=now)


def _said(line: Line, what: What, release: str, *, by: str, reason: str, now: datetime) -> Move:
    """Return *line* with a publication due, unless one is going on, which will find that the record has changed."""
    due = line.publishing or Publishing(release=line.release, until=now)
    after = replace(line, sequence=line.sequence + 1, publishing=due)
    return after, entry(after, what, release, by=by, now=now, detail=reason)
