"""Copies of one's own: which images of a release have one, which are to be made, and which old ones may go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256

from railyard.errors import RailyardError
from railyard.model import ownership
from railyard.model.ami_sets import AmiSet, Version
from railyard.model.answers import stamp
from railyard.model.copies import COPY_OF, LINE, RELEASE, VERIFIED, Copy, CopyOrder, Maker
from railyard.model.images import image_defects
from railyard.model.releases import Hold, Line, Release, Why

Copies = Mapping[str, Sequence[Copy] | RailyardError]
"""The account's own, by region, or why a region did not say."""

BUDGET = 20
"""Copies that may go in one run."""
KEPT = timedelta(days=30)
"""How old a copy has to be before it goes."""
LONGER = timedelta(hours=1)
"""Each attempt that came to nothing makes the wait for the next one longer; for the first there is none."""

_UNDER_WAY = ("pending", "transient")
"""Source: EC2 API reference, Image."""


class Lack(StrEnum):
    """Why a region's copy is not ready."""

    ABSENT = "not_copied"
    COPYING = "copying"
    UNSOUND = "copy_failed"
    """It failed, or somebody made it useless; another is made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clearing:
    """The copies that go in this run, and how many have to wait for the next."""

    due: tuple[Copy, ...] = ()
    deferred: int = 0


def owned(
    release: Release, line: Line, copies: Copies, needed: frozenset[str], maker: Maker, now: datetime
) -> tuple[Release | Hold, tuple[CopyOrder, ...]]:
    """Return *release* with copies for images, or that the line waits for them, and the copies to be made.

    It waits for the regions *needed*; none named: for all. Others may lag behind.
    """
    mine = {region: _made_by(maker, copies[region]) for region in sorted(release.images)}
    found = {region: _ready(release.images[region], there, line, now) for region, there in mine.items()}
    ready = {region: copy.image_id for region, copy in found.items() if isinstance(copy, Copy)}
    lacking: dict[str, tuple[str, ...]] = {
        region: (lack,) for region, lack in found.items() if not isinstance(lack, Copy)
    }
    orders = tuple(
        _order(release, line, region, there, maker)
        for region, there in mine.items()
        if not isinstance(there, RailyardError)
        and found[region] in (Lack.ABSENT, Lack.UNSOUND)
        and not _waits(release.images[region], there, now)
    )
    if not ready or lacking.keys() & (needed or release.images.keys()):
        detail = f"{release.release}: {len(lacking)} of {len(found)} copies are not ready"
        since = line.hold.since if line.hold and line.hold.why is Why.COPYING else now
        return Hold(why=Why.COPYING, detail=detail, regions=lacking, since=since), orders
    sources = {region: release.images[region] for region in ready}
    behind = tuple(sorted({*release.behind, *lacking}))
    return replace(release, images=ready, copied_from=sources, owner="", behind=behind), orders


def _made_by(maker: Maker, there: Sequence[Copy] | RailyardError) -> tuple[Copy, ...] | RailyardError:
    return there if isinstance(there, RailyardError) else tuple(each for each in there if each.made_by(maker))


def _ready(source: str, there: Sequence[Copy] | RailyardError, line: Line, now: datetime) -> Copy | str:
    """Return the copy of *source* that serves, the oldest of several, or why there is none."""
    if isinstance(there, RailyardError):
        return there.code
    copies = sorted((copy for copy in there if copy.source == source), key=lambda copy: copy.age)
    for copy in copies:
        if not image_defects(copy.image, architecture=line.architecture, now=stamp(now)):
            return copy
    if any(copy.image.state in _UNDER_WAY for copy in copies):
        return Lack.COPYING
    return Lack.UNSOUND if copies else Lack.ABSENT


def _waits(source: str, there: Iterable[Copy], now: datetime) -> bool:
    """Tell whether *source* was copied in vain so often, and so lately, that another attempt can wait."""
    made = sorted(copy.image.created_at for copy in there if copy.source == source)
    return bool(made and made[-1]) and datetime.fromisoformat(made[-1]) + (len(made) - 1) * LONGER > now


def _order(release: Release, line: Line, region: str, there: Iterable[Copy], maker: Maker) -> CopyOrder:
    """Order a copy. Each that came to nothing, or is gone, makes it another order with another name."""
    source = release.images[region]
    past = {copy.image_id for copy in there if copy.of(line.line, release.release)}
    known = (each for each in (line.current, line.previous) if each)
    past |= {each.images[region] for each in known if each.copied_from.get(region) == source}
    token = sha256(" ".join((maker.stack, maker.home, source, *sorted(past))).encode()).hexdigest()
    name = f"{maker.stack}-{line.channel}-{release.release}-{line.architecture}"
    tags = {LINE: line.line, RELEASE: release.release, COPY_OF: source, VERIFIED: release.signature}
    return CopyOrder(
        region=region,
        source=source,
        name=f"{name}-{token[:8]}" if past else name,
        token=token,
        tags=maker.tags | tags,
    )


def aged(copies: Copies, maker: Maker, now: datetime) -> tuple[Copy, ...]:
    """Return *maker*'s copies that are old and held by nobody, oldest first; none unless every region said all."""
    found: list[Copy] = []
    for there in copies.values():
        if isinstance(there, RailyardError):
            return ()
        found += (copy for copy in there if copy.made_by(maker) and ownership.HOLD not in copy.tags)
    old = (
        copy
        for copy in found
        if (made := copy.image.created_at) and datetime.fromisoformat(made) + KEPT < now
    )
    return tuple(sorted(old, key=lambda copy: copy.age))


def in_use(ami_sets: Iterable[AmiSet]) -> frozenset[tuple[str, int]]:
    """Return the versions that AMI sets need: set and number of those deployed, the last good and the latest."""
    numbers = ((each, {each.number, each.last_good, *each.deployed.values()}) for each in ami_sets)
    return frozenset((each.ami_set, number) for each, found in numbers for number in found if number)


def clear(old: Sequence[Copy], lines: Iterable[Line], versions: Iterable[Version]) -> Clearing:
    """Return those *old* copies that no record names: of all *lines*, and those *versions* of AMI sets that are in use.

    None of a line that has no record, or is being published, and none of the release that its feed names.
    """
    known = {line.line: line for line in lines}
    named = frozenset(image.image_id for version in versions for image in version.content.images)
    named = named.union(*(line.named for line in known.values()))
    over = [
        copy
        for copy in old
        if copy.image_id not in named and _is_over(copy, known.get(copy.tags.get(LINE, "")))
    ]
    return Clearing(due=tuple(over[:BUDGET]), deferred=max(0, len(over) - BUDGET))


def _is_over(copy: Copy, line: Line | None) -> bool:
    if line is None or line.current is None or line.publishing:
        return False
    return line.feed is None or not copy.of(line.line, line.feed.release)
