"""Copies of one's own: made before a release is tried or published, looked up by their tags, taken away when old."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from railyard.errors import Denied, RailyardError, Throttled
from railyard.model import ownership
from railyard.model.ami_sets import AmiSet, Content, SetImage, Version
from railyard.model.copies import Copy
from railyard.model.images import Image
from railyard.model.releases import Hold, Line, Mark, Publishing, What, Why, pin, roll_back, unpin
from refresh_amis.plan.copying import BUDGET
from refresh_amis.settings import Settings
from tests.builders import NOW as NOON
from tests.functions.refresh_amis.world import (
    ABOUT,
    AWAY,
    CANDIDATE,
    HOME,
    REGIONS,
    SETTINGS,
    World,
    a_claim,
    an_image,
    image_id,
    results,
    step,
)

OLD, NOW, NEW = "4593.2.4", "4593.2.5", "4593.2.6"
COPYING = replace(SETTINGS, architectures=("amd64",), own_copies=True)
TAGS = {
    "railyard:stack": "railyard",
    "railyard:home": HOME,
    "railyard:line": "stable#amd64",
    "railyard:release": NOW,
    "railyard:copy-of": image_id(NOW, HOME),
    "railyard:verified": "verified",
}


def world(*versions: str, settings: Settings = COPYING) -> World:
    """A world of one line, which has copied and published each of *versions* in turn."""
    made = World(a_claim(versions[0]), settings=settings)
    for version in versions:
        follow(made, version)
    return made


def follow(made: World, version: str) -> None:
    """Let the feed name *version*, and the line copy and publish it."""
    made.flatcar.publish(a_claim(version))
    for _ in range(2):
        made.refresh()
        made.copies.become("available")
        made.pass_time(hours=1)


def held(made: World) -> Hold:
    hold = step(made.refresh()).after.hold
    assert hold
    return hold


def copies(made: World, version: str) -> dict[str, str]:
    return {region: made.copies.of(version, region) for region in REGIONS}


def shown(made: World) -> dict[str, str]:
    return {region: made.image(region) for region in REGIONS}


# Made


def test_a_release_is_copied_in_every_region_before_it_is_published() -> None:
    made = World(a_claim(NOW), settings=COPYING)
    hold = held(made)
    assert (hold.why, hold.detail) == (Why.COPYING, f"{NOW}: 2 of 2 copies are not ready")
    assert hold.regions == dict.fromkeys(REGIONS, ("not_copied",))
    assert made.image() == ""
    made.copies.become("available", AWAY)
    assert held(made).regions == {HOME: ("copying",)}
    made.copies.become("available")
    assert results(made.refresh()) == ("published",)
    assert shown(made) == copies(made, NOW)
    current = made.line().current
    assert current
    assert (current.images, current.owner) == (copies(made, NOW), "")
    assert current.copied_from == {region: image_id(NOW, region) for region in REGIONS}
    assert (bool(current.created_at), current.remaining(made.now)) == (True, None)
    assert json.loads(made.image(AWAY, ABOUT))["copied_from"] == image_id(NOW, AWAY)
    assert len(made.copies.ordered) == 2


def test_a_copy_is_born_with_its_name_and_what_it_is() -> None:
    made = world(NOW)
    home = next(order for order in made.copies.ordered if order.region == HOME)
    assert (home.name, home.tags) == (f"railyard-stable-{NOW}-amd64", TAGS)
    assert len(home.token) <= 64


def test_without_being_asked_for_nothing_is_copied_or_listed() -> None:
    made = world(NOW, settings=replace(COPYING, own_copies=False))
    assert (made.copies.ordered, made.copies.listed) == ([], 0)
    assert shown(made) == {region: image_id(NOW, region) for region in REGIONS}


def test_the_last_good_release_stays_while_the_next_is_copied() -> None:
    made = world(OLD)
    made.flatcar.publish(a_claim(NEW))
    since = held(made).since
    made.pass_time(hours=1)
    assert held(made).since == since
    assert (made.line().release, shown(made)) == (OLD, copies(made, OLD))
    made.copies.become("available")
    assert results(made.refresh()) == ("published",)
    assert (shown(made), made.line().hold) == (copies(made, NEW), None)


def test_a_feed_that_has_not_changed_is_taken_at_its_word() -> None:
    made = world(NOW)
    before = made.copies.listed, len(made.flatcar.asked)
    assert results(made.refresh()) == ("kept",)
    assert made.flatcar.tags[-1] == f'"{NOW}"'
    assert (made.copies.listed, len(made.flatcar.asked)) == before


def test_a_line_that_is_told_to_copy_does_so_at_its_next_run() -> None:
    made = world(NOW, settings=replace(COPYING, own_copies=False))
    made.settings = COPYING
    assert held(made).why is Why.COPYING
    made.copies.become("available")
    assert results(made.refresh()) == ("published",)
    assert shown(made) == copies(made, NOW)


def test_the_images_of_a_release_that_is_not_sound_or_is_older_are_not_copied() -> None:
    made = world(NOW)
    made.flatcar.publish(a_claim(OLD))
    assert held(made).why is Why.OLDER
    made.flatcar.publish(a_claim(NEW))
    made.flatcar.spoil(HOME, image_id(NEW, HOME), public=False)
    assert held(made).why is Why.DEFECTIVE
    assert {order.tags["railyard:release"] for order in made.copies.ordered} == {NOW}


def test_after_a_day_ec2_is_asked_again_and_the_copies_stay() -> None:
    made = world(NOW)
    before = made.lines.held["stable#amd64"].placed
    made.pass_time(hours=24)
    assert results(made.refresh()) == ("kept",)
    assert (made.line().placed, len(made.copies.ordered)) == (before, 2)


def test_a_copy_that_failed_is_told_and_another_is_made_with_another_name() -> None:
    made = World(a_claim(NOW), settings=COPYING)
    made.refresh()
    made.copies.become("available", HOME)
    made.copies.become("failed")
    assert held(made).regions == {AWAY: ("copy_failed",)}
    first, second = (order for order in made.copies.ordered if order.region == AWAY)
    assert first.token != second.token
    assert first.name != second.name
    made.copies.become("available")
    assert results(made.refresh()) == ("published",)
    assert (len(made.copies.ordered), shown(made)) == (3, copies(made, NOW))


def test_copies_that_fail_again_and_again_are_made_ever_more_seldom() -> None:
    made = World(a_claim(NOW, regions=[HOME]), settings=COPYING)
    runs = []
    for _ in range(8):
        before = len(made.copies.ordered)
        made.refresh()
        made.copies.become("failed")
        runs.append(len(made.copies.ordered) - before)
        made.pass_time(minutes=61)
    assert runs == [1, 1, 1, 0, 1, 0, 0, 1]


def test_a_copy_in_force_that_is_gone_is_made_anew() -> None:
    made = world(NOW)
    lost = made.copies.held[made.copies.of(NOW, HOME)]
    made.copies.take_away([lost])
    made.pass_time(hours=24)
    assert held(made).regions == {HOME: ("not_copied",)}
    assert made.image() == lost.image_id
    made.copies.become("available")
    made.refresh()
    assert made.image() == made.copies.of(NOW, HOME) != lost.image_id


def test_a_refusal_is_the_reason_of_its_region() -> None:
    made = World(a_claim(NOW), settings=COPYING)
    made.copies.refused[AWAY] = Denied("no", code="UnauthorizedOperation")
    hold = held(made)
    assert hold.regions == {HOME: ("not_copied",), AWAY: ("UnauthorizedOperation",)}
    assert list(made.refresh().copies.failed) == [f"{AWAY}/{image_id(NOW, AWAY)}"]


def test_a_region_that_does_not_say_what_it_has_gets_no_second_copy() -> None:
    made = World(a_claim(NOW), settings=COPYING)
    made.copies.silent = {AWAY}
    assert held(made).regions[AWAY] == ("RequestLimitExceeded",)
    assert {order.region for order in made.copies.ordered} == {HOME}


def test_a_region_that_is_not_required_may_lag_behind() -> None:
    made = world(OLD, settings=replace(COPYING, regions_required=(HOME,)))
    made.flatcar.publish(a_claim(NEW))
    made.refresh()
    made.copies.become("available", HOME)
    assert results(made.refresh()) == ("published",)
    assert made.line().marked(Mark.BEHIND) == {AWAY: OLD}
    assert made.image(AWAY) == made.copies.of(OLD, AWAY)
    made.copies.become("available")
    assert results(made.refresh()) == ("published",)
    assert made.line().marked(Mark.BEHIND) == {}


def test_a_release_without_a_single_copy_is_not_published() -> None:
    made = World(a_claim(NOW), settings=replace(COPYING, regions_required=("sa-east-1",)))
    assert held(made).why is Why.COPYING


def test_two_lines_that_name_one_image_share_its_copy() -> None:
    settings = replace(COPYING, channels=("lts", "lts-2024"))
    of = a_claim(NOW)
    made = World(replace(of, place=replace(of.place, channel="lts")), settings=settings)
    made.flatcar.publish(replace(of, place=replace(of.place, channel="lts-2024")))
    made.refresh()
    made.copies.become("available")
    assert results(made.refresh()) == ("published", "published")
    assert {order.tags["railyard:line"] for order in made.copies.ordered} == {"lts#amd64"}
    assert made.line("lts#amd64").placed == made.line("lts-2024#amd64").placed


def test_neither_another_deployments_copies_nor_images_without_a_source_are_taken() -> None:
    made = world(NOW, settings=replace(COPYING, own_copies=False))
    for number, changes in enumerate(({ownership.STACK: "other"}, {"railyard:home": AWAY}, {})):
        image = an_image(a_claim(NOW), HOME)
        tags = TAGS | changes
        made.copies.put(
            Copy(
                image=replace(image, image_id=f"ami-{number}", name=f"n-{number}"),
                source="" if not changes else image_id(NOW, HOME),
                tags=tags,
            )
        )
    made.settings = COPYING
    assert held(made).regions[HOME] == ("not_copied",)


# Tried, pinned, put in their place


def test_the_canary_pool_tries_the_copy() -> None:
    made = world(OLD, settings=replace(COPYING, canary_pool="canary", regions_required=(AWAY,)))
    made.flatcar.publish(a_claim(NEW))
    made.refresh()
    made.copies.become("available", AWAY)
    assert held(made).regions == {HOME: ("copying",)}
    assert made.line().candidate is None
    made.copies.become("available")
    made.refresh()
    assert made.image(HOME, CANDIDATE) == made.copies.of(NEW, HOME)
    assert made.image() == made.copies.of(OLD, HOME)
    made.prove()
    made.pass_time(hours=1)
    assert results(made.refresh()) == ("published",)
    assert shown(made) == copies(made, NEW)


def test_a_rollback_goes_back_to_the_copies_though_their_sources_are_gone() -> None:
    made = world(OLD, NEW)
    for region in REGIONS:
        del made.flatcar.images[region][image_id(OLD, region)]
    made.move(roll_back)
    assert results(made.refresh()) == ("published",)
    assert (shown(made), made.line().hold) == (copies(made, OLD), None)
    made.move(unpin)
    made.refresh()
    assert shown(made) == copies(made, NEW)


def test_a_pinned_release_of_public_images_is_taken_as_it_is() -> None:
    made = world(OLD, NOW, settings=replace(COPYING, own_copies=False))
    made.move(pin, made.line().previous)
    made.settings = COPYING
    assert results(made.refresh()) == ("published",)
    assert shown(made) == {region: image_id(OLD, region) for region in REGIONS}
    assert made.copies.ordered == []
    made.refresh()
    assert made.flatcar.tags[-1] == f'"{NOW}"'


def test_the_marketplace_s_image_is_published_as_it_is() -> None:
    made = World(settings=replace(COPYING, allow_fallback=("marketplace",)))
    made.flatcar.claims.clear()
    image = an_image(a_claim(NEW), HOME, name=f"Flatcar-stable-{NEW}-0d5f", owner="679593333241")
    made.flatcar.shelf[HOME] = replace(image, image_id="ami-market")
    found = step(made.refresh())
    assert [each.what for each in found.told] == [What.PUBLISHED]
    assert (made.image(), made.copies.ordered) == ("ami-market", [])


def test_a_dry_run_tests_a_source_once() -> None:
    made = world(NOW, settings=replace(COPYING, dry_run=True))
    tested = [call for call in made.flatcar.calls if call.startswith("refusal")]
    assert tested == [f"refusal {image_id(NOW, HOME)}"] * 2  # before it was published
    made.pass_time(hours=24)
    made.refresh()
    assert [call for call in made.flatcar.calls if call.startswith("refusal")] == tested


# Crashes


class Crash(Exception):
    """The function dies here."""


@pytest.mark.parametrize("position", range(1, 4))
def test_a_crash_among_copies_makes_none_twice(position: int) -> None:
    made = World(a_claim(NOW), settings=COPYING)

    def effect(number: int) -> None:
        if number == position:
            raise Crash

    made.before_effect = effect
    with pytest.raises(Crash):
        made.refresh()
    made.before_effect = lambda _: None
    made.refresh()
    assert len(made.copies.held) == len(REGIONS)


# Taken away


def aged(made: World, number: int = 0, **tags: str) -> Copy:
    """Put an old copy of a release that nobody names any more into HOME."""
    image = Image(
        image_id=f"ami-old-{number:02}", region=HOME, name=f"old-{number}", owner="1", architecture="amd64",
        virtualization="hvm", root_device="ebs", state="available", public=False,
        created_at=f"2026-09-{1 + number % 28:02}T00:00:00.000Z",
    )  # fmt: skip
    copy = Copy(image=image, source="ami-source", tags=TAGS | {"railyard:release": "1.0.0"} | tags)
    made.copies.put(copy)
    return copy


def looked(made: World) -> tuple[Copy, ...]:
    """Look at EC2, as once a day; return the copies that were taken away."""
    made.pass_time(hours=24)
    return made.refresh().copies.removed


def test_an_old_copy_that_no_record_names_is_taken_away() -> None:
    made = world(NOW)
    old = aged(made)
    assert looked(made) == (old,)
    assert old.image_id not in made.copies.held
    assert shown(made) == copies(made, NOW)
    assert looked(made) == ()


def test_what_was_published_goes_a_month_later_when_two_others_have_followed() -> None:
    made = world(OLD, NOW)
    mine = set(copies(made, OLD).values())
    made.pass_time(days=30)
    assert looked(made) == ()
    follow(made, NEW)
    assert {copy.image_id for copy in looked(made)} <= mine
    assert not mine & made.copies.held.keys()
    assert made.copies.held.keys() == {*copies(made, NOW).values(), *copies(made, NEW).values()}


def test_a_copy_stays_while_it_is_young_held_or_anothers() -> None:
    made = world(NOW)
    aged(made, 1, **{ownership.STACK: "other"})
    aged(made, 2, **{"railyard:home": AWAY})
    aged(made, 3, **{ownership.HOLD: "until I say so"})
    aged(made, 4, **{"railyard:line": "beta#amd64"})
    young = aged(made, 5)
    made.copies.put(replace(young, image=replace(young.image, created_at=made.now.isoformat())))
    image = aged(made, 6)
    made.copies.put(replace(image, source=""))
    assert looked(made) == ()


def test_the_copies_of_a_release_that_is_still_copied_stay() -> None:
    made = world(OLD)
    made.flatcar.publish(a_claim(NEW))
    made.refresh()
    made.copies.become("available", AWAY)
    made.pass_time(days=31)
    assert looked(made) == ()


def test_an_image_that_an_operator_put_in_place_stays() -> None:
    made = world(NOW, settings=replace(COPYING, overrides="verbatim"))
    mine, other = aged(made, 1), aged(made, 2)
    made.parameters.values[HOME, "/railyard/flatcar/stable/amd64/override"] = mine.image_id
    assert looked(made) == (other,)


def a_version(number: int, image: str) -> Version:
    content = Content(images=(SetImage(region=HOME, architecture="amd64", image_id=image),))
    return Version(ami_set="mine", part=f"v{number}", number=number, content=content, made_at=NOON, by="ops")


def test_what_an_ami_set_has_in_use_stays() -> None:
    made = world(NOW)
    old = [aged(made, number) for number in range(5)]
    made.ami_sets.held = {("mine", n): a_version(n, old[n].image_id) for n in range(1, 5)}
    made.ami_sets.heads = [AmiSet(ami_set="mine", number=4, last_good=3, deployed={"big": 1}, removed=False)]
    assert looked(made) == (old[0], old[2])


def test_nothing_goes_while_a_version_in_use_cannot_be_found() -> None:
    made = world(NOW)
    aged(made)
    made.ami_sets.heads = [AmiSet(ami_set="mine", number=1, removed=False)]
    assert looked(made) == ()


def test_no_more_than_the_budget_goes_in_a_run_and_the_oldest_first() -> None:
    made = world(NOW)
    old = [aged(made, number) for number in range(BUDGET + 3)]
    made.pass_time(hours=24)
    outcome = made.refresh()
    assert (outcome.copies.removed, outcome.copies.deferred) == (tuple(old[:BUDGET]), 3)
    assert looked(made) == tuple(old[BUDGET:])


def test_nothing_goes_unless_every_region_said_what_it_has() -> None:
    made = world(NOW)
    aged(made)
    made.copies.silent = {AWAY}
    assert looked(made) == ()
    made.copies.silent = set()
    assert len(looked(made)) == 1


def test_nothing_goes_where_records_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    made = world(NOW)
    aged(made)

    def busy() -> list[Line]:
        raise Throttled("busy")

    monkeypatch.setattr(made.lines, "all", busy)
    made.pass_time(hours=24)
    outcome = made.refresh()
    assert (outcome.copies.removed, list(outcome.copies.failed)) == ((), ["records"])


def test_nothing_goes_of_a_line_that_is_being_published_or_has_lost_its_record(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = world(NOW)
    aged(made)
    going_on = replace(made.line(), publishing=Publishing(release=NOW, until=made.now))
    for found in ([going_on], [], [Line(line="stable#amd64")]):
        monkeypatch.setattr(made.lines, "all", lambda found=found: found)
        assert looked(made) == ()


def test_a_copy_that_people_pinned_since_the_run_began_stays() -> None:
    made = world(OLD)
    first = made.line().current
    assert first
    follow(made, NOW)
    follow(made, NEW)
    made.pass_time(days=31)
    list_copies = made.copies.everywhere

    def meanwhile(regions: object) -> object:
        made.move(pin, first)
        return list_copies(REGIONS)

    made.copies.everywhere = meanwhile  # type: ignore[method-assign, assignment]
    assert looked(made) == ()


def test_what_could_not_be_taken_away_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    made = world(NOW)
    old = aged(made)
    refusal = {old.image_id: RailyardError("protected", code="OperationNotPermitted")}
    monkeypatch.setattr(made.copies, "take_away", lambda _: refusal)
    made.pass_time(hours=24)
    outcome = made.refresh()
    assert (outcome.copies.removed, outcome.copies.failed) == ((), refusal)
