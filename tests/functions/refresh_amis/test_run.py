"""Sources heard, images asked for once per region, sound lines published, the record last."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from railyard.errors import Conflict, RailyardError
from railyard.flatcar.claims import Signature
from railyard.model.images import Image
from railyard.model.releases import Hold, Mark, Publishing, What, Why, dismiss, pin, roll_back, unpin
from railyard.model.requests import RequestState
from railyard.model.switches import Stops, Switch
from refresh_amis.plan.deciding import Step
from refresh_amis.plan.trying import Trial
from refresh_amis.run import run
from refresh_amis.settings import Settings
from tests.builders import NOW
from tests.functions.refresh_amis.world import (
    ABOUT,
    AWAY,
    CANARY,
    CANDIDATE,
    HOME,
    IMAGE,
    REGIONS,
    SETTINGS,
    Flatcar,
    World,
    a_claim,
    an_image,
    image_id,
    results,
    step,
)

NEW = "4593.2.6"


def world(*versions: str, settings: Settings = SETTINGS) -> World:
    """A world of one line, refreshed with each of *versions* in turn."""
    made = World(a_claim(versions[0]), settings=replace(settings, architectures=("amd64",)))
    for version in versions:
        made.flatcar.publish(a_claim(version))
        made.refresh()
        made.pass_time(hours=1)
    return made


def held(found: Step) -> Hold:
    assert found.after.hold
    return found.after.hold


def told(found: Step) -> list[What]:
    return [each.what for each in found.told]


# Publishing


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


def test_what_is_reported_of_a_line_is_what_is_recorded() -> None:
    made = world("4593.2.4")
    made.flatcar.publish(a_claim("4593.2.5"))
    assert step(made.refresh()).after == made.line()
    made.parameters.drop = {AWAY}
    made.flatcar.publish(a_claim(NEW))
    assert step(made.refresh()).after == made.line()


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


# SSM, crashes and rivals


def test_a_value_that_ssm_drops_holds_the_line_and_is_tried_again() -> None:
    made = World()
    made.parameters.drop = {AWAY}
    found = step(made.refresh())
    assert (held(found).why, held(found).regions) == (Why.UNPUBLISHED, {AWAY: ("not_readable",)})
    assert made.line().current is None
    made.parameters.drop = set()
    assert results(made.refresh()) == ("published", "published")
    assert made.line().hold is None


def test_a_region_that_fails_is_named_by_its_code() -> None:
    made = World()
    made.parameters.silent = {HOME}
    assert held(step(made.refresh())).regions == {HOME: ("ThrottlingException",)}


def test_a_region_that_shows_one_value_of_two_holds_the_line() -> None:
    made = world("4593.2.4")
    made.flatcar.publish(a_claim("4593.2.5"))

    def lose(number: int) -> None:
        if number == 4:  # the second value of the first region is put
            made.parameters.values[AWAY, IMAGE] = "ami-else"

    made.before_effect = lose
    assert held(step(made.refresh())).regions == {AWAY: ("not_readable",)}


def test_a_publication_that_fails_tells_nothing_and_is_held_since_it_failed_first() -> None:
    made = world("4593.2.4")
    made.flatcar.claims.clear()
    made.refresh()
    made.flatcar.publish(a_claim("4593.2.5"))
    made.parameters.drop = {AWAY}
    made.pass_time(hours=1)
    began = made.now
    found = step(made.refresh())
    assert (told(found), held(found).why, held(found).since) == ([], Why.UNPUBLISHED, began)
    assert "4593.2.5" in held(found).detail
    assert made.line().publishing == Publishing(release="4593.2.5", until=began)
    made.pass_time(hours=1)
    assert held(step(made.refresh())).since == began
    assert [each.release for each in made.lines.entries()] == ["4593.2.4"]


def test_a_publication_that_failed_is_taken_back_if_its_release_is_gone_by_then() -> None:
    made = world("4593.2.4")
    made.flatcar.publish(a_claim("4593.2.5"))
    made.parameters.drop = {AWAY}
    made.refresh()
    assert made.image() == image_id("4593.2.5", HOME)
    made.flatcar.claims.clear()
    made.parameters.drop = set()
    made.refresh()
    assert {made.image(region) for region in REGIONS} == {image_id("4593.2.4", r) for r in REGIONS}
    assert made.line().publishing is None


class Crash(Exception):
    """The function dies here."""


def crash_at(made: World, position: int) -> None:
    def effect(number: int) -> None:
        if number == position:
            raise Crash

    made.before_effect = effect


POSITIONS = range(1, 9)


@pytest.mark.parametrize("position", POSITIONS)
def test_a_crash_anywhere_is_finished_by_a_later_run(position: int) -> None:
    made = world("4593.2.4")
    made.flatcar.publish(a_claim("4593.2.5"))
    crash_at(made, position)
    with pytest.raises(Crash):
        made.refresh()
    made.before_effect = lambda _: None
    made.pass_time(hours=1)
    made.refresh()
    assert {made.image(region) for region in REGIONS} == {image_id("4593.2.5", r) for r in REGIONS}
    assert made.line().release == "4593.2.5"
    assert made.line().publishing is None
    published = [each.release for each in made.lines.entries() if each.what is What.PUBLISHED]
    assert published == ["4593.2.4", "4593.2.5"]


@pytest.mark.parametrize("position", POSITIONS)
def test_a_crash_anywhere_is_taken_back_if_the_release_is_gone_by_then(position: int) -> None:
    made = world("4593.2.4")
    before = dict(made.parameters.values)
    made.flatcar.publish(a_claim("4593.2.5"))
    crash_at(made, position)
    with pytest.raises(Crash):
        made.refresh()
    made.before_effect = lambda _: None
    del made.flatcar.claims["stable", "amd64"]
    made.pass_time(hours=1)
    made.refresh()
    finished = made.line().release == "4593.2.5"
    assert finished == (position == POSITIONS[-1])  # the record was written, its writer died after that
    assert finished or made.parameters.values == before
    assert made.line().publishing is None


def test_as_long_as_another_publisher_may_live_its_line_is_left_alone() -> None:
    made = world("4593.2.4")
    made.flatcar.publish(a_claim("4593.2.5"))
    crash_at(made, 3)
    with pytest.raises(Crash):
        made.refresh()
    made.before_effect = lambda _: None
    between = dict(made.parameters.values), made.line()
    made.pass_time(minutes=4)
    assert results(made.refresh()) == ("busy",)
    assert (made.parameters.values, made.line()) == between


def test_a_publisher_that_has_not_ended_after_five_minutes_is_dead() -> None:
    made = world("4593.2.4")
    made.flatcar.publish(a_claim("4593.2.5"))
    crash_at(made, 3)
    with pytest.raises(Crash):
        made.refresh()
    made.before_effect = lambda _: None
    made.pass_time(seconds=299)
    busy = step(made.refresh())
    assert (busy.busy, busy.after, told(busy)) == (True, made.line(), [])
    made.pass_time(seconds=1)
    assert results(made.refresh()) == ("published",)


def test_a_publisher_that_comes_too_late_reports_nothing_and_records_nothing() -> None:
    made = world("4593.2.4")
    made.flatcar.publish(a_claim("4593.2.5"))

    def overtake(number: int) -> None:
        if number == 7:  # all is put, nothing is recorded yet
            made.before_effect = lambda _: None
            made.pass_time(minutes=5)
            made.flatcar.publish(a_claim(NEW))
            assert results(made.refresh()) == ("published",)

    made.before_effect = overtake
    found = step(made.refresh())
    assert (found.busy, found.after, made.line().release) == (True, found.before, NEW)
    assert [each.release for each in made.lines.entries()] == ["4593.2.4", NEW]


def test_what_was_not_announced_is_left_to_whoever_was_faster() -> None:
    made = world("4593.2.5")
    made.flatcar.publish(a_claim(etag='"two"'))

    def be_faster(number: int) -> None:
        if number == 1:
            made.before_effect = lambda _: None
            made.flatcar.publish(a_claim(etag='"three"'))
            made.refresh()

    made.before_effect = be_faster
    found = step(made.refresh())
    assert (found.busy, found.after) == (True, found.before)
    feed = made.line().feed
    assert feed
    assert (feed.etag, len(made.lines.writes)) == ('"three"', 3)


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


def test_a_record_that_never_rests_is_left_to_the_next_run() -> None:
    made = world("4593.2.4")
    made.flatcar.publish(a_claim("4593.2.5"))

    def stir(number: int) -> None:
        if number >= 7:
            line = made.line()
            made.lines.held[line.line] = replace(line, sequence=line.sequence + 1)

    made.before_effect = stir
    found = step(made.refresh())
    assert (found.busy, found.after, found.overtaken) == (True, found.before, False)
    assert made.line().release == "4593.2.4"


@pytest.mark.parametrize("position", range(1, 8))
def test_of_two_publishers_one_wins_and_the_other_leaves_everything(position: int) -> None:
    made = world("4593.2.4")
    made.flatcar.publish(a_claim("4593.2.5"))
    rivals: list[str] = []

    def let_in(number: int) -> None:
        if number == position and not rivals:
            rivals.append("")
            made.flatcar.publish(a_claim(NEW))
            rivals[0] = "".join(results(made.refresh()))

    made.before_effect = let_in
    own = results(made.refresh())
    assert {*own, *rivals} == {"published", "busy"}
    won = "4593.2.5" if own == ("published",) else NEW
    assert made.line().release == won
    assert {made.image(region) for region in REGIONS} == {image_id(won, region) for region in REGIONS}


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


# Feeds that have not changed


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


# Regions


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


# Sources


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


FALLBACK = replace(SETTINGS, allow_fallback=("marketplace",))


def shelved(made: World, version: str) -> None:
    """Put Marketplace images of *version* on the shelf of every region."""
    for region in REGIONS:
        image = an_image(
            a_claim(version), region, name=f"Flatcar-stable-{version}-0d5f", owner="679593333241"
        )
        made.flatcar.shelf[region] = replace(image, image_id=f"ami-market-{region}")
        made.flatcar.images[region][f"ami-market-{region}"] = replace(image, image_id=f"ami-market-{region}")


def gone(made: World, version: str) -> None:
    """Let the images of *version* be gone everywhere."""
    for region in REGIONS:
        del made.flatcar.images[region][image_id(version, region)]


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


# Dry runs


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


def test_a_dry_run_where_ec2_does_not_answer_proves_nothing() -> None:
    made = world("4593.2.4", settings=replace(SETTINGS, dry_run=True))
    made.flatcar.publish(a_claim("4593.2.5"))
    made.flatcar.silent = {HOME}
    assert held(step(made.refresh())).regions == {HOME: ("unverified",)}


# Overrides

OVERRIDE = "/railyard/flatcar/stable/amd64/override"
VALIDATED, VERBATIM = (replace(SETTINGS, overrides=each) for each in ("validated", "verbatim"))


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


def test_a_region_that_does_not_say_keeps_its_override() -> None:
    made = world("4593.2.5", settings=VERBATIM)
    made.parameters.values[HOME, OVERRIDE] = "ami-mine"
    made.refresh()
    made.parameters.silent = {HOME}
    assert told(step(made.refresh())) == []
    assert made.image() == "ami-mine"


def test_an_override_may_stand_where_the_feed_names_no_region() -> None:
    made = world("4593.2.5", settings=VERBATIM)
    made.flatcar.enabled.add("sa-east-1")
    made.parameters.values["sa-east-1", OVERRIDE] = "ami-mine"
    made.refresh()
    assert made.image("sa-east-1") == "ami-mine"


def test_a_region_that_does_not_say_is_not_asked_for_an_image_of_that_name() -> None:
    made = world("4593.2.5", settings=VALIDATED)
    made.flatcar.publish(a_claim(NEW))
    made.parameters.silent = {HOME}
    made.refresh()
    assert made.flatcar.asked[-1] == {
        region: sorted(image_id(version, region) for version in ("4593.2.5", NEW)) for region in REGIONS
    }


# Pins


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


# Canaries


def trying(*, to: str = NEW) -> World:
    """A line on trial."""
    made = world("4593.2.5", settings=CANARY)
    made.flatcar.publish(a_claim(to))
    made.refresh()
    return made


def test_a_first_release_is_published_at_once_for_it_replaces_nothing() -> None:
    made = world("4593.2.5", settings=CANARY)
    assert (made.image(), made.image(HOME, CANDIDATE)) == (image_id("4593.2.5", HOME),) * 2


def test_a_new_release_is_tried_by_the_canary_pool_while_all_others_launch_the_old_one() -> None:
    made = trying()
    assert (made.image(), made.image(HOME, CANDIDATE)) == (image_id("4593.2.5", HOME), image_id(NEW, HOME))
    assert made.image(AWAY) == image_id("4593.2.5", AWAY)
    assert list(made.canary.asked) == [made.line().trial]
    assert [each.what for each in made.lines.entries()] == [What.PUBLISHED, What.CANDIDATE]
    made.refresh()
    assert len(made.canary.asked) == 1


def test_what_has_baked_is_published_and_its_machine_given_back() -> None:
    made = trying()
    trial = made.line().trial
    made.prove()
    made.pass_time(minutes=29)
    made.refresh()
    assert made.line().release == "4593.2.5"
    made.pass_time(minutes=1)
    assert told(step(made.refresh())) == [What.PUBLISHED]
    assert {made.image(region) for region in REGIONS} == {image_id(NEW, region) for region in REGIONS}
    assert made.image(HOME, CANDIDATE) == image_id(NEW, HOME)
    assert (made.canary.cancelled, made.line().candidate) == ([trial], None)


def test_what_went_bad_while_it_baked_is_not_published() -> None:
    made = trying()
    made.prove()
    made.flatcar.spoil(AWAY, image_id(NEW, AWAY), public=False)
    made.pass_time(hours=1)
    assert held(step(made.refresh())).why is Why.DEFECTIVE
    assert made.line().candidate
    made.flatcar.spoil(AWAY, image_id(NEW, AWAY), public=True)
    assert told(step(made.refresh())) == [What.PUBLISHED]


def test_a_failed_candidate_holds_the_line_until_the_feed_has_another() -> None:
    made = trying()
    trial = made.line().trial
    made.canary.trials[trial] = Trial(state=RequestState.FULFILLED, image=image_id(NEW, HOME), healthy=False)
    found = step(made.refresh())
    assert (told(found), held(found).why) == ([What.REJECTED], Why.CANARY)
    assert (made.image(HOME, CANDIDATE), made.canary.cancelled) == (image_id("4593.2.5", HOME), [trial])
    asked = len(made.flatcar.asked)
    assert held(step(made.refresh())).why is Why.CANARY
    assert len(made.flatcar.asked) == asked
    made.flatcar.publish(a_claim("4593.2.7"))
    assert told(step(made.refresh())) == [What.CANDIDATE]
    assert made.line().hold is None


def test_a_dismissed_candidate_is_tried_anew() -> None:
    made = trying()
    trial = made.line().trial
    made.pass_time(hours=1)
    made.move(dismiss)
    assert told(step(made.refresh())) == [What.CANDIDATE]
    assert made.canary.cancelled == [trial]
    assert made.line().trial not in ("", trial)


def test_another_attempt_asks_again_and_takes_the_last_request_back() -> None:
    made = trying()
    first = made.line().trial
    made.canary.trials[first] = Trial(state=RequestState.TIMED_OUT, code="insufficient_capacity")
    made.refresh()
    assert list(made.canary.asked) == [first, made.line().trial]
    assert (made.canary.cancelled, made.line().hold) == ([first], None)


def test_a_candidate_that_the_feed_no_longer_names_is_given_up() -> None:
    made = trying()
    trial = made.line().trial
    made.flatcar.publish(a_claim("4593.2.5"))
    made.refresh()
    assert (made.line().candidate, made.canary.cancelled) == (None, [trial])
    assert made.image(HOME, CANDIDATE) == image_id("4593.2.5", HOME)


def test_a_newer_release_takes_the_candidate_s_place() -> None:
    made = trying()
    made.flatcar.publish(a_claim("4593.2.7"))
    made.refresh()
    candidate = made.line().candidate
    assert candidate
    assert (candidate.release.release, len(made.canary.cancelled)) == ("4593.2.7", 1)


def test_a_pin_of_the_candidate_publishes_it_without_more_ado() -> None:
    made = trying()
    candidate = made.line().candidate
    assert candidate
    made.move(pin, candidate.release)
    made.refresh()
    assert (made.line().release, made.line().candidate) == (NEW, None)


def test_a_release_that_is_new_elsewhere_alone_is_not_tried() -> None:
    made = world("4593.2.5", settings=CANARY)
    made.flatcar.publish(a_claim(NEW, regions=(AWAY,)))
    assert told(step(made.refresh())) == [What.PUBLISHED]
    assert made.line().candidate is None


def test_a_channel_that_no_pool_launches_from_is_not_tried() -> None:
    place = a_claim().place
    beta = replace(a_claim(), place=replace(place, channel="beta"))
    made = World(beta, settings=replace(CANARY, channels=("beta",), architectures=("amd64",)))
    made.refresh()
    made.flatcar.publish(replace(a_claim(NEW), place=beta.place))
    assert told(made.refresh().steps[0]) == [What.PUBLISHED]


def test_a_pool_that_is_no_longer_the_canary_lets_the_release_through() -> None:
    made = trying()
    settings = replace(made.settings, canary_pool="")
    assert told(step(made.refresh(settings))) == [What.PUBLISHED]


def test_ec2_that_does_not_answer_promotes_nothing() -> None:
    made = trying()
    made.prove()
    made.pass_time(hours=1)
    made.flatcar.silent = {AWAY}
    assert told(step(made.refresh())) == []


def test_a_trial_that_goes_on_changes_nothing_outside() -> None:
    made = trying()
    made.canary.asked.clear()
    writes = len(made.lines.writes)
    made.refresh()
    assert (made.canary.asked, made.canary.cancelled, len(made.lines.writes)) == ({}, [], writes)


def test_a_request_that_never_arrived_is_sent_again() -> None:
    made = trying()
    made.canary.asked.clear()
    made.canary.trials.clear()
    made.refresh()
    assert list(made.canary.asked) == [made.line().trial]


def test_a_trial_that_is_over_is_cancelled_once() -> None:
    made = trying()
    trial = made.line().trial
    made.pass_time(hours=1)
    made.move(dismiss)
    assert made.line().ending == (trial,)
    made.refresh()
    made.refresh()
    assert (made.canary.cancelled, made.line().ending) == ([trial], ())


def test_the_history_of_a_trial_says_why_it_ended_and_names_no_publication() -> None:
    made = trying()
    impaired = Trial(
        state=RequestState.FULFILLED, image=image_id(NEW, HOME), healthy=False, detail="impaired"
    )
    made.canary.trials[made.line().trial] = impaired
    made.refresh()
    _, begun, ended = made.lines.entries()
    candidate = made.line().candidate
    assert candidate
    assert (begun.what, begun.release, begun.detail) == (What.CANDIDATE, NEW, "")
    assert (ended.what, ended.release, ended.detail) == (What.REJECTED, NEW, candidate.failed)
    assert [(each.published, each.images) for each in (begun, ended)] == [(None, {}), (None, {})]


def test_no_machine_is_asked_for_of_a_candidate_that_could_not_be_published() -> None:
    made = world("4593.2.5", settings=CANARY)
    made.flatcar.publish(a_claim(NEW))
    made.parameters.drop = {HOME}
    assert held(step(made.refresh())).why is Why.UNPUBLISHED
    assert made.canary.asked == {}
    made.parameters.drop = set()
    made.refresh()
    assert list(made.canary.asked) == [made.line().trial]


def test_who_is_overtaken_at_another_attempt_asks_for_nothing() -> None:
    made = trying()
    made.canary.trials[made.line().trial] = Trial(state=RequestState.TIMED_OUT, code="quota")
    made.canary.asked.clear()

    def speak(number: int) -> None:
        if number == 1:  # nothing is recorded yet
            made.before_effect = lambda _: None
            made.move(pin, made.line().current)

    made.before_effect = speak
    assert results(made.refresh()) == ("busy",)
    assert made.canary.asked == {}


def test_people_who_speak_while_a_candidate_is_published_do_not_bring_the_last_one_back() -> None:
    made = trying()
    made.flatcar.publish(a_claim("4593.2.7"))
    made.canary.asked.clear()

    def speak(number: int) -> None:
        if number == 4:  # the candidate's parameter is being put
            made.before_effect = lambda _: None
            made.move(dismiss)

    made.before_effect = speak
    made.refresh()
    assert [each.release.release for each in made.canary.asked.values()] == ["4593.2.7"]
    assert [each.what for each in made.lines.entries()][-2:] == [What.DISMISSED, What.CANDIDATE]
    assert made.image(HOME, CANDIDATE) == image_id("4593.2.7", HOME)


def test_a_candidate_whose_place_could_not_be_taken_is_not_asked_for_again() -> None:
    made = trying()
    made.flatcar.publish(a_claim("4593.2.7"))
    made.canary.asked.clear()
    made.parameters.drop = {HOME}
    assert held(step(made.refresh())).why is Why.UNPUBLISHED
    assert made.canary.asked == {}


def test_people_who_pin_while_a_candidate_is_published_end_all_trials() -> None:
    made = trying()
    made.flatcar.publish(a_claim("4593.2.7"))
    made.canary.asked.clear()

    def speak(number: int) -> None:
        if number == 4:  # the candidate's parameter is being put
            made.before_effect = lambda _: None
            made.move(pin, made.line().current)

    made.before_effect = speak
    made.refresh()
    assert (made.canary.asked, made.line().candidate) == ({}, None)
    assert made.image(HOME, CANDIDATE) == image_id("4593.2.5", HOME)


def test_a_proven_candidate_that_could_not_be_published_is_still_proven_in_the_next_run() -> None:
    made = trying()
    trial = made.line().trial
    made.prove()
    made.pass_time(minutes=31)
    made.parameters.drop = {AWAY}
    assert held(step(made.refresh())).why is Why.UNPUBLISHED
    assert made.canary.cancelled == []
    made.parameters.drop = set()
    assert told(step(made.refresh())) == [What.PUBLISHED]
    assert (made.image(), made.canary.cancelled) == (image_id(NEW, HOME), [trial])


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


def test_a_canary_pool_that_is_named_later_has_something_to_launch_at_once() -> None:
    made = world("4593.2.5")
    made.refresh(replace(made.settings, canary_pool="canary"))
    assert made.image(HOME, CANDIDATE) == image_id("4593.2.5", HOME)


def test_overrides_that_are_switched_off_end_at_once() -> None:
    made = world("4593.2.5", settings=VERBATIM)
    made.parameters.values[HOME, OVERRIDE] = "ami-mine"
    made.refresh()
    made.refresh(replace(made.settings, overrides="off"))
    assert made.image() == image_id("4593.2.5", HOME)


def test_a_failed_candidate_holds_nothing_once_releases_are_no_longer_tried() -> None:
    made = trying()
    made.canary.trials[made.line().trial] = Trial(
        state=RequestState.FULFILLED, image=image_id(NEW, HOME), healthy=False
    )
    made.refresh()
    made.refresh()
    found = step(made.refresh(replace(made.settings, canary_pool="")))
    assert (told(found), found.after.hold) == ([What.PUBLISHED], None)


def test_while_a_candidate_is_tried_the_feed_is_said_to_name_it() -> None:
    feed = trying().line().feed
    assert feed
    assert feed.release == NEW


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


def test_while_publication_is_stopped_nothing_is_heard_looked_at_or_written() -> None:
    made = world("4593.2.5")
    before = dict(made.parameters.values), made.line(), len(made.flatcar.places)
    made.flatcar.publish(a_claim(NEW))
    made.lines.switch = Switch(stops=Stops.IMAGES, on=False, by="ops", at=made.now)
    assert step(made.refresh()).stopped == "ops"
    assert (made.parameters.values, made.line(), len(made.flatcar.places)) == before
    made.lines.switch = replace(made.lines.switch, on=True)
    assert told(step(made.refresh())) == [What.PUBLISHED]


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
