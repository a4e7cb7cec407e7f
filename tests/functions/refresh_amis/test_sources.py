"""Mirrors, the Marketplace, dry runs, and the operator's own images."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace

import pytest

from railyard.errors import RailyardError
from railyard.model.images import Image
from railyard.model.releases import What, Why
from refresh_amis.run import run
from refresh_amis.settings import Settings
from tests.functions.refresh_amis.stories import (
    FALLBACK,
    NEW,
    OVERRIDE,
    VALIDATED,
    VERBATIM,
    gone,
    held,
    shelved,
    told,
    world,
)
from tests.functions.refresh_amis.world import (
    ABOUT,
    AWAY,
    HOME,
    SETTINGS,
    Flatcar,
    World,
    a_claim,
    an_image,
    image_id,
    results,
    step,
)


def test_a_mirror_is_asked_first_and_then_the_feed() -> None:
    made = World()
    made.refresh(replace(SETTINGS, mirror_url="https://mirror.example.com/{channel}/{board}"))
    first, second = made.flatcar.places[0][:2]
    assert (first.source, second.source) == ("mirror", "feed")
    assert first.url.startswith("https://mirror.example.com/stable/amd64-usr/")


def test_the_feed_of_another_host_never_leads_to_flatcar_s_hosts() -> None:
    made = World()
    made.refresh(replace(SETTINGS, feed_url="http://127.0.0.1:1/feed/{channel}/{board}/current"))
    urls = [url for places in made.flatcar.places for each in places for url in (each.url, each.version_url)]
    assert urls
    assert all(url.startswith("http://127.0.0.1:1/") for url in urls if url)


def test_a_year_that_the_address_cannot_name_holds_its_line_and_says_so() -> None:
    settings = replace(
        SETTINGS, channels=("lts-2024",), feed_url="https://f.example.com/{channel}/{board}/current"
    )
    assert "needs {folder}" in held(World().refresh(settings).steps[0]).detail


def test_the_marketplace_stands_in_when_nothing_launches_any_more_and_says_so() -> None:
    made = world("4593.2.5", settings=FALLBACK)
    shelved(made, NEW)
    made.flatcar.claims.clear()
    assert results(made.refresh()) == ("held",)
    assert "newest_everywhere" not in made.flatcar.calls
    gone(made, "4593.2.5")
    found = step(made.refresh())
    assert (told(found), held(found).why) == ([What.PUBLISHED], Why.FEED)
    assert made.image() == "ami-market-us-east-1"
    said = json.loads(made.image(HOME, ABOUT))
    assert (said["source"], said["signature"], said["version"]) == ("marketplace", "not_published", NEW)
    made.flatcar.publish(a_claim(NEW))
    made.refresh()
    assert made.image() == image_id(NEW, HOME)
    assert made.line().hold is None


def test_a_feed_whose_images_are_all_gone_lets_the_marketplace_stand_in_too() -> None:
    made = world("4593.2.5", settings=FALLBACK)
    shelved(made, NEW)
    gone(made, "4593.2.5")
    made.pass_time(hours=24)
    found = step(made.refresh())
    assert (told(found), held(found).why) == ([What.PUBLISHED], Why.DEFECTIVE)


def test_a_first_run_without_a_feed_is_served_by_the_marketplace() -> None:
    made = World(settings=replace(FALLBACK, architectures=("amd64",)))
    shelved(made, NEW)
    made.flatcar.claims.clear()
    assert told(step(made.refresh())) == [What.PUBLISHED]


def test_the_marketplace_is_asked_for_the_channel_s_name_and_the_line_s_architecture() -> None:
    class Shop(Flatcar):
        def newest_everywhere(
            self, regions: Iterable[str], *, owner: str, name: str, architecture: str
        ) -> Mapping[str, Image | RailyardError | None]:
            self.calls.append(f"{name} {architecture} {owner}")
            return {}

    made, shop = World(), Shop()
    ports = replace(made.ports, feeds=shop, images=shop)
    run(ports, replace(FALLBACK, architectures=("arm64",)), HOME, made.now)
    assert shop.calls[-1] == "Flatcar-stable-* arm64 aws-marketplace"


def test_the_marketplace_has_no_image_of_a_year() -> None:
    made = World(settings=replace(FALLBACK, channels=("lts-2024",), architectures=("amd64",)))
    assert results(made.refresh()) == ("held",)
    assert "newest_everywhere" not in made.flatcar.calls


def test_without_leave_a_feed_whose_images_are_gone_does_not_lead_to_the_marketplace() -> None:
    made = world("4593.2.5", settings=replace(SETTINGS, allow_fallback=("beta",)))
    shelved(made, NEW)
    gone(made, "4593.2.5")
    made.pass_time(hours=24)
    assert held(step(made.refresh())).why is Why.DEFECTIVE
    assert "newest_everywhere" not in made.flatcar.calls


def test_without_leave_the_marketplace_is_never_asked() -> None:
    made = world("4593.2.5")
    shelved(made, NEW)
    gone(made, "4593.2.5")
    made.flatcar.claims.clear()
    made.pass_time(hours=24)
    assert told(step(made.refresh())) == []
    assert "newest_everywhere" not in made.flatcar.calls


def test_an_older_image_never_stands_in() -> None:
    made = world(NEW, settings=FALLBACK)
    shelved(made, "4593.2.5")
    gone(made, NEW)
    made.flatcar.claims.clear()
    assert told(step(made.refresh())) == []
    assert made.image() == image_id(NEW, HOME)


def test_an_image_that_ec2_would_not_launch_is_held_and_known_ones_are_not_tested_again() -> None:
    made = world("4593.2.4", settings=replace(SETTINGS, dry_run=True))
    made.flatcar.publish(a_claim("4593.2.5"))
    made.flatcar.refusals[image_id("4593.2.5", HOME)] = "AuthFailure"
    found = step(made.refresh())
    assert held(found).regions == {HOME: ("not_launchable",)}
    tested = [call for call in made.flatcar.calls if call.startswith("refusal")]
    assert tested == [f"refusal {image_id(version, HOME)}" for version in ("4593.2.4", "4593.2.5")]


def test_ec2_is_not_asked_to_launch_anything_unless_it_is_wanted() -> None:
    made = world("4593.2.4")
    assert [call for call in made.flatcar.calls if call.startswith("refusal")] == []


def test_an_override_is_published_and_its_end_brings_the_release_back() -> None:
    made = world("4593.2.5", settings=VALIDATED)
    mine = an_image(a_claim(), HOME, owner="123456789012", name="mine", public=False)
    made.flatcar.images[HOME]["ami-mine"] = replace(mine, image_id="ami-mine")
    made.parameters.values[HOME, OVERRIDE] = "ami-mine"
    assert told(step(made.refresh())) == [What.PUBLISHED]
    assert (made.image(), made.image(AWAY)) == ("ami-mine", image_id("4593.2.5", AWAY))
    assert json.loads(made.image(HOME, ABOUT))["source"] == "override"
    made.flatcar.publish(a_claim(NEW))
    made.refresh()
    assert (made.image(), made.image(AWAY)) == ("ami-mine", image_id(NEW, AWAY))
    del made.parameters.values[HOME, OVERRIDE]
    made.refresh()
    assert made.image() == image_id(NEW, HOME)


@pytest.mark.parametrize(("settings", "taken"), [(VALIDATED, False), (VERBATIM, True), (SETTINGS, False)])
def test_an_override_that_ec2_does_not_know_is_taken_only_verbatim(
    settings: Settings, *, taken: bool
) -> None:
    made = world("4593.2.5", settings=settings)
    made.parameters.values[HOME, OVERRIDE] = "ami-unknown"
    found = step(made.refresh())
    assert (made.image() == "ami-unknown") is taken
    if settings is VALIDATED:
        assert (held(found).why, held(found).regions) == (Why.OVERRIDE, {HOME: ("missing",)})


def test_an_override_may_stand_where_the_feed_names_no_region() -> None:
    made = world("4593.2.5", settings=VERBATIM)
    made.flatcar.enabled.add("sa-east-1")
    made.parameters.values["sa-east-1", OVERRIDE] = "ami-mine"
    made.refresh()
    assert made.image("sa-east-1") == "ami-mine"


def test_an_override_that_ends_where_no_release_is_never_passes_for_flatcar_s() -> None:
    made = world("4593.2.5", settings=VERBATIM)
    made.flatcar.enabled.add("sa-east-1")
    made.parameters.values["sa-east-1", OVERRIDE] = "ami-mine"
    made.refresh()
    del made.parameters.values["sa-east-1", OVERRIDE]
    made.refresh()
    said = json.loads(made.image("sa-east-1", ABOUT))
    assert (said["image"], said["source"], said["withdrawn"]) == ("ami-mine", "override", True)
    assert "signature" not in said


def test_overrides_that_are_switched_off_end_at_once() -> None:
    made = world("4593.2.5", settings=VERBATIM)
    made.parameters.values[HOME, OVERRIDE] = "ami-mine"
    made.refresh()
    made.refresh(replace(made.settings, overrides="off"))
    assert made.image() == image_id("4593.2.5", HOME)
