"""Sets, lines, images and parameters in memory, as strict as their table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from railyard.errors import Conflict, RailyardError, Throttled
from railyard.model.ami_sets import (
    AmiSet,
    Audit,
    Change,
    Content,
    Deployment,
    Follow,
    SetImage,
    Status,
    Version,
    Word,
    create,
    deploy,
    update,
)
from railyard.model.images import Image
from railyard.model.releases import Line, Placed
from railyard.model.validation import check_version
from tests.builders import NOW
from validate_ami_sets.run import Outcome, Ports, run
from validate_ami_sets.settings import Settings

HOME, AWAY = "us-east-1", "eu-west-1"
SETTINGS = Settings(ami_sets_table="", pools_table="", releases_table="", bus_name="")


def an_image(image_id: str, region: str = HOME, **changes: Any) -> Image:
    """A sound image of somebody; ids that end in ``-arm`` are of arm64."""
    base = Image(
        image_id=image_id,
        region=region,
        name=image_id,
        owner="123456789012",
        architecture="arm64" if image_id.endswith("-arm") else "amd64",
        virtualization="hvm",
        root_device="ebs",
        state="available",
        public=False,
    )
    return replace(base, **changes)


def content(**images: str) -> Content:
    """Images for amd64: ``us_east_1="ami-1"``."""
    return Content(
        images=tuple(
            SetImage(region=region.replace("_", "-"), architecture="amd64", image_id=image)
            for region, image in images.items()
        )
    )


class World:
    """One account."""

    def __init__(self) -> None:
        self.now = NOW
        self.heads: dict[str, AmiSet] = {}
        self.parts: dict[tuple[str, str], Version | Audit] = {}
        self.pools: dict[str, Deployment] = {}
        self.held: dict[str, Line] = {}
        self.images: dict[str, dict[str, Image]] = {HOME: {}, AWAY: {}}
        self.silent: set[str] = set()
        self.dropped: set[str] = set()
        self.values: dict[tuple[str, str], str] = {}
        self.calls: list[str] = []
        self.rival: Any = None

    # What is there

    def show(self, *images: Image) -> None:
        """Let EC2 have *images*."""
        for image in images:
            self.images.setdefault(image.region, {})[image.image_id] = image

    def make(self, name: str, said: Content) -> AmiSet:
        """Make the set *name*, or its next version, and let EC2 have its images."""
        for each in said.images:
            self.show(an_image(each.image_id, each.region))
        head = self.heads.get(name, AmiSet(ami_set=name))
        word = Word(by="manager", at=self.now)
        check = check_version(said, self.everywhere({r: [] for r in self.images}), self.now)
        change = create(head, said, check, word) if head.removed else update(head, said, check, word)
        assert change
        self.commit(change)
        return self.heads[name]

    def deploy(
        self, name: str, pool: str = "default", follow: Follow = Follow.NEVER, number: int = 0
    ) -> None:
        """Deploy a version of a set, the latest if none is given."""
        head = self.heads[name]
        version = self.versions([(name, number or head.number)])[name, number or head.number]
        change = deploy(
            head,
            self.pools.get(pool),
            version,
            pool=pool,
            images={"amd64": version.content.image(HOME, "amd64")},
            follow=follow,
            check=check_version(version.content, self.everywhere({r: [] for r in self.images}), self.now),
            word=Word(by="deployer", at=self.now),
        )
        assert change
        self.commit(change)

    def release(self, channel: str, architecture: str = "amd64", **images: str) -> None:
        """Let *channel* have *images* in force."""
        key = f"{channel}#{architecture}"
        placed = {region.replace("_", "-"): image for region, image in images.items()}
        self.show(*(an_image(image, region) for region, image in placed.items()))
        self.held[key] = Line(
            line=key, placed={r: Placed(image=image, release="1.0.0") for r, image in placed.items()}
        )

    def validate(self, **later: float) -> Outcome:
        """Run once, that much later."""
        self.now += timedelta(**later)
        self.calls.clear()
        ports = Ports(sets=self, lines=Lines(self), images=self, parameters=self)
        return run(ports, SETTINGS, HOME, self.now)

    def status(self, name: str) -> Status:
        """Return what is known of the latest version of a set."""
        return self.heads[name].status(self.heads[name].number)

    # The ports

    def all(self) -> Sequence[AmiSet]:
        self.calls.append("Scan")
        found = [head for head in self.heads.values() if not head.removed]
        if self.rival:
            self.rival()
        return found

    def versions(self, wanted: Iterable[tuple[str, int]]) -> Mapping[tuple[str, int], Version]:
        self.calls.append("BatchGetItem")
        found = {}
        for name, number in wanted:
            version = self.parts.get((name, f"v#{number:08d}"))
            if isinstance(version, Version):
                found[name, number] = version
        return found

    def deployments(self, pools: Iterable[str]) -> Mapping[str, Deployment]:
        wanted = list(pools)
        self.calls += ["BatchGetItem"] if wanted else []
        return {pool: self.pools[pool] for pool in wanted if pool in self.pools}

    def commit(self, change: Change) -> None:
        self.calls.append("TransactWriteItems")
        self._put(change.before, change.after)
        for part in (change.version, change.audit):
            if part:
                assert (part.ami_set, part.part) not in self.parts
                self.parts[part.ami_set, part.part] = part
        was, shall = change.deployment
        if shall:
            self._deployed(was, shall)

    def check(
        self, before: AmiSet, after: AmiSet, deployments: Iterable[tuple[Deployment, Deployment]]
    ) -> None:
        deployed = list(deployments)
        self.calls += ["TransactWriteItems"] if after != before or deployed else []
        if after != before:
            self._put(before, after)
        for was, shall in deployed:
            self._deployed(was, shall)

    def _put(self, before: AmiSet, after: AmiSet) -> None:
        if self.heads.get(after.ami_set, AmiSet(ami_set=after.ami_set)).sequence != before.sequence:
            raise Conflict("somebody was first")
        assert after.sequence == before.sequence + 1
        self.heads[after.ami_set] = after

    def _deployed(self, was: Deployment | None, shall: Deployment) -> None:
        assert self.pools.get(shall.pool) == was
        assert shall.sequence == (was.sequence if was else 0) + 1
        self.pools[shall.pool] = shall

    def everywhere(
        self, ids: Mapping[str, Sequence[str]]
    ) -> Mapping[str, Mapping[str, Image] | RailyardError]:
        self.calls += ["DescribeImages"] * len(ids)
        return {
            region: Throttled("busy") if region in self.silent else self.images.get(region, {})
            for region in ids
        }

    def publish(
        self, values: Mapping[str, Mapping[str, str]], images: frozenset[str]
    ) -> Mapping[str, Mapping[str, str] | RailyardError]:
        self.calls += ["PutParameter"] * sum(map(len, values.values()))
        self.values |= {
            (r, n): v for r, named in values.items() for n, v in named.items() if r not in self.dropped
        }
        return {
            region: {n: self.values[region, n] for n in named if (region, n) in self.values}
            for region, named in values.items()
        }


class Lines:
    """Release lines of a world."""

    def __init__(self, world: World) -> None:
        self._world = world

    def read(self, lines: Iterable[str]) -> Mapping[str, Line]:
        self._world.calls.append("BatchGetItem")
        return {line: self._world.held[line] for line in lines if line in self._world.held}
