"""Candidates on trial: proven, failed, dismissed, given up."""

from __future__ import annotations

from dataclasses import replace

from railyard.model.releases import What, Why, dismiss, pin
from railyard.model.requests import RequestState
from refresh_amis.plan.trying import Trial
from tests.functions.refresh_amis.stories import (
    NEW,
    held,
    told,
    trying,
    world,
)
from tests.functions.refresh_amis.world import (
    AWAY,
    CANARY,
    CANDIDATE,
    HOME,
    REGIONS,
    World,
    a_claim,
    image_id,
    results,
    step,
)


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


def test_a_canary_pool_that_is_named_later_has_something_to_launch_at_once() -> None:
    made = world("4593.2.5")
    made.refresh(replace(made.settings, canary_pool="canary"))
    assert made.image(HOME, CANDIDATE) == image_id("4593.2.5", HOME)


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
