"""SSM that drops, regions that are silent, crashes at any effect, publishers at once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from railyard.model.releases import Publishing, What, Why
from tests.functions.refresh_amis.stories import (
    NEW,
    OVERRIDE,
    VALIDATED,
    VERBATIM,
    Crash,
    crash_at,
    held,
    told,
    world,
)
from tests.functions.refresh_amis.world import (
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


def test_what_is_reported_of_a_line_is_what_is_recorded() -> None:
    made = world("4593.2.4")
    made.flatcar.publish(a_claim("4593.2.5"))
    assert step(made.refresh()).after == made.line()
    made.parameters.drop = {AWAY}
    made.flatcar.publish(a_claim(NEW))
    assert step(made.refresh()).after == made.line()


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


def test_a_dry_run_where_ec2_does_not_answer_proves_nothing() -> None:
    made = world("4593.2.4", settings=replace(SETTINGS, dry_run=True))
    made.flatcar.publish(a_claim("4593.2.5"))
    made.flatcar.silent = {HOME}
    assert held(step(made.refresh())).regions == {HOME: ("unverified",)}


def test_a_region_that_does_not_say_keeps_its_override() -> None:
    made = world("4593.2.5", settings=VERBATIM)
    made.parameters.values[HOME, OVERRIDE] = "ami-mine"
    made.refresh()
    made.parameters.silent = {HOME}
    assert told(step(made.refresh())) == []
    assert made.image() == "ami-mine"


def test_a_region_that_does_not_say_is_not_asked_for_an_image_of_that_name() -> None:
    made = world("4593.2.5", settings=VALIDATED)
    made.flatcar.publish(a_claim(NEW))
    made.parameters.silent = {HOME}
    made.refresh()
    assert made.flatcar.asked[-1] == {
        region: sorted(image_id(version, region) for version in ("4593.2.5", NEW)) for region in REGIONS
    }
