"""The hands of validate_ami_sets: one look at every set and its images, then what follows from it, set by set.

Whoever changed a set meanwhile is right, and that set is looked at again: a tick and an event often come together, and
what only the later of them saw must not wait for an hour.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from railyard.errors import Conflict, RailyardError
from railyard.model.ami_sets import AmiSet, Change, Content, Deployment, Status, Version
from railyard.model.images import Image
from railyard.model.releases import Line
from railyard.model.validation import channel_images, check_version
from validate_ami_sets.plan import followed, follows, lines_of, published, seen, tracked
from validate_ami_sets.settings import Settings

AGAIN = 3
"""Looks that are repeated for sets that others were changing."""
Shown = Mapping[str, Mapping[str, Image] | RailyardError]


class Sets(Protocol):
    """Sets, their versions, what pools launch of them; changed over what was read (Conflict)."""

    def all(self) -> Sequence[AmiSet]: ...
    def versions(self, wanted: Iterable[tuple[str, int]]) -> Mapping[tuple[str, int], Version]: ...
    def deployments(self, pools: Iterable[str]) -> Mapping[str, Deployment]: ...
    def commit(self, change: Change) -> None: ...
    def check(
        self, before: AmiSet, after: AmiSet, deployments: Iterable[tuple[Deployment, Deployment]]
    ) -> None: ...


class Lines(Protocol):
    """Release lines."""

    def read(self, lines: Iterable[str]) -> Mapping[str, Line]: ...


class Images(Protocol):
    """What EC2 shows of image ids, by region."""

    def everywhere(self, ids: Mapping[str, Sequence[str]]) -> Shown: ...


class Parameters(Protocol):
    """SSM parameters by region; what comes back is what can be read afterwards."""

    def publish(
        self, values: Mapping[str, Mapping[str, str]], images: frozenset[str]
    ) -> Mapping[str, Mapping[str, str] | RailyardError]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Everything that a run touches."""

    sets: Sets
    lines: Lines
    images: Images
    parameters: Parameters


@dataclass(slots=True)
class Outcome:
    """What became of the sets, by name; versions that were made, pools that followed, publications that failed."""

    validated: int = 0
    invalid: dict[str, tuple[str, ...]] = field(default_factory=dict)
    turned: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    changed: list[Change] = field(default_factory=list)
    unpublished: dict[str, list[str]] = field(default_factory=dict)
    overtaken: list[str] = field(default_factory=list)


def run(ports: Ports, settings: Settings, region: str, now: datetime) -> Outcome:
    """Look at every set once; *region* is the one in which pools launch."""
    return _Run(ports, settings, region, now).all()


class _Run:
    def __init__(self, ports: Ports, settings: Settings, region: str, now: datetime) -> None:
        self._ports, self._settings, self._region, self._now = ports, settings, region, now
        self._outcome = Outcome()

    def all(self) -> Outcome:
        self._look(self._ports.sets.all())
        for _ in range(AGAIN):
            overtaken, self._outcome.overtaken = self._outcome.overtaken, []
            if overtaken:
                self._look([head for head in self._ports.sets.all() if head.ami_set in overtaken])
        return self._outcome

    def _look(self, heads: Sequence[AmiSet]) -> None:
        names = lines_of(heads, self._settings.architectures)
        lines = self._ports.lines.read(names) if names else {}
        deployments = self._ports.sets.deployments(pool for head in heads for pool in head.deployed)
        wanted = {(head.ami_set, n) for head in heads for n in (head.number, *head.deployed.values()) if n}
        versions = dict(self._ports.sets.versions(wanted)) if wanted else {}
        shown = self._shown(heads, versions.values(), lines)
        for head in heads:
            own = [each for each in deployments.values() if each.ami_set == head.ami_set]
            try:
                self._one(head, own, versions, lines, shown)
            except Conflict:
                self._outcome.overtaken.append(head.ami_set)

    def _shown(
        self, heads: Iterable[AmiSet], versions: Iterable[Version], lines: Mapping[str, Line]
    ) -> Shown:
        """Ask EC2 once a region about every image that a set has, or will have."""
        images = {image for version in versions for image in version.content.images}
        for head in heads:
            if head.content.tracks:
                images |= set(channel_images(head.content.tracks, lines.values()))
        ids: dict[str, set[str]] = {}
        for image in images:
            ids.setdefault(image.region, set()).add(image.image_id)
        return self._ports.images.everywhere({r: sorted(each) for r, each in ids.items()}) if ids else {}

    def _one(
        self,
        head: AmiSet,
        deployments: Sequence[Deployment],
        versions: dict[tuple[str, int], Version],
        lines: Mapping[str, Line],
        shown: Shown,
    ) -> None:
        head = self._tracked(head, lines, shown, versions)
        contents = {n: each.content for (name, n), each in versions.items() if name == head.ami_set}
        checks = {number: check_version(content, shown, self._now) for number, content in contents.items()}
        found = seen(head, deployments, checks, self._region)
        self._ports.sets.check(found.before, found.after, found.deployments)
        self._tell(found.after, turned=found.turned_invalid)
        current = {was.pool: shall for was, shall in found.deployments}
        head = found.after
        for deployed in deployments:
            head = self._followed(head, current.get(deployed.pool, deployed), versions)
        self._published(head, versions)

    def _tracked(
        self,
        head: AmiSet,
        lines: Mapping[str, Line],
        shown: Shown,
        versions: dict[tuple[str, int], Version],
    ) -> AmiSet:
        images = channel_images(head.content.tracks, lines.values()) if head.content.tracks else ()
        check = check_version(Content(images=tuple(images)), shown, self._now)
        change = tracked(head, lines, check, self._now)
        if change is None or change.version is None:
            return head
        self._commit(change)
        versions[head.ami_set, change.version.number] = change.version
        return change.after

    def _followed(
        self, head: AmiSet, deployed: Deployment, versions: Mapping[tuple[str, int], Version]
    ) -> AmiSet:
        latest = versions.get((head.ami_set, head.number))
        if latest is None or not follows(head, deployed, self._settings.bake, self._now):
            return head
        change = followed(head, deployed, latest, self._region, self._now)
        if change is None:
            return head
        self._commit(change)
        return change.after

    def _commit(self, change: Change) -> None:
        self._ports.sets.commit(change)
        self._outcome.changed.append(change)

    def _published(self, head: AmiSet, versions: Mapping[tuple[str, int], Version]) -> None:
        """Put the latest version where programs read it, once EC2 has confirmed all of it."""
        version = versions.get((head.ami_set, head.number))
        if version is None or head.status(head.number) is not Status.VALID or head.published == head.number:
            return
        values = published(version.content, self._settings.parameter_prefix, head.ami_set)
        names = frozenset(name for named in values.values() for name in named)
        readable = self._ports.parameters.publish(values, names)
        missing = [region for region, named in values.items() if readable[region] != named]
        if missing:
            self._outcome.unpublished[head.ami_set] = sorted(missing)
            return
        after = replace(head, sequence=head.sequence + 1, published=head.number)
        self._ports.sets.check(head, after, ())

    def _tell(self, head: AmiSet, *, turned: bool) -> None:
        self._outcome.validated += 1
        status, check = head.status(head.number), head.checks.get(str(head.number))
        if status is Status.INVALID and check:
            self._outcome.invalid[head.ami_set] = tuple(
                f"{key}: {', '.join(reasons)}" for key, reasons in sorted(check.reasons.items())
            )
        if status is Status.UNKNOWN and head.number:
            self._outcome.unknown.append(head.ami_set)
        if turned:
            self._outcome.turned.append(head.ami_set)
