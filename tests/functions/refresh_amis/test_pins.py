"""Pins and rollbacks, and people who speak while a line is published."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from railyard.errors import Conflict
from railyard.model.releases import Publishing, What, Why, pin, roll_back, unpin
from tests.functions.refresh_amis.stories import (
    FALLBACK,
    NEW,
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
    REGIONS,
    a_claim,
    image_id,
    results,
    step,
)


def test_people_who_speak_again_and_again_do_not_stop_what_is_published_from_being_recorded() -> None:
    made = world("4593.2.4", "4593.2.5")
    made.flatcar.publish(a_claim(NEW))
    words = [roll_back, unpin, roll_back]

    def speak(number: int) -> None:
        if number >= 7 and words:
            word = words.pop(0)
            effect, made.before_effect = made.before_effect, lambda _: None
            made.move(word)
            made.before_effect = effect

    made.before_effect = speak
    outcome = made.refresh()
    assert words == []
    assert [each.release for each in made.lines.entries() if each.what is What.PUBLISHED] == [
        "4593.2.4",
        "4593.2.5",
        NEW,
        "4593.2.4",
    ]
    assert results(outcome) == ("published", "published")
    assert (made.line().release, made.line().publishing) == ("4593.2.4", None)


@pytest.mark.parametrize("position", range(1, 8))
def test_what_people_say_while_a_line_is_published_is_carried_out_at_once(position: int) -> None:
    made = world("4593.2.4", "4593.2.5")
    made.flatcar.publish(a_claim(NEW))

    def speak(number: int) -> None:
        if number == position:
            made.before_effect = lambda _: None
            made.move(roll_back)

    made.before_effect = speak
    outcome = made.refresh()
    line = made.line()
    assert line.pin
    if position == 1:  # before the announcement: who spoke has woken the next run
        found = step(outcome)
        assert (found.busy, found.after) == (True, found.before)
        made.refresh()
        line = made.line()
    goal = "4593.2.5" if position > 7 else "4593.2.4"
    assert (line.release, line.publishing) == (goal, None)
    assert {made.image(region) for region in REGIONS} == {image_id(goal, region) for region in REGIONS}


def test_what_was_published_meanwhile_is_recorded_before_what_people_said_is_carried_out() -> None:
    made = world("4593.2.4", "4593.2.5")
    made.flatcar.publish(a_claim(NEW))

    def speak(number: int) -> None:
        if number == 4:
            made.before_effect = lambda _: None
            made.move(roll_back)

    made.before_effect = speak
    first, second = made.refresh().steps
    assert (first.overtaken, second.overtaken) == (True, False)
    before = first.after
    assert before.current
    assert before.previous
    assert (before.release, before.previous.release) == (NEW, "4593.2.5")
    assert {region: each.image for region, each in before.placed.items()} == {
        region: image_id(NEW, region) for region in REGIONS
    }
    assert before.publishing == Publishing(release=NEW, until=made.now)
    assert (second.before, second.after) == (before, made.line())
    assert [(each.what, each.release) for each in made.lines.entries()][2:] == [
        (What.ROLLED_BACK, "4593.2.4"),
        (What.PUBLISHED, NEW),
        (What.PUBLISHED, "4593.2.4"),
    ]


def test_what_was_there_before_an_earlier_rollback_is_no_step_back() -> None:
    made = world("4593.2.4", "4593.2.5")
    made.move(roll_back)
    made.refresh()
    made.flatcar.claims.clear()
    made.move(unpin)
    made.refresh()
    with pytest.raises(Conflict):
        made.move(roll_back)


def test_a_pinned_line_and_one_whose_feed_is_as_it_was_do_not_ask_the_marketplace() -> None:
    made = world("4593.2.5", settings=replace(FALLBACK, overrides="verbatim"))
    shelved(made, NEW)
    gone(made, "4593.2.5")
    made.refresh()
    assert "newest_everywhere" not in made.flatcar.calls
    made.move(pin, made.line().current)
    made.flatcar.claims.clear()
    made.refresh()
    assert "newest_everywhere" not in made.flatcar.calls
    assert made.line().release == "4593.2.5"


def test_a_rollback_goes_one_step_back_and_stays_there() -> None:
    made = world("4593.2.4", "4593.2.5")
    made.move(roll_back)
    found = step(made.refresh())
    assert told(found) == [What.PUBLISHED]
    assert {made.image(region) for region in REGIONS} == {image_id("4593.2.4", r) for r in REGIONS}
    assert json.loads(made.image(HOME, ABOUT))["pinned"] is True
    made.flatcar.publish(a_claim(NEW))
    found = step(made.refresh())
    assert (told(found), found.after.hold, found.after.release) == ([], None, "4593.2.4")
    assert found.after.feed
    assert found.after.feed.release == NEW
    assert [each.what for each in made.lines.entries()][2:] == [What.ROLLED_BACK, What.PUBLISHED]


def test_an_unpinned_line_follows_its_feed_again() -> None:
    made = world("4593.2.4", "4593.2.5")
    made.move(roll_back)
    made.refresh()
    made.move(unpin)
    assert told(step(made.refresh())) == [What.PUBLISHED]
    line = made.line()
    assert line.previous
    assert (line.release, line.previous.release) == ("4593.2.5", "4593.2.4")


def test_a_pin_of_what_is_in_force_stops_the_line_there_and_says_so() -> None:
    made = world("4593.2.5")
    made.move(pin, made.line().current)
    assert told(step(made.refresh())) == []
    assert json.loads(made.image(HOME, ABOUT))["pinned"] is True
    asked = len(made.flatcar.asked)
    made.refresh()
    assert len(made.flatcar.asked) == asked
    made.flatcar.publish(a_claim(NEW))
    assert step(made.refresh()).after.release == "4593.2.5"


def test_a_pinned_release_whose_image_is_gone_is_held_and_what_is_in_force_stays() -> None:
    made = world("4593.2.4", "4593.2.5")
    made.flatcar.spoil(AWAY, image_id("4593.2.4", AWAY), public=False)
    made.move(roll_back)
    found = step(made.refresh())
    assert (held(found).why, held(found).regions) == (Why.PIN, {AWAY: ("not_public",)})
    assert made.image() == image_id("4593.2.5", HOME)
    made.flatcar.spoil(AWAY, image_id("4593.2.4", AWAY), public=True)
    assert told(step(made.refresh())) == [What.PUBLISHED]
    assert made.line().hold is None


def test_a_pin_that_is_held_is_carried_out_once_its_image_is_sound_although_the_feed_is_gone() -> None:
    made = world("4593.2.4", "4593.2.5")
    made.flatcar.spoil(AWAY, image_id("4593.2.4", AWAY), public=False)
    made.move(roll_back)
    made.refresh()
    made.flatcar.claims.clear()
    made.flatcar.spoil(AWAY, image_id("4593.2.4", AWAY), public=True)
    assert told(step(made.refresh())) == [What.PUBLISHED]
    assert made.image() == image_id("4593.2.4", HOME)


def test_a_pin_goes_back_to_what_the_marketplace_had() -> None:
    made = world("4593.2.5", settings=FALLBACK)
    shelved(made, NEW)
    gone(made, "4593.2.5")
    made.flatcar.claims.clear()
    made.refresh()
    stood_in = made.line().current
    made.flatcar.publish(a_claim("4593.2.7"))
    made.refresh()
    made.move(pin, stood_in)
    assert told(step(made.refresh())) == [What.PUBLISHED]
    assert made.image() == "ami-market-us-east-1"


def test_a_pinned_line_is_not_held_for_what_its_feed_names() -> None:
    made = world("4593.2.4", "4593.2.5")
    made.move(roll_back)
    made.refresh()
    made.flatcar.publish(a_claim(NEW))
    made.flatcar.spoil(HOME, image_id(NEW, HOME), state="pending")
    assert step(made.refresh()).after.hold is None
    made.flatcar.claims.clear()
    assert held(step(made.refresh())).why is Why.FEED


def test_a_pin_in_force_whose_image_is_taken_away_is_held_at_the_next_look() -> None:
    made = world("4593.2.4", "4593.2.5")
    made.move(roll_back)
    made.refresh()
    made.flatcar.spoil(HOME, image_id("4593.2.4", HOME), public=False)
    assert step(made.refresh()).after.hold is None
    made.pass_time(hours=24)
    assert held(step(made.refresh())).why is Why.PIN
    assert made.image() == image_id("4593.2.4", HOME)


def test_an_overtaken_publication_takes_its_hold_along() -> None:
    made = world("4593.2.4", "4593.2.5")
    made.flatcar.publish(a_claim(NEW))
    made.flatcar.spoil(HOME, image_id(NEW, HOME), state="pending")
    made.refresh()
    made.flatcar.spoil(HOME, image_id(NEW, HOME), state="available")

    def speak(number: int) -> None:
        if number == 4:
            made.before_effect = lambda _: None
            made.move(roll_back)

    made.before_effect = speak
    assert all(each.after.hold is None for each in made.refresh().steps)


def test_a_pin_in_force_reaches_a_region_that_is_opened_although_the_feed_is_gone() -> None:
    made = world("4593.2.5")
    made.flatcar.enabled = {HOME}
    made.move(pin, made.line().current)
    made.refresh()
    made.pass_time(hours=24)
    made.refresh()
    made.flatcar.enabled = set(REGIONS)
    made.flatcar.claims.clear()
    made.move(unpin)
    made.move(pin, made.line().current)
    assert held(step(made.refresh())).why is Why.FEED
    assert {made.image(region) for region in REGIONS} == {image_id("4593.2.5", r) for r in REGIONS}
