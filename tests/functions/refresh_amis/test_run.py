"""Sources heard, images asked for once per region, sound lines published, the record last."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from railyard.flatcar.claims import Signature
from railyard.model.releases import Mark, Publishing, What, Why
from railyard.model.switches import Stops, Switch
from refresh_amis.run import run
from tests.builders import NOW
from tests.functions.refresh_amis.stories import (
    NEW,
    held,
    told,
    world,
)
from tests.functions.refresh_amis.world import (
    ABOUT,
    AWAY,
    HOME,
    IMAGE,
    REGIONS,
    SETTINGS,
    World,
    a_claim,
    image_id,
    results,
    step,
)


def test_every_line_is_published_in_every_region_and_then_recorded() -> None:
    made = World()
    assert results(made.refresh()) == ("published", "published")
    assert made.image() == image_id("4593.2.5", HOME)
    assert json.loads(made.image(AWAY, ABOUT))["version"] == "4593.2.5"
    assert set(made.lines.held) == {"stable#amd64", "stable#arm64"}
    assert IMAGE in made.parameters.images
    assert ABOUT not in made.parameters.images


def test_ec2_is_asked_once_for_the_images_of_all_architectures() -> None:
    made = World()
    made.refresh()
    (asked,) = made.flatcar.asked
    assert {region: len(ids) for region, ids in asked.items()} == {AWAY: 2, HOME: 2}


def test_a_newer_release_is_published_and_remembers_the_one_before() -> None:
    made = world("4593.2.4", "4593.2.5")
    line = made.line()
    assert line.previous
    assert (line.release, line.previous.release) == ("4593.2.5", "4593.2.4")
    assert [(each.what, each.release) for each in made.lines.entries()] == [
        (What.PUBLISHED, "4593.2.4"),
        (What.PUBLISHED, "4593.2.5"),
    ]
    assert made.lines.entries()[1].images == {region: image_id("4593.2.5", region) for region in REGIONS}


def test_a_release_that_reached_more_regions_is_published_again_and_keeps_what_was_before_it() -> None:
    made = world("4593.2.4", "4593.2.5")
    made.flatcar.enabled.add("sa-east-1")
    made.flatcar.publish(a_claim("4593.2.5", regions=(*REGIONS, "sa-east-1"), etag='"more"'))
    assert results(made.refresh()) == ("published",)
    line = made.line()
    assert line.previous
    assert (line.previous.release, made.image("sa-east-1")) == ("4593.2.4", image_id("4593.2.5", "sa-east-1"))


@pytest.mark.parametrize("newer", ["4593.2.6", "4593.10.0", "5000.0.0", "4593.2.10"])
def test_an_older_release_is_held_however_sound(newer: str) -> None:
    made = world(newer)
    made.flatcar.publish(a_claim("4593.2.5"))
    found = step(made.refresh())
    assert (held(found).why, found.after.release, made.image()) == (Why.OLDER, newer, image_id(newer, HOME))
    assert step(made.refresh()).after.hold == held(found)
    assert made.flatcar.tags[-1] == '"4593.2.5"'


def test_a_feed_in_trouble_holds_its_own_line_alone_and_the_last_good_stays() -> None:
    made = World()
    made.refresh()
    before = made.line().current, made.image()
    del made.flatcar.claims["stable", "amd64"]
    made.flatcar.publish(a_claim(NEW, "arm64"))
    outcome = made.refresh()
    assert results(outcome) == ("held", "published")
    assert held(outcome.steps[0]).why is Why.FEED
    assert "feed_missing" in held(outcome.steps[0]).detail
    assert (made.line().current, made.image()) == before


def test_a_hold_keeps_the_moment_at_which_it_began_and_ends_with_its_reason() -> None:
    made = world("4593.2.5")
    claim = made.flatcar.claims.pop(("stable", "amd64"))
    since = held(step(made.refresh())).since
    made.pass_time(hours=1)
    assert held(step(made.refresh())).since == since
    made.flatcar.publish(claim)
    assert step(made.refresh()).after.hold is None


def test_an_unsound_image_writes_nothing_of_its_line() -> None:
    made = World()
    made.flatcar.spoil(HOME, image_id("4593.2.5", HOME), state="failed")
    outcome = made.refresh()
    assert results(outcome) == ("held", "published")
    assert made.line().current is None
    assert made.image() == ""


def test_with_every_feed_in_trouble_ec2_is_not_asked() -> None:
    made = World()
    made.flatcar.claims.clear()
    assert results(made.refresh()) == ("held", "held")
    assert (made.flatcar.asked, made.flatcar.calls) == ([], [])


def test_a_publication_is_announced_for_as_long_as_its_publisher_may_live() -> None:
    made = world("4593.2.5")
    announced, recorded = (after.publishing for _, after in made.lines.writes)
    assert announced == Publishing(release="4593.2.5", until=NOW + timedelta(minutes=5))
    assert recorded is None


def test_the_history_of_a_publication_says_who_why_and_what_was_published() -> None:
    made = world("4593.2.5")
    (entry,) = made.lines.entries()
    assert (entry.by, entry.at, entry.what, entry.detail) == ("refresh_amis", NOW, What.PUBLISHED, "feed")
    assert (entry.published, entry.version) == (made.line().current, "log#0000000002#published")


def test_a_line_without_a_feed_names_no_region_that_is_skipped() -> None:
    made = World()
    made.flatcar.claims.clear()
    assert made.refresh().skipped == ()


def test_in_china_its_own_place_is_asked() -> None:
    made = World(settings=replace(SETTINGS, architectures=("amd64",)))
    made.flatcar.claims.clear()
    run(made.ports, made.settings, "cn-north-1", made.now)
    assert [place.source for place in made.flatcar.places[0]] == ["china"]


def test_a_second_run_changes_nothing_and_looks_at_nothing() -> None:
    made = World()
    made.refresh()
    before = dict(made.parameters.values), dict(made.lines.held), len(made.flatcar.asked)
    assert results(made.refresh()) == ("kept", "kept")
    assert made.flatcar.tags[-2:] == ['"4593.2.5"', '"4593.2.5"']
    assert (made.parameters.values, made.lines.held, len(made.flatcar.asked)) == before


def test_once_a_day_ec2_is_asked_again_about_what_is_in_force() -> None:
    made = world("4593.2.5")
    made.flatcar.spoil(HOME, image_id("4593.2.5", HOME), public=False)
    assert step(made.refresh()).after.hold is None
    made.pass_time(hours=24)
    found = step(made.refresh())
    assert held(found).regions == {HOME: ("not_public",)}
    assert made.image() == image_id("4593.2.5", HOME)


def test_a_held_line_is_read_whole_again_until_it_is_sound() -> None:
    made = World()
    made.refresh()
    made.flatcar.publish(a_claim(NEW))
    made.flatcar.spoil(HOME, image_id(NEW, HOME), state="pending")
    assert results(made.refresh()) == ("held", "kept")
    assert results(made.refresh()) == ("held", "kept")
    made.flatcar.spoil(HOME, image_id(NEW, HOME), state="available")
    assert results(made.refresh()) == ("published", "kept")


def test_a_tag_that_changed_alone_is_remembered_and_asked_with_next_time() -> None:
    made = world("4593.2.5")
    made.flatcar.publish(a_claim(etag='"two"'))
    put = dict(made.parameters.values)
    assert results(made.refresh()) == ("kept",)
    assert made.parameters.values == put
    made.refresh()
    assert made.flatcar.tags[-1] == '"two"'


def test_a_key_that_was_given_later_lets_the_feed_be_read_whole() -> None:
    made = World(
        a_claim(signature=Signature.UNAVAILABLE, signer=""),
        settings=replace(SETTINGS, architectures=("amd64",)),
    )
    made.refresh()
    made.flatcar.publish(a_claim())
    assert results(made.refresh()) == ("kept",)
    assert results(made.refresh(replace(made.settings, signing_key="key"))) == ("published",)
    assert json.loads(made.image(HOME, ABOUT))["signature"] == "verified"


def test_a_region_that_the_account_has_not_opted_into_is_left_out_and_named() -> None:
    made = World()
    made.flatcar.enabled = {HOME}
    outcome = made.refresh()
    assert outcome.skipped == (AWAY,)
    assert {region for region, _ in made.parameters.values} == {HOME}
    assert all(AWAY not in ids for ids in made.flatcar.asked)


def test_a_region_that_is_opted_into_later_gets_the_release_that_is_out() -> None:
    made = World()
    made.flatcar.enabled = {HOME}
    made.refresh()
    asked = len(made.flatcar.asked)
    assert results(made.refresh()) == ("kept", "kept")
    assert len(made.flatcar.asked) == asked
    made.flatcar.enabled = set(REGIONS)
    assert results(made.refresh()) == ("published", "published")
    assert made.flatcar.tags[-2:] == ["", ""]
    assert made.image(AWAY)


def test_a_region_that_waits_is_looked_at_each_time() -> None:
    made = world("4593.2.4", settings=replace(SETTINGS, regions_required=(AWAY,)))
    made.flatcar.publish(a_claim("4593.2.5"))
    made.flatcar.spoil(HOME, image_id("4593.2.5", HOME), state="pending")
    assert results(made.refresh()) == ("published",)
    assert made.line().marked(Mark.BEHIND) == {HOME: "4593.2.4"}
    assert results(made.refresh()) == ("kept",)
    made.flatcar.spoil(HOME, image_id("4593.2.5", HOME), state="available")
    assert results(made.refresh()) == ("published",)
    assert made.image() == image_id("4593.2.5", HOME)


def test_a_withdrawn_region_keeps_its_parameter_and_says_so() -> None:
    made = world("4593.2.5")
    made.flatcar.publish(a_claim(NEW, regions=(AWAY,)))
    assert results(made.refresh()) == ("published",)
    assert made.image() == image_id("4593.2.5", HOME)
    said = json.loads(made.image(HOME, ABOUT))
    assert (said["version"], said["withdrawn"]) == ("4593.2.5", True)


def test_while_publication_is_stopped_nothing_is_heard_looked_at_or_written() -> None:
    made = world("4593.2.5")
    before = dict(made.parameters.values), made.line(), len(made.flatcar.places)
    made.flatcar.publish(a_claim(NEW))
    made.lines.switch = Switch(stops=Stops.IMAGES, on=False, by="ops", at=made.now)
    assert step(made.refresh()).stopped == "ops"
    assert (made.parameters.values, made.line(), len(made.flatcar.places)) == before
    made.lines.switch = replace(made.lines.switch, on=True)
    assert told(step(made.refresh())) == [What.PUBLISHED]
