"""The hands of refresh_amis: fetch the claims, ask EC2 once per region, publish what is sound.

The record is written last, after every region has read back what was put: a crash in between is finished by the next
run, and a held line keeps its last good release everywhere.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from railyard.errors import RailyardError
from railyard.model.images import FeedRelease, Image, Release, parameter_name
from refresh_amis.plan import Decision, Hold, Keep, Publish, Reason, decide, line_of, provenance
from refresh_amis.settings import Settings

Values = Mapping[str, str]


class Feeds(Protocol):
    """Where releases are claimed; raises RailyardError with the reason."""

    def release(self, channel: str, architecture: str) -> FeedRelease: ...


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
    """What became of each line, what of its signature was checked, and the regions that are not enabled here."""

    decisions: tuple[Decision, ...]
    skipped: tuple[str, ...] = ()
    signature: str = "not_checked"

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


def run(ports: Ports, settings: Settings, home: str, now: datetime) -> Outcome:
    """Refresh every channel and architecture of *settings*, in every region that is enabled for this account."""
    claims, holds = _claims(ports.feeds, settings)
    claims, skipped = _within(claims, ports.images.enabled_regions(home)) if claims else ([], ())
    wanted: dict[str, list[str]] = {}
    for claim in claims:
        for region, image_id in claim.images.items():
            wanted.setdefault(region, []).append(image_id)
    shown = ports.images.everywhere(wanted) if wanted else {}
    decisions = []
    for claim in claims:
        current = ports.releases.current(line_of(claim.channel, claim.architecture))
        decisions.append(decide(claim, shown, current, settings.owner, now))
    publishing = [each for each in decisions if isinstance(each, Publish)]
    published = _publish(publishing, ports.parameters, ports.releases, settings)
    kept = [each for each in decisions if not isinstance(each, Publish)]
    return Outcome(decisions=tuple(sorted([*holds, *kept, *published], key=_line)), skipped=skipped)


def _within(claims: list[FeedRelease], enabled: frozenset[str]) -> tuple[list[FeedRelease], tuple[str, ...]]:
    """Leave out regions that the account has not opted into: nothing can be launched, looked up or stored there."""
    named = {region for claim in claims for region in claim.images}
    usable = [
        replace(claim, images={region: image for region, image in claim.images.items() if region in enabled})
        for claim in claims
    ]
    return usable, tuple(sorted(named - enabled))


def _claims(feeds: Feeds, settings: Settings) -> tuple[list[FeedRelease], list[Hold]]:
    claims, holds = [], []
    for channel in settings.channels:
        for architecture in settings.architectures:
            try:
                claims.append(feeds.release(channel, architecture))
            except RailyardError as trouble:
                detail = f"{trouble.code}: {trouble}"
                holds.append(Hold(line=line_of(channel, architecture), reason=Reason.FEED, detail=detail))
    return claims, holds


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
        missing: dict[str, tuple[str, ...]] = {}
        for region, name, value in _parameters(each.release, settings.parameter_prefix):
            found = readable[region]
            if isinstance(found, RailyardError):
                missing[region] = (found.code,)
            elif found.get(name) != value:
                missing[region] = ("not_readable",)
        if missing:
            detail = f"{each.release.release}: not readable in {len(missing)} regions after it was put"
            done.append(
                Hold(line=each.release.line, reason=Reason.UNPUBLISHED, detail=detail, regions=missing)
            )
        else:
            releases.record(each.release, each.seen)
            done.append(each)
    return done


def _parameters(release: Release, prefix: str) -> list[tuple[str, str, str]]:
    """Return (region, name, value) of everything that *release* publishes."""
    channel, architecture = release.line.split("#")
    image, about = (parameter_name(prefix, channel, architecture, kind) for kind in ("image", "release"))
    found = []
    for region, image_id in sorted(release.images.items()):
        text = json.dumps(provenance(release, region, channel), sort_keys=True)
        found += [(region, image, image_id), (region, about, text)]
    return found


def _line(decision: Decision) -> str:
    return decision.release.line if isinstance(decision, Publish) else decision.line


__all__ = ["Hold", "Keep", "Outcome", "Publish", "run"]
