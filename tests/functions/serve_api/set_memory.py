"""AMI sets in memory, as strict as the tables; EC2 with images that come and go; the API in front of both."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from railyard.aws.tables.items import Item, decode, encode
from railyard.errors import Conflict, RailyardError, Throttled
from railyard.model.ami_sets import AmiSet, Audit, Change, Deployment, Version
from railyard.model.images import Image
from railyard.model.ledger import Known
from railyard.model.pools import Pool
from railyard.model.releases import Line
from serve_api.calls import Answer, Asked
from serve_api.ports import Ports
from serve_api.run import run
from tests.builders import NOW, a_pool
from tests.functions.serve_api.memory import MemoryLines

HOME = "us-east-1"
ANN = "arn:aws:iam::123456789012:user/ann"


def ami(number: int) -> str:
    """An id that can be one."""
    return f"ami-{number:017x}"


def image(number: int, region: str = HOME, architecture: str = "amd64", **changes: Any) -> dict[str, Any]:
    """An image of a document."""
    return {"region": region, "architecture": architecture, "image_id": ami(number)} | changes


def document(*images: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """A set with those *images*, or with one for each architecture at home."""
    return {"images": list(images) or [image(1), image(2, architecture="arm64")]} | changes


def shown(image_id: str, region: str = HOME, **changes: Any) -> Image:
    """A sound image as EC2 shows it."""
    sound: dict[str, Any] = {
        "architecture": "amd64",
        "virtualization": "hvm",
        "name": "own",
        "owner": "123456789012",
        "root_device": "ebs",
        "state": "available",
        "public": False,
    }
    return Image(image_id=image_id, region=region, **sound | changes)


class MemorySets:
    """Heads, versions, history and deployments as items, each written under its condition, all or none.

    Of *races* one happens before each write.
    """

    def __init__(self) -> None:
        self.items: dict[tuple[str, str], Item] = {}
        self.pools: dict[str, Item] = {}
        self.races: list[Callable[[], object]] = []
        self.reads = 0

    def head(self, name: str) -> AmiSet:
        self.reads += 1
        item = self.items.get((name, "head"))
        return decode(AmiSet, item) if item else AmiSet(ami_set=name)

    def all(self) -> list[AmiSet]:
        self.reads += 1
        heads = [decode(AmiSet, item) for (_, part), item in sorted(self.items.items()) if part == "head"]
        return [head for head in heads if not head.removed]

    def versions(self, wanted: Iterable[tuple[str, int]]) -> dict[tuple[str, int], Version]:
        self.reads += 1
        keys = [(name, f"v#{number:08d}") for name, number in wanted]
        found = [decode(Version, self.items[key]) for key in keys if key in self.items]
        return {(each.ami_set, each.number): each for each in found}

    def deployments(self, pools: Iterable[str]) -> dict[str, Deployment]:
        self.reads += 1
        return {pool: decode(Deployment, self.pools[pool]) for pool in set(pools) if pool in self.pools}

    def entries(self, name: str) -> list[Audit]:
        """The history, oldest first."""
        keys = sorted(key for key in self.items if key[0] == name and key[1].startswith("audit#"))
        return [decode(Audit, self.items[key]) for key in keys]

    def history(
        self, name: str, limit: int, token: Mapping[str, Any] | None = None
    ) -> tuple[list[Audit], Any]:
        self.reads += 1
        if token is not None and (token.keys() != {"ami_set", "part"} or token["ami_set"] != {"S": name}):
            raise ValueError(f"DynamoDB: the starting key is outside of the query: {token}")
        before = token["part"]["S"] if token else "b"
        left = [each for each in reversed(self.entries(name)) if each.part < before]
        following = (
            {"ami_set": {"S": name}, "part": {"S": left[limit - 1].part}} if len(left) > limit else None
        )
        return left[:limit], following

    def commit(self, change: Change) -> None:
        self._race()
        name = change.before.ami_set
        self._unmoved(change.before)
        if change.after.sequence != change.before.sequence + 1:
            raise ValueError(f"{name} does not get the next sequence")
        new = {(name, each.part): encode(each) for each in (change.version, change.audit) if each}
        if new.keys() & self.items.keys():
            raise Conflict(f"{name}: {sorted(new)} is there already")
        self._deploy(*change.deployment)
        self.items |= new | {(name, "head"): encode(change.after)}

    def check(
        self, before: AmiSet, after: AmiSet, deployments: Iterable[tuple[Deployment, Deployment]]
    ) -> None:
        self._race()
        self._unmoved(before)
        for was, shall in deployments:
            self._deploy(was, shall)
        self.items[before.ami_set, "head"] = encode(after)

    def _race(self) -> None:
        if self.races:
            self.races.pop(0)()

    def _unmoved(self, before: AmiSet) -> None:
        if self.head(before.ami_set).sequence != before.sequence:
            raise Conflict(f"{before.ami_set} is not as it was read")

    def _deploy(self, was: Deployment | None, shall: Deployment | None) -> None:
        pool = (shall or was).pool if shall or was else ""  # type: ignore[union-attr]
        there = decode(Deployment, self.pools[pool]) if pool in self.pools else None
        if (there.sequence if there else 0) != (was.sequence if was else 0):
            raise Conflict(f"{pool} does not launch what it did")
        if shall:
            self.pools[pool] = encode(shall)
        elif was:
            del self.pools[pool]


class MemoryImages:
    """EC2: images by id, regions that are enabled, and those that do not answer."""

    def __init__(self) -> None:
        self.there: dict[str, Image] = {}
        self.enabled = {HOME, "eu-west-1", "eu-central-1", "ap-south-1"}
        self.silent: set[str] = set()
        self.home_is_silent = False
        self.calls: list[str] = []

    def enabled_regions(self, home: str) -> frozenset[str]:
        assert home == HOME
        self.calls.append("DescribeRegions")
        if self.home_is_silent:
            raise Throttled("DescribeRegions: RequestLimitExceeded")
        return frozenset(self.enabled)

    def everywhere(self, ids: Mapping[str, Sequence[str]]) -> dict[str, Mapping[str, Image] | RailyardError]:
        assert ids.keys() <= self.enabled, "a client for a region that is not enabled"
        self.calls += [f"DescribeImages {region}" for region in ids]
        return {region: self._in(region, each) for region, each in ids.items()}

    def _in(self, region: str, ids: Sequence[str]) -> Mapping[str, Image] | RailyardError:
        if region in self.silent:
            return Throttled(f"DescribeImages in {region}: RequestLimitExceeded")
        found = [self.there[each] for each in ids if each in self.there]
        return {each.image_id: each for each in found if each.region == region}


class Yard:
    """The API over sets, images, pools and release lines. ``ami(1)`` is sound for amd64, ``ami(2)`` for arm64, and so on."""

    def __init__(self, *lines: Line) -> None:
        self.sets, self.images, self.lines = MemorySets(), MemoryImages(), MemoryLines(*lines)
        self.known = {"default": a_pool(), "ci": a_pool("ci", architectures=("amd64",))}
        self.now = NOW
        for number in range(1, 21):
            self.make(number, architecture="amd64" if number % 2 else "arm64")

    def make(self, number: int, region: str = HOME, **changes: Any) -> None:
        self.images.there[ami(number)] = shown(ami(number), region, **changes)

    def pools(self) -> Known:
        return Known(requests={}, pools=self.known, counters={})

    def pool(self, name: str, *architectures: str) -> Pool:
        self.known[name] = a_pool(name, architectures=architectures)
        return self.known[name]

    def ask(
        self, method: str, path: str, body: Any = None, if_match: str = "", by: str = ANN, **query: str
    ) -> Answer:
        asked = Asked(
            method=method,
            path=path,
            query=query,
            body=body if isinstance(body, str) else json.dumps(body) if body is not None else "",
            sender="AIDA",
            by=by,
            if_match=if_match,
        )
        none: Any = None
        records: Any = self
        ports = Ports(
            records=records,
            lines=self.lines,
            sets=self.sets,
            images=self.images,
            home=HOME,
            requests=none,
            leases=none,
            wake=none,
            pools=none,
            rules=none,
            requesters=none,
            reply_queues=(),
            switches=none,
        )
        answer = run(asked, ports, self.now)
        json.dumps(answer.body)
        return answer

    def create(self, body: Any = None, name: str = "base", **more: Any) -> Answer:
        return self.ask("PUT", f"/ami-sets/{name}", document() if body is None else body, **more)

    def update(self, body: Any, if_match: str = "*", name: str = "base", **more: Any) -> Answer:
        return self.ask("POST", f"/ami-sets/{name}/update", body, if_match, **more)

    def roll_back(self, version: Any, if_match: str = "", **more: Any) -> Answer:
        return self.ask("POST", "/ami-sets/base/rollback", {"version": version} | more, if_match)

    def deploy(
        self, version: int | str = "latest", pool: str = "default", name: str = "base", **more: Any
    ) -> Answer:
        return self.ask("PUT", f"/deployments/{name}/{pool}", {"version": version} | more)

    def withdraw(self, pool: str = "default", name: str = "base") -> Answer:
        return self.ask("DELETE", f"/deployments/{name}/{pool}")

    def see(self, name: str = "base", rest: str = "") -> dict[str, Any]:
        answer = self.ask("GET", f"/ami-sets/{name}{rest}")
        assert answer.status == 200, answer
        return dict(answer.body)

    def tag(self, name: str = "base") -> str:
        return self.ask("GET", f"/ami-sets/{name}").headers["ETag"]

    def launches(self, pool: str = "default") -> Deployment | None:
        return self.sets.deployments([pool]).get(pool)

    def actions(self, name: str = "base") -> list[str]:
        return [each.action.value for each in self.sets.entries(name)]

    def later(self, **by: Any) -> datetime:
        from datetime import timedelta

        self.now += timedelta(**by)
        return self.now


def code(answer: Answer) -> tuple[int, str]:
    """Status and code of an error."""
    return answer.status, answer.body["error"]["code"]
