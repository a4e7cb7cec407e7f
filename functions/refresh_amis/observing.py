"""What a run sees: what the sources say, then EC2 once a region, and only where something may have changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property

from railyard.errors import RailyardError
from railyard.flatcar.claims import Claim
from railyard.flatcar.sources import MARKETPLACE_OWNER, marketplace_name, places
from railyard.model.images import Image, parameter_name
from railyard.model.releases import Line, Mark, Release
from refresh_amis.plan.copying import Copies
from refresh_amis.plan.deciding import Facts, pin_waits, tag
from refresh_amis.plan.judging import Flaw, Regions, Shown, judge, launches, stand_in
from refresh_amis.ports import Ports
from refresh_amis.settings import MARKETPLACE, Settings

Heard = Claim | None | RailyardError
Overrides = Mapping[str, str | RailyardError]


class Observing:
    """The eyes of one run."""

    def __init__(self, ports: Ports, settings: Settings, home: str, now: datetime) -> None:
        self._ports, self._settings, self._home, self._now = ports, settings, home, now
        self.copies: Copies | None = None
        """The account's own, once they were looked at."""

    @cached_property
    def _regions(self) -> Regions:
        enabled = self._ports.images.enabled_regions(self._home)
        return Regions(enabled=enabled, required=frozenset(self._settings.regions_required))

    def facts(self, lines: Sequence[Line]) -> dict[str, Facts]:
        """Return what is seen for each of *lines*."""
        heard = {line.line: self._heard(line) for line in lines}
        facts = {line.line: Facts(heard=heard[line.line], home=self._home, now=self._now) for line in lines}
        looking = [line for line in lines if self._looks(line, heard[line.line])]
        if not looking:
            return facts
        overrides = self._overrides(looking)
        shown = self._shown(looking, heard, overrides)
        if self._settings.own_copies:
            self.copies = self._ports.copies.everywhere(sorted(self._regions.enabled))
        trials = self._ports.canary.look([key for line in looking if (key := line.trial)])
        for line in looking:
            seen = replace(
                facts[line.line],
                regions=self._regions,
                shown=shown,
                copies=self.copies,
                overrides=overrides.get(line.line),
                trial=trials.get(line.trial),
            )
            facts[line.line] = replace(seen, stand_in=self._stand_in(line, seen))
        return facts

    def _heard(self, line: Line) -> Heard:
        """Ask the sources of *line*, in their order; the first only whether it has changed, if that is enough."""
        settings = self._settings
        try:
            asked = places(
                line.channel,
                line.architecture,
                region=self._home,
                feed_url=settings.feed_url,
                mirror_url=settings.mirror_url,
            )
            known = tag(line, asked[0], settings, self._now)
            if known and line.feed and line.feed.skipped and self._regions.enabled & set(line.feed.skipped):
                known = ""  # a region was opened: it gets the release that is out
            return self._ports.feeds.first(asked, line.architecture, known)
        except RailyardError as trouble:
            return trouble

    def _looks(self, line: Line, heard: Heard) -> bool:
        """Tell whether EC2 has to be asked for *line*."""
        settings = self._settings
        return (
            isinstance(heard, Claim)
            or line.publishing is not None
            or pin_waits(line)
            or settings.overrides != "off"
            or bool(line.marked(Mark.OVERRIDE))
            or (heard is not None and bool(settings.allow_fallback))
        )

    def _overrides(self, lines: Sequence[Line]) -> dict[str, Overrides]:
        """Return what the operator put in the place of each line's image, by region; nothing if that is off."""
        if self._settings.overrides == "off":
            return {}
        prefix = self._settings.parameter_prefix
        names = {
            parameter_name(prefix, line.channel, line.architecture, "override"): line.line for line in lines
        }
        said = self._ports.parameters.everywhere(dict.fromkeys(self._regions.enabled, sorted(names)))
        return {
            line: {
                region: found if isinstance(found, RailyardError) else found[name]
                for region, found in said.items()
                if isinstance(found, RailyardError) or name in found
            }
            for name, line in names.items()
        }

    def _shown(
        self, lines: Sequence[Line], heard: Mapping[str, Heard], overrides: Mapping[str, Overrides]
    ) -> Shown:
        """Ask EC2 once a region for every image that *lines* may have to do with."""
        wanted: dict[str, set[str]] = {}
        for line in lines:
            for region, image in _images(line, heard[line.line], overrides.get(line.line, {})):
                if region in self._regions.enabled:
                    wanted.setdefault(region, set()).add(image)
        images = self._ports.images
        shown = images.everywhere({region: sorted(ids) for region, ids in wanted.items()}) if wanted else {}
        return self._dry_run(lines, shown) if self._settings.dry_run else shown

    def _dry_run(self, lines: Sequence[Line], shown: Shown) -> Shown:
        """Let EC2 say of each image that is new at home whether it would launch it."""
        images = shown.get(self._home, {})
        if isinstance(images, RailyardError):
            return shown
        known = {line.placed[self._home].image for line in lines if self._home in line.placed}
        known |= {line.current.copied_from.get(self._home, "") for line in lines if line.current}
        return {
            **shown,
            self._home: {
                key: image if key in known else self._tested(image) for key, image in images.items()
            },
        }

    def _tested(self, image: Image) -> Image:
        refused = self._ports.images.refusal(self._home, image.image_id, image.architecture)
        return replace(image, refused=refused)

    def _stand_in(self, line: Line, seen: Facts) -> Release | None:
        """Ask the Marketplace, if that is allowed, the sources give nothing, and nothing that is published launches."""
        if MARKETPLACE not in self._settings.allow_fallback or line.pin or seen.heard is None:
            return None
        if isinstance(seen.heard, Claim) and not isinstance(
            judge(seen.heard, seen.shown, self._regions, self._now), Flaw
        ):
            return None
        placed = {region: each.image for region, each in line.placed.items()}
        name = marketplace_name(line.channel)
        if not name or launches(placed, seen.shown, line.architecture, self._now):
            return None
        found = self._ports.images.newest_everywhere(
            sorted(self._regions.enabled),
            owner=MARKETPLACE_OWNER,
            name=name,
            architecture=line.architecture,
        )
        return stand_in(found, line.channel, line.architecture, self._now)


def _images(line: Line, heard: Heard, overrides: Overrides) -> Iterator[tuple[str, str]]:
    """Yield region and id of every image that *line* has, is offered, or is told to take."""
    if isinstance(heard, Claim):
        yield from heard.images.items()
    if heard is not None:
        yield from ((region, each.image) for region, each in line.placed.items())
    if line.pin and (heard is not None or pin_waits(line)):
        yield from line.pin.release.images.items()
    yield from ((region, image) for region, image in overrides.items() if isinstance(image, str))
