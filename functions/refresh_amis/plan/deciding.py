"""What becomes of a line: it follows its feed, tries, keeps, goes where it was told to, or is held.

The line as it shall be is made from the line as it is and what was seen. Never older than what is in force, unless
people said so; never in part; nothing that EC2 has not confirmed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from railyard.errors import RailyardError
from railyard.flatcar.claims import Claim, Signature
from railyard.flatcar.sources import Place, Source
from railyard.model.answers import stamp
from railyard.model.copies import CopyOrder, Maker
from railyard.model.images import Defect, image_defects
from railyard.model.releases import Candidate, Feed, Hold, Line, Mark, Release, What, Why
from refresh_amis.plan.copying import Copies, owned
from refresh_amis.plan.judging import Flaw, Regions, Shown, judge, made
from refresh_amis.plan.publishing import place
from refresh_amis.plan.trying import Proven, Trial, tried
from refresh_amis.settings import Settings

SETTLING = (Why.OLDER, Why.CANARY)
"""Holds that only another feed, or people, can end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a run has seen for a line.

    *heard* is what the sources said: a claim, None where nothing changed, or why none gave anything. *regions* is None
    if nothing was looked at. *stand_in* is what the Marketplace has, where it was asked. *overrides* are the operator's
    images by region, or why a region did not say; None if nobody asked. *copies* are the account's own, None if none
    are wanted.
    """

    heard: Claim | RailyardError | None
    home: str
    now: datetime
    shown: Shown = field(default_factory=dict)
    regions: Regions | None = None
    trial: Trial | None = None
    stand_in: Release | None = None
    copies: Copies | None = None
    overrides: Mapping[str, str | RailyardError] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the line's history and its readers are told of the change."""

    what: What
    release: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A line as it was read, and as it shall be.

    *copies* are to be made. *asks*: the candidate's machine has not been asked for. *busy*: somebody else is at the
    line; nothing was done. *overtaken*: people spoke while it was published, so there is more to do. *recorded*: it
    stands in the record as it shall be.
    """

    before: Line
    after: Line
    told: tuple[Told, ...] = ()
    copies: tuple[CopyOrder, ...] = ()
    asks: bool = False
    busy: bool = False
    overtaken: bool = False
    recorded: bool = False
    stopped: str = ""
    """Who has stopped publication: nothing was looked at."""


def tag(line: Line, first: Place, settings: Settings, now: datetime) -> str:
    """Return the tag that says "only if it has changed" to the *first* place; empty to read it whole.

    It is sent only if nothing else is to be done: that file was read within a day, what it said is in force or cannot
    be, and a key that is there was used.
    """
    feed, current = line.feed, line.current
    if feed is None or not feed.settled or feed.url != first.url or line.publishing or pin_waits(line):
        return ""
    if line.candidate and not settings.tries(line.channel):
        return ""
    if settings.signing_key and not (current and current.signature == Signature.VERIFIED):
        return ""
    if settings.own_copies and current and not current.copied_from and not line.pin:
        return ""
    return feed.etag if now - feed.looked_at < settings.recheck else ""


def claim_of(release: Release, architecture: str) -> Claim:
    """Return *release* as a claim, to be judged again."""
    place = Place(
        source=Source(release.source), channel=release.channel, url=release.url, owner=release.owner
    )
    return Claim(
        place=place,
        architecture=architecture,
        version=release.release,
        images=release.images,
        signature=Signature(release.signature),
        signer=release.signer,
    )


def decide(line: Line, facts: Facts, settings: Settings) -> Step:
    """Return what becomes of *line*; it is the same afterwards if nothing changes."""
    found, seen = _found(line, facts)
    found, seen, copies = _owned(line, found, seen, facts, settings)
    goal, candidate, hold = _goal(line, found, seen, facts, settings)
    overrides, unsound = _overrides(line, facts, settings)
    hold = hold or unsound
    after = line if candidate == line.candidate else replace(line.without_candidate(), candidate=candidate)
    if facts.regions:
        placed = place(line, goal, facts.regions.enabled, overrides)
        after = replace(after, current=goal, previous=_previous(line, goal), placed=placed)
    if hold and line.hold and replace(hold, since=line.hold.since) == line.hold:
        hold = line.hold
    after = replace(after, hold=hold, publishing=None, tries=settings.tries(line.channel))
    after = replace(after, feed=_feed(after, found, seen, facts))
    asks = after.trial != "" and (after.trial != line.trial or facts.trial is None)
    return Step(before=line, after=after, told=_told(line, after), copies=copies, asks=asks)


def _found(line: Line, facts: Facts) -> tuple[Release | None, Hold | None]:
    """Return the release that the sources name, or why they name none; neither if nothing has changed."""
    if facts.heard is None:
        return None, line.hold if line.hold and line.hold.why in SETTLING else None
    if isinstance(facts.heard, RailyardError):
        detail = f"{facts.heard.code}: {facts.heard}"
        return None, Hold(why=Why.FEED, detail=detail, since=facts.now)
    assert facts.regions, "a claim is looked at"
    judged = judge(facts.heard, facts.shown, facts.regions, facts.now)
    if isinstance(judged, Flaw):
        return None, Hold(why=Why.DEFECTIVE, detail=judged.detail, regions=judged.regions, since=facts.now)
    return judged, None


def _owned(
    line: Line, found: Release | None, seen: Hold | None, facts: Facts, settings: Settings
) -> tuple[Release | None, Hold | None, tuple[CopyOrder, ...]]:
    """Return what was *found* with the account's own copies for images, or that the line waits for them.

    Only a release that may come into force is copied. People's pins and the Marketplace's stand-ins are taken as they
    are: the ones are wanted now, and EC2 copies the others for nobody.
    """
    if (
        found is None
        or facts.copies is None
        or facts.regions is None
        or line.pin
        or line.older(found.release)
    ):
        return found, seen, ()
    tries = settings.tries(line.channel) and facts.home in found.images
    needed = facts.regions.required | ({facts.home} if facts.regions.required and tries else set())
    maker = Maker(stack=settings.stack, home=facts.home)
    own, orders = owned(found, line, facts.copies, frozenset(needed), maker, facts.now)
    return (None, own, orders) if isinstance(own, Hold) else (own, seen, orders)


def _goal(
    line: Line, found: Release | None, seen: Hold | None, facts: Facts, settings: Settings
) -> tuple[Release | None, Candidate | None, Hold | None]:
    """Return the release that shall be in force, the one on trial, and what is in the way."""
    if line.pin:
        return _pinned(line, seen, facts)
    if found is None:
        stand_in = facts.stand_in
        if stand_in and not line.older(stand_in.release):
            return stand_in, None, seen
        return line.current, line.candidate, seen
    if line.current and line.current.content == found.content:
        return line.current, None, None
    if line.older(found.release):
        detail = f"{found.release} is older than {line.release}"
        return line.current, None, Hold(why=Why.OLDER, detail=detail, since=facts.now)
    image = found.images.get(facts.home, "")
    if (
        not settings.tries(line.channel)
        or not image
        or not line.current
        or line.current.images.get(facts.home) == image
    ):
        return found, None, None
    known = line.candidate
    if known is None or known.release.content != found.content:
        known = Candidate(release=found, since=facts.now)
        return line.current, known, None
    result = tried(known, facts.trial, image=image, bake=settings.bake, now=facts.now)
    if isinstance(result, Proven):
        return found, None, None
    detail = f"{found.release}: {result.failed}"
    return (
        line.current,
        result,
        Hold(why=Why.CANARY, detail=detail, since=facts.now) if result.failed else None,
    )


def pin_waits(line: Line) -> bool:
    """Tell whether people pinned something that is not in force yet."""
    if line.pin is None:
        return False
    pinned = line.pin.release
    return not line.current or (line.current.release, line.current.images) != (pinned.release, pinned.images)


def _pinned(line: Line, seen: Hold | None, facts: Facts) -> tuple[Release | None, None, Hold | None]:
    """Go to what people pinned, as far as it is still sound; the feed only matters if it cannot be read."""
    assert line.pin
    trouble = seen if seen and seen.why is Why.FEED else None
    looked = facts.heard is not None or pin_waits(line)
    if facts.regions is None or not looked:
        return line.current, None, trouble
    judged = judge(claim_of(line.pin.release, line.architecture), facts.shown, facts.regions, facts.now)
    if isinstance(judged, Flaw):
        hold = Hold(why=Why.PIN, detail=judged.detail, regions=judged.regions, since=facts.now)
        return line.current, None, hold
    if not pin_waits(line):
        return line.current, None, trouble
    goal = replace(line.pin.release, images=judged.images, behind=judged.behind)
    return (line.current if line.current and line.current.content == goal.content else goal), None, trouble


def _overrides(line: Line, facts: Facts, settings: Settings) -> tuple[dict[str, str], Hold | None]:
    """Return the operator's images that count, and what is wrong with the others; a silent region keeps what it has."""
    if facts.overrides is None:
        return {}, None
    now = {region: each.image for region, each in line.placed.items() if each.mark is Mark.OVERRIDE}
    accepted: dict[str, str] = {}
    bad: dict[str, tuple[str, ...]] = {}
    for region, said in sorted(facts.overrides.items()):
        if isinstance(said, RailyardError) or settings.overrides == "verbatim" or now.get(region) == said:
            kept = now.get(region) if isinstance(said, RailyardError) else said
            accepted |= {region: kept} if kept else {}
            continue
        images = facts.shown.get(region, {})
        if isinstance(images, RailyardError):
            defects: tuple[str, ...] = (Defect.UNVERIFIED,)
        else:
            image = images.get(said)
            defects = image_defects(image, architecture=line.architecture, now=stamp(facts.now))
        if defects:
            bad[region] = defects
        accepted |= {region: said} if not defects else {region: now[region]} if region in now else {}
    detail = f"overrides in {len(bad)} regions are not sound"
    return accepted, Hold(why=Why.OVERRIDE, detail=detail, regions=bad, since=facts.now) if bad else None


def _previous(line: Line, goal: Release | None) -> Release | None:
    """Return the release before *goal*: another version, whatever regions a release has reached since."""
    return line.current if line.current and goal and line.release != goal.release else line.previous


def _feed(after: Line, found: Release | None, seen: Hold | None, facts: Facts) -> Feed | None:
    """Return what is now known of the file that was read."""
    if not isinstance(facts.heard, Claim) or facts.regions is None:
        return after.feed
    tried_or_quiet = after.candidate is None or bool(after.candidate.failed)
    whole = not (after.current and after.current.behind)
    settled = tried_or_quiet and whole and (after.hold is None or after.hold.why in SETTLING) and seen is None
    return Feed(
        url=facts.heard.place.url,
        etag=facts.heard.etag,
        release=found.release if found else facts.heard.version,
        created_at=made(facts.shown, facts.heard.images),
        looked_at=facts.now,
        settled=settled,
        skipped=tuple(sorted(facts.heard.images.keys() - facts.regions.enabled)),
    )


def _told(before: Line, after: Line) -> tuple[Told, ...]:
    """Return what has changed for those who read the line's history."""
    told: list[Told] = []
    if (before.current, before.placed) != (after.current, after.placed):
        why = f"pinned by {after.pin.by}" if after.pin else after.current.source if after.current else ""
        told.append(Told(what=What.PUBLISHED, release=after.release, detail=why))
    trial = after.candidate
    if trial and trial.failed and not (before.candidate and before.candidate.failed):
        told.append(Told(what=What.REJECTED, release=trial.release.release, detail=trial.failed))
    elif trial and (before.candidate is None or before.candidate.release != trial.release):
        told.append(Told(what=What.CANDIDATE, release=trial.release.release))
    return tuple(told)
