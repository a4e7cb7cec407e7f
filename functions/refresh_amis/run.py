"""The hands of refresh_amis: fetch the claims, ask EC2 once per region, publish what is sound.

The record is written last, after every region has read back what was put: a crash in between is finished by the next
run, and a held line keeps its last good release everywhere. A feed that has not changed costs one question.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from typing import Protocol

from railyard.errors import RailyardError
from railyard.flatcar.claims import Claim
from railyard.flatcar.sources import Place, mirror, official
from railyard.model.images import Image, Release, parameter_name
from refresh_amis.plan import (
    Decision,
    Hold,
    Keep,
    Publish,
    Reason,
    Regions,
    decide,
    line_of,
    provenance,
    tag,
)
from refresh_amis.settings import Settings

Values = Mapping[str, str]


class Feeds(Protocol):
    """Where releases are claimed; None for a first place that still has *etag*, RailyardError with the reason."""

    def first(self, places: Iterable[Place], architecture: str, etag: str = "") -> Claim | None: ...


class Images(Protocol):
    """What EC2 shows of image ids, by region; and the regions that this account has enabled."""

    def enabled_regions(self, home: str) -> frozenset[str]: ...
    def everywhere(
        self, ids: Mapping[str, list[str]]
    ) -> Mapping[str, Mapping[str, Image] | RailyardError]: ...


class Parameters(Protocol):
    """SSM parameters by region; what comes back is what can be read afterwards."""

    def publish(
        self, values: Mapping[str, Values], images: frozenset[str]
    ) -> Mapping[str, Values | RailyardError]: ...


class Releases(Protocol):
    """The published release of each line."""

    def current(self, line: str) -> Release | None: ...
    def record(self, release: Release, seen: Release | None) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of each line, and the regions of the feeds that are not enabled here."""

    decisions: tuple[Decision, ...]
    skipped: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        """Whether every line is published as its feed says."""
        return not any(isinstance(each, Hold) for each in self.decisions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Everything that a run touches."""

    feeds: Feeds
    images: Images
    parameters: Parameters
    releases: Releases


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    channel: str
    architecture: str
    current: Release | None

    @property
    def key(self) -> str:
        return line_of(self.channel, self.architecture)


def run(ports: Ports, settings: Settings, home: str, now: datetime) -> Outcome:
    """Refresh every channel and architecture of *settings*, in every region that is enabled for this account."""
    enabled = cache(partial(ports.images.enabled_regions, home))
    claims: dict[str, Claim] = {}
    decided: list[Decision] = []
    lines = _lines(ports.releases, settings)
    for line in lines:
        found = _asked(ports.feeds, settings, line, enabled)
        if isinstance(found, Claim):
            claims[line.key] = found
        else:
            decided.append(found)
    if claims:
        regions = Regions(enabled=enabled(), required=frozenset(settings.regions_required))
        shown = _shown(ports.images, claims.values(), regions)
        current = {line.key: line.current for line in lines}
        decided += [decide(claim, shown, current[key], regions, now) for key, claim in claims.items()]
    for each in decided:
        if isinstance(each, Keep) and each.seen:
            ports.releases.record(each.release, each.seen)
    publishing = [each for each in decided if isinstance(each, Publish)]
    published = _publish(publishing, ports.parameters, ports.releases, settings)
    others = [each for each in decided if not isinstance(each, Publish)]
    decisions = tuple(sorted([*others, *published], key=lambda each: each.line))
    return Outcome(decisions=decisions, skipped=_skipped(decisions))


def _lines(releases: Releases, settings: Settings) -> list[_Line]:
    return [
        _Line(
            channel=channel,
            architecture=architecture,
            current=releases.current(line_of(channel, architecture)),
        )
        for channel in settings.channels
        for architecture in settings.architectures
    ]


def _asked(
    feeds: Feeds, settings: Settings, line: _Line, enabled: Callable[[], frozenset[str]]
) -> Claim | Keep | Hold:
    try:
        places = _places(settings, line)
        known = tag(line.current, places[0], with_key=bool(settings.signing_key))
        if known and line.current and line.current.skipped and enabled() & set(line.current.skipped):
            known = ""  # a region was opened: it gets the release that is out
        claim = feeds.first(places, line.architecture, known)
    except RailyardError as trouble:
        return Hold(line=line.key, reason=Reason.FEED, detail=f"{trouble.code}: {trouble}")
    if claim is not None:
        return claim
    assert line.current, "only a published release has a tag"
    return Keep(release=line.current)


def _places(settings: Settings, line: _Line) -> list[Place]:
    own = [mirror(settings.mirror_url, line.channel, line.architecture)] if settings.mirror_url else []
    return [*own, *official(line.channel, line.architecture, settings.feed_url)]


def _shown(
    images: Images, claims: Iterable[Claim], regions: Regions
) -> Mapping[str, Mapping[str, Image] | RailyardError]:
    """Ask EC2 once a region for the images of all *claims*; nothing can be looked up where we are not enabled."""
    wanted: dict[str, list[str]] = {}
    for claim in claims:
        for region in claim.images.keys() & regions.enabled:
            wanted.setdefault(region, []).append(claim.images[region])
    return images.everywhere(wanted) if wanted else {}


def _skipped(decisions: Iterable[Decision]) -> tuple[str, ...]:
    releases = [each.release for each in decisions if not isinstance(each, Hold)]
    return tuple(sorted({region for release in releases for region in release.skipped}))


def _publish(
    wanted: list[Publish], parameters: Parameters, releases: Releases, settings: Settings
) -> list[Decision]:
    """Put the parameters of all lines region by region, read them back, and record the lines that are there."""
    values: dict[str, dict[str, str]] = {}
    for each in wanted:
        for region, name, value in _parameters(each.release, settings.parameter_prefix):
            values.setdefault(region, {})[name] = value
    if not values:
        return []
    image_names = frozenset(name for named in values.values() for name in named if name.endswith("/image"))
    readable = parameters.publish(values, image_names)
    done: list[Decision] = []
    for each in wanted:
        missing = _missing(each.release, readable, settings.parameter_prefix)
        if missing:
            detail = f"{each.release.release}: not readable in {len(missing)} regions after it was put"
            done.append(Hold(line=each.line, reason=Reason.UNPUBLISHED, detail=detail, regions=missing))
        else:
            releases.record(each.release, each.seen)
            done.append(each)
    return done


def _missing(
    release: Release, readable: Mapping[str, Values | RailyardError], prefix: str
) -> dict[str, tuple[str, ...]]:
    """Return the regions that do not show what was put there, with the reason."""
    missing: dict[str, tuple[str, ...]] = {}
    for region, name, value in _parameters(release, prefix):
        found = readable[region]
        if isinstance(found, RailyardError):
            missing[region] = (found.code,)
        elif found.get(name) != value:
            missing[region] = ("not_readable",)
    return missing


def _parameters(release: Release, prefix: str) -> list[tuple[str, str, str]]:
    """Return (region, name, value) of everything that *release* publishes."""
    channel, architecture = release.line.split("#")
    image, about = (parameter_name(prefix, channel, architecture, kind) for kind in ("image", "release"))
    found = []
    for region, image_id in sorted(release.images.items()):
        text = json.dumps(provenance(release, region, channel), sort_keys=True)
        found += [(region, image, image_id), (region, about, text)]
    return found


__all__ = ["Hold", "Keep", "Outcome", "Publish", "run"]
