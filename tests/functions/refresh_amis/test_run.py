"""Claims fetched, images asked for once per region, sound lines published, the record last."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from railyard.errors import Conflict, RailyardError, Throttled
from railyard.flatcar.claims import Claim
from railyard.flatcar.download import Trouble
from railyard.flatcar.feeds import NoFeed
from railyard.flatcar.sources import Place
from railyard.model.images import Image, Release
from refresh_amis.plan import Hold, Keep, Publish, Reason
from refresh_amis.run import Outcome, Ports, run
from refresh_amis.settings import Settings
from tests.builders import NOW
from tests.functions.refresh_amis.test_plan import a_claim, shown

SETTINGS = Settings(releases_table="", bus_name="")
IMAGE = "/railyard/flatcar/stable/amd64/image"
ABOUT = "/railyard/flatcar/stable/amd64/release"


class Flatcar:
    """Both sides of a release: what the feeds claim, and what EC2 shows of it."""

    def __init__(self, *claims: Claim) -> None:
        self.claims = {(claim.place.channel, claim.architecture): claim for claim in claims}
        self.places: list[list[Place]] = []
        self.tags: list[str] = []
        self.counted = 0
        self.asked: list[Mapping[str, Sequence[str]]] = []
        self.unsound: dict[str, Any] = {}
        self.closed: set[str] = set()

    def first(self, places: Iterable[Place], architecture: str, etag: str = "") -> Claim | None:
        self.places.append(list(places))
        self.tags.append(etag)
        found = self.claims.get((self.places[-1][0].channel, architecture))
        if found is None:
            raise NoFeed("nothing there", code=Trouble.MISSING)
        return None if etag and etag == found.etag else found

    def enabled_regions(self, home: str) -> frozenset[str]:
        assert home == "us-east-1"
        self.counted += 1
        return frozenset({r for claim in self.claims.values() for r in claim.images} | {home}) - self.closed

    def everywhere(
        self, ids: Mapping[str, Sequence[str]]
    ) -> Mapping[str, Mapping[str, Image] | RailyardError]:
        self.asked.append(ids)
        found: dict[str, dict[str, Image]] = {}
        for (_, architecture), claim in self.claims.items():
            faults = self.unsound if architecture == "amd64" else {}
            for region, images in shown(claim, **faults).items():
                found[region] = found.get(region, {}) | images
        return found


class Parameters:
    """SSM: it takes every value, and shows those that it does not *drop*."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, str], str] = {}
        self.drop: set[str] = set()
        self.silent: set[str] = set()
        self.images: frozenset[str] = frozenset()

    def publish(
        self, values: Mapping[str, Mapping[str, str]], images: frozenset[str]
    ) -> dict[str, Mapping[str, str] | RailyardError]:
        self.images = images
        answer: dict[str, Mapping[str, str] | RailyardError] = {}
        for region, named in values.items():
            if region in self.silent:
                answer[region] = Throttled("busy", code="ThrottlingException")
                continue
            self.values |= {(region, n): v for n, v in named.items() if region not in self.drop}
            answer[region] = {n: self.values[region, n] for n in named if (region, n) in self.values}
        return answer


class Releases:
    def __init__(self) -> None:
        self.held: dict[str, Release] = {}
        self.crash: Exception | None = None
        self.writes = 0

    def current(self, line: str) -> Release | None:
        return self.held.get(line)

    def record(self, release: Release, seen: Release | None) -> None:
        self.writes += 1
        if self.crash:
            raise self.crash
        assert self.held.get(release.line) == seen
        self.held[release.line] = release


class World:
    def __init__(self, *claims: Claim) -> None:
        self.flatcar = Flatcar(*(claims or (a_claim(), a_arm())))
        self.parameters, self.releases = Parameters(), Releases()

    def refresh(self, settings: Settings = SETTINGS) -> Outcome:
        ports = Ports(
            feeds=self.flatcar, images=self.flatcar, parameters=self.parameters, releases=self.releases
        )
        return run(ports, settings, "us-east-1", NOW)


def a_arm(version: str = "4593.2.5") -> Claim:
    return a_claim(version, "arm64", etag=f'"{version}"')


def kinds(outcome: Outcome) -> tuple[type, ...]:
    return tuple(type(each) for each in outcome.decisions)


def test_every_line_is_published_in_every_region_and_then_recorded() -> None:
    world = World()
    outcome = world.refresh()
    assert (kinds(outcome), outcome.good) == ((Publish, Publish), True)
    assert world.parameters.values["us-east-1", IMAGE] == "ami-00000001"
    assert json.loads(world.parameters.values["eu-west-1", ABOUT])["version"] == "4593.2.5"
    assert set(world.releases.held) == {"stable#amd64", "stable#arm64"}


def test_only_images_get_the_type_that_ec2_resolves() -> None:
    world = World()
    world.refresh()
    assert IMAGE in world.parameters.images
    assert ABOUT not in world.parameters.images


def test_ec2_is_asked_once_for_the_images_of_all_architectures() -> None:
    world = World()
    world.refresh()
    (asked,) = world.flatcar.asked
    assert {region: len(ids) for region, ids in asked.items()} == {"eu-west-1": 2, "us-east-1": 2}


def test_a_second_run_changes_nothing() -> None:
    world = World()
    world.refresh()
    before = dict(world.parameters.values), dict(world.releases.held)
    assert kinds(world.refresh()) == (Keep, Keep)
    assert (world.parameters.values, world.releases.held) == before


def test_a_feed_in_trouble_holds_its_own_line_alone_and_the_last_good_stays() -> None:
    world = World()
    world.refresh()
    before = world.releases.held["stable#amd64"], world.parameters.values["us-east-1", IMAGE]
    del world.flatcar.claims["stable", "amd64"]
    world.flatcar.claims["stable", "arm64"] = a_arm("4593.2.6")
    outcome = world.refresh()
    assert kinds(outcome) == (Hold, Publish)
    assert isinstance(outcome.decisions[0], Hold)
    assert outcome.decisions[0].reason is Reason.FEED
    assert "feed_missing" in outcome.decisions[0].detail
    assert (world.releases.held["stable#amd64"], world.parameters.values["us-east-1", IMAGE]) == before


def test_an_unsound_image_writes_nothing_of_its_line() -> None:
    world = World()
    world.flatcar.unsound = {"state": "failed"}
    outcome = world.refresh()
    assert (kinds(outcome), outcome.good) == ((Hold, Publish), False)
    assert "stable#amd64" not in world.releases.held
    assert ("us-east-1", IMAGE) not in world.parameters.values


def test_a_value_that_ssm_drops_holds_the_line_and_is_not_recorded() -> None:
    world = World()
    world.parameters.drop = {"eu-west-1"}
    outcome = world.refresh()
    first = outcome.decisions[0]
    assert isinstance(first, Hold)
    assert (first.reason, first.regions) == (Reason.UNPUBLISHED, {"eu-west-1": ("not_readable",)})
    assert world.releases.held == {}
    world.parameters.drop = set()
    assert kinds(world.refresh()) == (Publish, Publish)


def test_a_region_that_fails_is_named_by_its_code() -> None:
    world = World()
    world.parameters.silent = {"us-east-1"}
    first = world.refresh().decisions[0]
    assert isinstance(first, Hold)
    assert first.regions == {"us-east-1": ("ThrottlingException",)}


@pytest.mark.parametrize("crash", [Throttled("the end"), Conflict("another publisher")])
def test_a_crash_between_put_and_record_is_finished_by_the_next_run(crash: Exception) -> None:
    world = World()
    world.releases.crash = crash
    with pytest.raises(type(crash)):
        world.refresh()
    put = dict(world.parameters.values)
    world.releases.crash = None
    assert kinds(world.refresh()) == (Publish, Publish)
    assert set(world.releases.held) == {"stable#amd64", "stable#arm64"}
    assert {name for _, name in put} == {name for _, name in world.parameters.values}


def test_with_every_feed_in_trouble_ec2_is_not_asked() -> None:
    world = World()
    world.flatcar.claims.clear()
    assert kinds(world.refresh()) == (Hold, Hold)
    assert world.flatcar.asked == []


def test_a_region_that_the_account_has_not_opted_into_is_left_out_and_named() -> None:
    world = World()
    world.flatcar.closed = {"eu-west-1"}
    outcome = world.refresh()
    assert (outcome.good, outcome.skipped) == (True, ("eu-west-1",))
    assert {region for region, _ in world.parameters.values} == set(a_claim().images) - {"eu-west-1"}
    assert all("eu-west-1" not in ids for ids in world.flatcar.asked)


def test_a_region_that_is_opted_into_later_gets_the_release_that_is_out() -> None:
    world = World()
    world.flatcar.closed = {"eu-west-1"}
    world.refresh()
    world.flatcar.closed = set()
    outcome = world.refresh()
    assert kinds(outcome) == (Publish, Publish)
    assert ("eu-west-1", IMAGE) in world.parameters.values


def test_without_any_enabled_region_the_line_is_held() -> None:
    world = World()
    world.flatcar.closed = set(a_claim().images)
    assert {each.reason for each in world.refresh().decisions if isinstance(each, Hold)} == {Reason.FEED}


def test_a_feed_that_has_not_changed_is_not_looked_at_again() -> None:
    world = World()
    world.refresh()
    asked, writes = len(world.flatcar.asked), world.releases.writes
    outcome = world.refresh()
    assert (kinds(outcome), outcome.good) == ((Keep, Keep), True)
    assert world.flatcar.tags[-2:] == ['"one"', '"4593.2.5"']
    assert (len(world.flatcar.asked), world.flatcar.counted, world.releases.writes) == (asked, 1, writes)


def test_a_held_line_is_read_whole_again_until_it_is_sound() -> None:
    world = World()
    world.refresh()
    world.flatcar.claims["stable", "amd64"] = a_claim("4593.2.6", etag='"two"')
    world.flatcar.unsound = {"state": "pending"}
    assert kinds(world.refresh()) == (Hold, Keep)
    assert kinds(world.refresh()) == (Hold, Keep)
    world.flatcar.unsound = {}
    assert kinds(world.refresh()) == (Publish, Keep)


def test_a_tag_that_changed_alone_is_remembered_and_asked_with_next_time() -> None:
    world = World()
    world.refresh()
    world.flatcar.claims["stable", "amd64"] = a_claim(etag='"two"')
    put = dict(world.parameters.values)
    assert kinds(world.refresh()) == (Keep, Keep)
    assert world.releases.held["stable#amd64"].etag == '"two"'
    assert world.parameters.values == put
    world.refresh()
    assert world.flatcar.tags[-2] == '"two"'


def test_while_a_region_is_closed_only_its_opening_is_asked_for() -> None:
    world = World()
    world.flatcar.closed = {"eu-west-1"}
    world.refresh()
    asked = len(world.flatcar.asked)
    outcome = world.refresh()
    assert (kinds(outcome), outcome.skipped) == ((Keep, Keep), ("eu-west-1",))
    assert (len(world.flatcar.asked), world.flatcar.counted) == (asked, 2)


def test_a_mirror_is_asked_first_and_then_the_feed() -> None:
    world = World()
    world.refresh(replace(SETTINGS, mirror_url="https://mirror.example.com/{channel}/{board}"))
    first, second = world.flatcar.places[0][:2]
    assert (first.source, second.source) == ("mirror", "feed")
    assert first.url.startswith("https://mirror.example.com/stable/amd64-usr/")


def test_the_feed_of_another_host_never_leads_to_flatcar_s_hosts() -> None:
    world = World()
    world.refresh(replace(SETTINGS, feed_url="http://127.0.0.1:1/feed/{channel}/{board}/current"))
    urls = [url for places in world.flatcar.places for each in places for url in (each.url, each.version_url)]
    assert urls
    assert all(url.startswith("http://127.0.0.1:1/") for url in urls)


def test_a_year_that_the_address_cannot_name_holds_its_line_and_says_so() -> None:
    outcome = World().refresh(
        replace(SETTINGS, channels=("lts-2024",), feed_url="https://f.example.com/{channel}/{board}/current")
    )
    first = outcome.decisions[0]
    assert isinstance(first, Hold)
    assert "needs {folder}" in first.detail


def test_a_region_that_waits_is_looked_at_each_time() -> None:
    world, settings = World(), replace(SETTINGS, regions_required=("eu-west-1",))
    world.flatcar.unsound = {"state": "pending"}
    assert kinds(world.refresh(settings)) == (Publish, Publish)
    assert world.releases.held["stable#amd64"].behind == {"us-east-1": ""}
    assert ("us-east-1", IMAGE) not in world.parameters.values
    assert kinds(world.refresh(settings)) == (Keep, Keep)
    world.flatcar.unsound = {}
    assert kinds(world.refresh(settings)) == (Publish, Keep)
    assert ("us-east-1", IMAGE) in world.parameters.values


def test_a_withdrawn_region_keeps_its_parameter_and_says_so() -> None:
    world = World()
    world.refresh()
    here = {"eu-west-1": "ami-00000009"}
    world.flatcar.claims["stable", "amd64"] = a_claim("4593.2.6", images=here, etag='"two"')
    assert kinds(world.refresh()) == (Publish, Keep)
    assert world.parameters.values["us-east-1", IMAGE] == "ami-00000001"
    said = json.loads(world.parameters.values["us-east-1", ABOUT])
    assert (said["version"], said["withdrawn"]) == ("4593.2.5", True)
