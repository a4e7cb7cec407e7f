"""Both sides of a release, in memory: Flatcar and EC2, SSM, the table of lines, and the canary pool.

Strict where AWS is: a record is written only over the one that was read, an entry only once. Every effect passes
``World.effect``, where a test may crash the run, before the effect or after it, or let somebody else in between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from railyard.errors import Conflict, RailyardError, Throttled
from railyard.flatcar.claims import Claim, Signature
from railyard.flatcar.download import Trouble
from railyard.flatcar.feeds import NoFeed
from railyard.flatcar.sources import OWNER, Place, official
from railyard.model.ami_sets import AmiSet, Version
from railyard.model.copies import COPY_OF, Copy, CopyOrder
from railyard.model.images import Image, image_name
from railyard.model.releases import Candidate, Entry, Line, Move, Release
from railyard.model.requests import RequestState
from railyard.model.switches import Switch
from refresh_amis.plan.deciding import Step
from refresh_amis.plan.trying import Trial
from refresh_amis.ports import Ports
from refresh_amis.run import Outcome, run
from refresh_amis.settings import Settings
from tests.builders import NOW

HOME, AWAY = "us-east-1", "eu-west-1"
REGIONS = (AWAY, HOME)
SETTINGS = Settings(
    stack="railyard",
    releases_table="",
    requests_table="",
    instances_table="",
    ami_sets_table="",
    bus_name="",
    request_queue_url="",
    lease_queue_url="",
)
CANARY = replace(SETTINGS, canary_pool="canary")
IMAGE, ABOUT, CANDIDATE = (
    f"/railyard/flatcar/stable/amd64/{kind}" for kind in ("image", "release", "candidate")
)


def image_id(version: str, region: str, architecture: str = "amd64") -> str:
    """Name an image so that a test can read what it is."""
    return f"ami-{version}-{architecture}-{region}"


def a_claim(
    version: str = "4593.2.5", architecture: str = "amd64", regions: Iterable[str] = REGIONS, **changes: Any
) -> Claim:
    """What the channel's own feed says of *version*."""
    whole = Claim(
        place=next(official("stable", architecture)),
        architecture=architecture,
        version=version,
        images={region: image_id(version, region, architecture) for region in regions},
        signature=Signature.VERIFIED,
        signer="52f1",
        etag=f'"{version}"',
    )
    return replace(whole, **changes)


def an_image(claim: Claim, region: str, **faults: Any) -> Image:
    """What EC2 shows of the image of *claim* in *region*: sound, but for *faults*."""
    image = Image(
        image_id=claim.images[region],
        region=region,
        name=image_name(claim.place.channel, claim.version, claim.architecture),
        owner=OWNER,
        architecture=claim.architecture,
        virtualization="hvm",
        root_device="ebs",
        state="available",
        public=True,
        created_at="2026-11-01T00:00:00.000Z",
        deprecation_time="2028-01-01T00:00:00Z",
    )
    return replace(image, **faults)


class Flatcar:
    """The feeds, and every image that they ever named."""

    def __init__(self, *claims: Claim) -> None:
        self.claims: dict[tuple[str, str], Claim] = {}
        self.images: dict[str, dict[str, Image]] = {}
        self.enabled = set(REGIONS)
        self.silent: set[str] = set()
        self.shelf: dict[str, Image | RailyardError | None] = {}
        self.refusals: dict[str, str] = {}
        self.places: list[list[Place]] = []
        self.tags: list[str] = []
        self.asked: list[Mapping[str, Sequence[str]]] = []
        self.calls: list[str] = []
        for claim in claims:
            self.publish(claim)

    def publish(self, claim: Claim) -> None:
        """Let the feed name *claim* from now on, and EC2 have its images."""
        self.claims[claim.place.channel, claim.architecture] = claim
        for region in claim.images:
            self.images.setdefault(region, {}).setdefault(claim.images[region], an_image(claim, region))

    def spoil(self, region: str, image: str, **faults: Any) -> None:
        """Let an image be unsound from now on."""
        self.images[region][image] = replace(self.images[region][image], **faults)

    def first(self, places: Iterable[Place], architecture: str, etag: str = "") -> Claim | None:
        self.places.append(list(places))
        self.tags.append(etag)
        found = self.claims.get((self.places[-1][0].channel, architecture))
        if found is None:
            raise NoFeed("nothing there", code=Trouble.MISSING)
        return None if etag and etag == found.etag else found

    def enabled_regions(self, home: str) -> frozenset[str]:
        assert home == HOME
        self.calls.append("enabled_regions")
        return frozenset(self.enabled)

    def everywhere(
        self, ids: Mapping[str, Sequence[str]]
    ) -> Mapping[str, Mapping[str, Image] | RailyardError]:
        self.asked.append(ids)
        return {region: self._shown(region, wanted) for region, wanted in ids.items()}

    def _shown(self, region: str, wanted: Sequence[str]) -> Mapping[str, Image] | RailyardError:
        if region in self.silent:
            return Throttled("busy")
        return {key: image for key, image in self.images.get(region, {}).items() if key in wanted}

    def newest_everywhere(
        self, regions: Iterable[str], *, owner: str, name: str, architecture: str
    ) -> Mapping[str, Image | RailyardError | None]:
        assert owner == "aws-marketplace"
        self.calls.append("newest_everywhere")
        return {region: self.shelf.get(region) for region in regions}

    def refusal(self, region: str, image_id: str, architecture: str) -> str:
        self.calls.append(f"refusal {image_id}")
        return self.refusals.get(image_id, "")


class Copies:
    """Copies as EC2 makes them: pending until *done*, once for each token, each name once in a region."""

    def __init__(self, flatcar: Flatcar, effect: Callable[[], None]) -> None:
        self.held: dict[str, Copy] = {}
        self.ordered: list[CopyOrder] = []
        self.refused: dict[str, RailyardError] = {}
        self.silent: set[str] = set()
        self.listed = 0
        self.made: dict[tuple[str, str], CopyOrder] = {}
        self.now = NOW
        self._flatcar, self._effect = flatcar, effect

    def everywhere(self, regions: Iterable[str]) -> Mapping[str, Sequence[Copy] | RailyardError]:
        self.listed += 1
        return {
            region: Throttled("busy", code="RequestLimitExceeded")
            if region in self.silent
            else tuple(copy for copy in self.held.values() if copy.image.region == region)
            for region in regions
        }

    def make(self, orders: Iterable[CopyOrder]) -> Mapping[str, RailyardError]:
        failed = {}
        for order in orders:
            self._effect()
            self.ordered.append(order)
            if order.region in self.refused:
                failed[order.key] = self.refused[order.region]
            elif (order.region, order.token) not in self.made:
                self._make(order)
            else:
                assert self.made[order.region, order.token] == order, "IdempotentParameterMismatch"
        return failed

    def _make(self, order: CopyOrder) -> None:
        there = [copy for copy in self.held.values() if copy.image.region == order.region]
        assert order.name not in {copy.image.name for copy in there}, "InvalidAMIName.Duplicate"
        self.made[order.region, order.token] = order
        source = self._flatcar.images[order.region][order.source]
        image = replace(
            source,
            image_id=f"{order.source}-copy-{len(self.made)}",
            name=order.name,
            owner="123456789012",
            public=False,
            state="pending",
            created_at=self.now.isoformat(),
            deprecation_time="",
        )
        self.put(Copy(image=image, source=order.tags[COPY_OF], tags=order.tags))

    def put(self, copy: Copy) -> None:
        """Let a copy be as it is given, wherever images are looked at."""
        self.held[copy.image_id] = copy
        self._flatcar.images.setdefault(copy.image.region, {})[copy.image_id] = copy.image

    def become(self, state: str, *regions: str) -> None:
        """Let all copies that are pending in *regions* (in none named: all) come to an end."""
        for copy in list(self.held.values()):
            if copy.image.state == "pending" and (not regions or copy.image.region in regions):
                self.put(replace(copy, image=replace(copy.image, state=state)))

    def take_away(self, copies: Iterable[Copy]) -> Mapping[str, RailyardError]:
        for copy in copies:
            self._effect()
            self.held.pop(copy.image_id, None)
            self._flatcar.images[copy.image.region].pop(copy.image_id, None)
        return {}

    def of(self, version: str, region: str) -> str:
        """Return the newest copy of the image of *version* in *region*."""
        source = image_id(version, region)
        (*_, found) = (copy.image_id for copy in self.held.values() if copy.source == source)
        return found


class Parameters:
    """SSM: it takes every value, and shows those that it does not *drop*; a *silent* region answers nothing."""

    def __init__(self, effect: Callable[[], None]) -> None:
        self.values: dict[tuple[str, str], str] = {}
        self.drop: set[str] = set()
        self.silent: set[str] = set()
        self.images: frozenset[str] = frozenset()
        self._effect = effect

    def everywhere(
        self, names: Mapping[str, Sequence[str]]
    ) -> Mapping[str, Mapping[str, str] | RailyardError]:
        return {region: self._read(region, wanted) for region, wanted in names.items()}

    def _read(self, region: str, names: Iterable[str]) -> Mapping[str, str] | RailyardError:
        if region in self.silent:
            return Throttled("busy", code="ThrottlingException")
        return {name: self.values[region, name] for name in names if (region, name) in self.values}

    def publish(
        self, values: Mapping[str, Mapping[str, str]], images: frozenset[str]
    ) -> Mapping[str, Mapping[str, str] | RailyardError]:
        self.images = images
        answer: dict[str, Mapping[str, str] | RailyardError] = {}
        for region, named in sorted(values.items()):
            for name, value in named.items():
                if region not in self.silent | self.drop and self.values.get((region, name)) != value:
                    self._effect()
                    self.values[region, name] = value
            answer[region] = self._read(region, named)
        return answer


class Lines:
    """The table: records conditioned on their sequence, entries that are never written over."""

    def __init__(self, effect: Callable[[], None]) -> None:
        self.held: dict[str, Line] = {}
        self.switch: Switch | None = None
        self.log: dict[tuple[str, str], Entry] = {}
        self.writes: list[tuple[Line, Line]] = []
        self._effect = effect

    def look(self, lines: Iterable[str]) -> tuple[Mapping[str, Line], Switch | None]:
        return self.read(lines), self.switch

    def read(self, lines: Iterable[str]) -> Mapping[str, Line]:
        return {line: self.held[line] for line in lines if line in self.held}

    def all(self) -> Iterable[Line]:
        return list(self.held.values())

    def record(self, line: Line, over: Line, entries: Iterable[Entry] = ()) -> None:
        self._effect()
        if self.held.get(line.line, Line(line=line.line)).sequence != over.sequence:
            raise Conflict("somebody was first")
        assert line.sequence == over.sequence + 1
        for each in entries:
            assert (each.line, each.version) not in self.log
            self.log[each.line, each.version] = each
        self.writes.append((over, line))
        self.held[line.line] = line
        self._effect()

    def entries(self, line: str = "stable#amd64") -> list[Entry]:
        return [entry for (key, _), entry in sorted(self.log.items()) if key == line]


class Sets:
    """AMI sets, as far as a run reads them."""

    def __init__(self) -> None:
        self.heads: list[AmiSet] = []
        self.held: dict[tuple[str, int], Version] = {}

    def all(self) -> Iterable[AmiSet]:
        return self.heads

    def versions(self, wanted: Iterable[tuple[str, int]]) -> Mapping[tuple[str, int], Version]:
        return {key: self.held[key] for key in wanted if key in self.held}


class Canary:
    """The canary pool: what was asked for, and what came of it."""

    def __init__(self, effect: Callable[[], None]) -> None:
        self.asked: dict[str, Candidate] = {}
        self.trials: dict[str, Trial] = {}
        self.cancelled: list[str] = []
        self._effect = effect

    def look(self, request_ids: Iterable[str]) -> Mapping[str, Trial]:
        return {key: self.trials[key] for key in request_ids if key in self.trials}

    def ask(self, line: Line, candidate: Candidate) -> None:
        self._effect()
        self.asked[candidate.request_id(line.line)] = candidate
        self.trials.setdefault(candidate.request_id(line.line), Trial(state=RequestState.REQUESTED))

    def cancel(self, request_ids: Iterable[str]) -> None:
        for key in request_ids:
            self._effect()
            self.cancelled.append(key)
            known = self.trials.get(key, Trial(state=RequestState.CANCELLED))  # a tombstone, if it never came
            self.trials[key] = replace(known, state=RequestState.CANCELLED, healthy=None)


class World:
    """All of it, with a clock."""

    def __init__(self, *claims: Claim, settings: Settings = SETTINGS) -> None:
        self.now, self.settings = NOW, settings
        self.before_effect: Callable[[int], None] = lambda _: None
        self._effects = 0
        self.flatcar = Flatcar(*(claims or (a_claim(), a_claim(architecture="arm64"))))
        self.parameters = Parameters(self._effect)
        self.copies = Copies(self.flatcar, self._effect)
        self.ami_sets = Sets()
        self.lines, self.canary = Lines(self._effect), Canary(self._effect)
        self.ports = Ports(
            feeds=self.flatcar,
            images=self.flatcar,
            copies=self.copies,
            parameters=self.parameters,
            lines=self.lines,
            ami_sets=self.ami_sets,
            canary=self.canary,
        )

    def _effect(self) -> None:
        self._effects += 1
        self.before_effect(self._effects)

    def refresh(self, settings: Settings | None = None) -> Outcome:
        """Run once."""
        self._effects, self.copies.now = 0, self.now
        return run(self.ports, settings or self.settings, HOME, self.now)

    def pass_time(self, **time: float) -> None:
        """Move the clock."""
        self.now += timedelta(**time)

    def line(self, line: str = "stable#amd64") -> Line:
        """Return the record of a line."""
        return self.lines.held[line]

    def move(self, how: Callable[..., Move], *more: Any, line: str = "stable#amd64") -> None:
        """Do what the API does: change the record of a line, with an entry."""
        before = self.line(line)
        after, entry = how(before, *more, by="ops", reason="because", now=self.now)
        if entry:
            self.lines.record(after, before, [entry])

    def image(self, region: str = HOME, name: str = IMAGE) -> str:
        """Return what a parameter of a region holds."""
        return self.parameters.values.get((region, name), "")

    def prove(self, release: Release | None = None) -> None:
        """Let the candidate's machine run, healthy, since now."""
        candidate = self.line().candidate
        assert candidate
        self.canary.trials[self.line().trial] = Trial(
            state=RequestState.FULFILLED,
            image=(release or candidate.release).images[HOME],
            since=self.now,
            healthy=True,
        )


def step(outcome: Outcome, line: str = "stable#amd64") -> Step:
    """Return what became of *line*."""
    (found,) = (each for each in outcome.steps if each.after.line == line)
    return found


def results(outcome: Outcome) -> tuple[str, ...]:
    """Return a word for each line: held, published, or kept."""
    return tuple(
        "busy" if each.busy else "held" if each.after.hold else "published" if each.told else "kept"
        for each in outcome.steps
    )
