"""What becomes of a line, from what it was and what was seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from railyard.errors import RailyardError, Throttled
from railyard.flatcar.claims import Claim, Signature
from railyard.flatcar.sources import Place, Source
from railyard.model.images import Defect, Image
from railyard.model.releases import Candidate, Hold, Line, Mark, Pin, Placed, Publishing, Release, What, Why
from railyard.model.requests import RequestState
from refresh_amis.plan.deciding import Facts, Step, Told, decide, pin_waits, tag
from refresh_amis.plan.judging import Regions
from refresh_amis.plan.trying import Trial
from tests.builders import NOW
from tests.functions.refresh_amis.world import (
    AWAY,
    CANARY,
    HOME,
    REGIONS,
    SETTINGS,
    a_claim,
    an_image,
    image_id,
)

OLD, CURRENT, NEW = "4593.2.4", "4593.2.5", "4593.2.6"
VALIDATED, VERBATIM = (replace(SETTINGS, overrides=each) for each in ("validated", "verbatim"))
LATER = NOW + timedelta(hours=1)
BUSY = Throttled("busy")


def seen(*claims: Claim, **changes: Any) -> Facts:
    """A run that heard the last of *claims*, if any, an hour later, and saw the images of all of them."""
    shown: dict[str, dict[str, Image]] = {}
    for claim in claims:
        for region, image in claim.images.items():
            shown.setdefault(region, {})[image] = an_image(claim, region)
    facts = Facts(
        heard=claims[-1] if claims else None,
        home=HOME,
        now=LATER,
        shown=shown,
        regions=Regions(enabled=frozenset(REGIONS)),
    )
    return replace(facts, **changes)


def without(facts: Facts, region: str, image: str, **faults: Any) -> Facts:
    """*facts* with one image spoilt."""
    images = facts.shown[region]
    assert isinstance(images, Mapping)
    spoilt = {**images, image: replace(images[image], **faults)}
    return replace(facts, shown={**facts.shown, region: spoilt})


def in_force(version: str = CURRENT) -> Line:
    """A line that has published *version*."""
    return decide(Line(line="stable#amd64"), seen(a_claim(version), now=NOW), SETTINGS).after


LINE = in_force()
PLACE = a_claim().place


def release(version: str) -> Release:
    found = in_force(version).current
    assert found
    return found


def pinned(version: str, **changes: Any) -> Line:
    """The line after people pinned *version*, which is not in force yet."""
    return replace(LINE, pin=Pin(release=replace(release(version), **changes), by="ops", at=NOW))


def hold(found: Step) -> Hold:
    assert found.after.hold
    return found.after.hold


# What is asked of the first place


def test_a_feed_that_is_settled_is_asked_only_whether_it_has_changed() -> None:
    assert tag(LINE, PLACE, SETTINGS, LATER) == '"4593.2.5"'


@pytest.mark.parametrize(
    ("line", "place"),
    [
        (Line(line="stable#amd64"), PLACE),
        (replace(LINE, publishing=Publishing(release=CURRENT, until=NOW)), PLACE),
        (pinned(OLD), PLACE),
        (LINE, replace(PLACE, source=Source.MIRROR, url="https://mirror.example.com")),
        (replace(LINE, feed=replace(LINE.feed, settled=False) if LINE.feed else None), PLACE),
    ],
    ids=["never read", "publication due", "pin waits", "another file was read", "not settled"],
)
def test_as_long_as_something_is_to_be_done_it_is_read_whole(line: Line, place: Place) -> None:
    assert tag(line, place, SETTINGS, LATER) == ""


def test_it_is_read_whole_once_a_day() -> None:
    assert tag(LINE, PLACE, SETTINGS, NOW + timedelta(hours=24, seconds=-1)) == '"4593.2.5"'
    assert tag(LINE, PLACE, SETTINGS, NOW + timedelta(hours=24)) == ""


def test_a_key_that_was_not_used_yet_lets_it_be_read_whole() -> None:
    keyed = replace(SETTINGS, signing_key="key")
    assert tag(LINE, PLACE, keyed, LATER) == '"4593.2.5"'
    unsigned = replace(release(CURRENT), signature=Signature.UNAVAILABLE)
    assert tag(replace(LINE, current=unsigned), PLACE, keyed, LATER) == ""


# What is known of the feed


def test_what_was_read_is_remembered() -> None:
    facts = seen(a_claim(regions=(*REGIONS, "sa-east-1", "ap-east-1", "me-south-1", "ca-west-1")))
    feed = decide(
        LINE, without(facts, AWAY, image_id(CURRENT, AWAY), created_at="2026-10-01"), SETTINGS
    ).after.feed
    assert feed
    assert (feed.url, feed.etag, feed.release, feed.looked_at, feed.settled) == (
        PLACE.url,
        '"4593.2.5"',
        CURRENT,
        LATER,
        True,
    )
    assert feed.created_at == "2026-10-01"
    assert feed.skipped == ("ap-east-1", "ca-west-1", "me-south-1", "sa-east-1")


def test_a_feed_that_names_no_version_is_known_by_the_one_that_its_images_have() -> None:
    facts = seen(a_claim(NEW))
    assert isinstance(facts.heard, Claim)
    found = decide(LINE, replace(facts, heard=replace(facts.heard, version="")), SETTINGS).after
    assert found.feed
    assert (found.release, found.feed.release) == (NEW, NEW)


def test_a_feed_is_not_settled_while_its_release_is_tried_and_settled_when_it_has_failed() -> None:
    trying = decide(LINE, seen(a_claim(NEW)), CANARY).after
    assert trying.feed
    assert not trying.feed.settled
    impaired = Trial(state=RequestState.FULFILLED, image=image_id(NEW, HOME), healthy=False)
    failed = decide(trying, seen(a_claim(NEW), trial=impaired), CANARY).after
    assert failed.feed
    assert failed.feed.settled


# Holds


def troubles() -> dict[str, tuple[Line, Facts, Why, str]]:
    """A line and what was seen, with why it is held and what the detail names."""
    spoilt = without(seen(a_claim(NEW)), HOME, image_id(NEW, HOME), public=False)
    trying = decide(LINE, seen(a_claim(NEW), now=NOW), CANARY).after
    impaired = Trial(
        state=RequestState.FULFILLED, image=image_id(NEW, HOME), healthy=False, detail="impaired"
    )
    gone = without(seen(a_claim(OLD), a_claim()), HOME, image_id(OLD, HOME), public=False)
    return {
        "feed": (LINE, seen(heard=RailyardError("no", code="feed_missing")), Why.FEED, "feed_missing"),
        "defective": (LINE, spoilt, Why.DEFECTIVE, NEW),
        "older": (LINE, seen(a_claim(OLD)), Why.OLDER, OLD),
        "canary": (trying, seen(a_claim(NEW), trial=impaired), Why.CANARY, NEW),
        "pin": (pinned(OLD), gone, Why.PIN, OLD),
        "override": (LINE, seen(a_claim(), overrides={HOME: "ami-?"}), Why.OVERRIDE, ""),
    }


@pytest.mark.parametrize("kind", troubles())
def test_each_hold_says_why_and_since_when_and_what_is_in_force_stays(kind: str) -> None:
    line, facts, why, named = troubles()[kind]
    settings = replace(CANARY, overrides="validated")
    found = decide(line, facts, settings)
    assert (hold(found).why, hold(found).since) == (why, LATER)
    assert hold(found).detail
    assert named in hold(found).detail
    assert (found.after.current, found.after.placed) == (line.current, line.placed)
    again = decide(found.after, replace(facts, now=LATER + timedelta(hours=1)), settings)
    assert again.after.hold == found.after.hold


def test_a_hold_for_another_reason_begins_anew() -> None:
    silent = decide(LINE, seen(heard=RailyardError("no", code="x")), SETTINGS).after
    later = decide(silent, replace(seen(a_claim(OLD)), now=LATER + timedelta(hours=1)), SETTINGS)
    assert (hold(later).why, hold(later).since) == (Why.OLDER, LATER + timedelta(hours=1))


# What is told


def test_a_publication_is_told_with_its_source() -> None:
    assert decide(LINE, seen(a_claim(NEW)), SETTINGS).told == (
        Told(what=What.PUBLISHED, release=NEW, detail="feed"),
    )


def test_a_publication_of_a_pin_is_told_with_who_wanted_it() -> None:
    found = decide(pinned(OLD), seen(a_claim(OLD), a_claim()), SETTINGS)
    assert found.told == (Told(what=What.PUBLISHED, release=OLD, detail="pinned by ops"),)


def test_an_override_before_the_first_release_is_told_without_one() -> None:
    facts = seen(heard=RailyardError("no", code="x"), overrides={HOME: "ami-mine"})
    found = decide(Line(line="stable#amd64"), facts, VERBATIM)
    assert found.told == (Told(what=What.PUBLISHED, release="", detail=""),)


def test_a_trial_is_told_once_when_it_begins_and_once_when_it_has_failed() -> None:
    begun = decide(LINE, seen(a_claim(NEW)), CANARY)
    assert begun.told == (Told(what=What.CANDIDATE, release=NEW),)
    assert decide(begun.after, seen(a_claim(NEW)), CANARY).told == ()
    impaired = Trial(
        state=RequestState.FULFILLED, image=image_id(NEW, HOME), healthy=False, detail="impaired"
    )
    failed = decide(begun.after, seen(a_claim(NEW), trial=impaired), CANARY)
    assert failed.after.candidate
    assert failed.told == (Told(what=What.REJECTED, release=NEW, detail=failed.after.candidate.failed),)
    assert decide(failed.after, seen(a_claim(NEW), trial=impaired), CANARY).told == ()


# Trials


def test_a_machine_is_asked_for_until_its_request_is_seen() -> None:
    begun = decide(LINE, seen(a_claim(NEW)), CANARY)
    assert begun.asks
    assert decide(begun.after, seen(a_claim(NEW)), CANARY).asks
    waits = Trial(state=RequestState.REQUESTED)
    assert not decide(begun.after, seen(a_claim(NEW), trial=waits), CANARY).asks


def test_another_attempt_is_asked_for_and_what_is_over_is_not() -> None:
    begun = decide(LINE, seen(a_claim(NEW)), CANARY).after
    again = decide(begun, seen(a_claim(NEW), trial=Trial(state=RequestState.LOST)), CANARY)
    assert (again.asks, again.after.ending) == (True, (begun.trial,))
    impaired = Trial(state=RequestState.FULFILLED, image=image_id(NEW, HOME), healthy=False)
    assert not decide(begun, seen(a_claim(NEW), trial=impaired), CANARY).asks
    assert not decide(LINE, seen(a_claim()), CANARY).asks


def test_a_release_whose_image_at_home_is_the_same_is_not_tried() -> None:
    more = replace(a_claim(), images={**a_claim().images, AWAY: "ami-rebuilt"})
    found = decide(LINE, seen(more), CANARY)
    assert (found.after.candidate, found.after.placed[AWAY].image) == (None, "ami-rebuilt")


def test_a_candidate_is_known_since_its_trial_began() -> None:
    begun = decide(LINE, seen(a_claim(NEW)), CANARY).after
    assert begun.candidate == Candidate(release=replace(release(NEW), found_at=LATER), since=LATER)


# Pins


def test_a_pin_waits_until_the_very_same_release_is_in_force() -> None:
    assert not pin_waits(LINE)
    assert pin_waits(pinned(OLD))
    assert not pin_waits(pinned(CURRENT))
    assert pin_waits(pinned(CURRENT, images={HOME: "ami-0"}))
    assert pin_waits(replace(pinned(CURRENT), current=None))


def test_a_pinned_release_is_judged_by_its_own_name_and_owner() -> None:
    facts = seen(a_claim(OLD), a_claim())
    named = without(facts, HOME, image_id(OLD, HOME), name="Flatcar-stable-4593.2.9-hvm")
    assert hold(decide(pinned(OLD), named, SETTINGS)).regions == {HOME: (Defect.WRONG_NAME,)}
    owned = without(facts, HOME, image_id(OLD, HOME), owner="679593333241")
    assert hold(decide(pinned(OLD), owned, SETTINGS)).regions == {HOME: (Defect.WRONG_OWNER,)}
    anybody_s = pinned(OLD, owner="", source=Source.MARKETPLACE)
    assert decide(anybody_s, owned, SETTINGS).after.release == OLD


def test_a_pinned_release_leaves_a_region_that_may_wait_behind_and_is_told_once() -> None:
    facts = without(seen(a_claim(OLD), a_claim()), HOME, image_id(OLD, HOME), state="pending")
    facts = replace(facts, regions=Regions(enabled=frozenset(REGIONS), required=frozenset({AWAY})))
    found = decide(pinned(OLD), facts, SETTINGS)
    assert found.after.current
    assert (found.after.current.images, found.after.current.behind) == ({AWAY: image_id(OLD, AWAY)}, (HOME,))
    assert found.after.placed == {
        AWAY: Placed(image=image_id(OLD, AWAY), release=OLD, source="feed"),
        HOME: Placed(image=image_id(CURRENT, HOME), release=CURRENT, source="feed", mark=Mark.BEHIND),
    }
    again = decide(found.after, facts, SETTINGS)
    assert (again.told, again.after.current) == ((), found.after.current)


def test_a_pin_is_carried_out_whether_the_feed_can_be_read_or_not() -> None:
    facts = replace(seen(a_claim(OLD), a_claim()), heard=RailyardError("no", code="x"))
    found = decide(pinned(OLD), facts, SETTINGS)
    assert (found.after.release, hold(found).why) == (OLD, Why.FEED)


# Overrides


def overridden(image: str = "ami-mine") -> Line:
    """The line with *image* in the place of the release's at home."""
    placed = {**LINE.placed, HOME: Placed(image=image, release="", source="override", mark=Mark.OVERRIDE)}
    return replace(LINE, placed=placed)


def mine(facts: Facts, image: str = "ami-mine", **faults: Any) -> Facts:
    """*facts* in which EC2 shows the operator's own *image* at home."""
    shown = facts.shown[HOME]
    assert isinstance(shown, Mapping)
    own = an_image(a_claim(), HOME, owner="123456789012", name="mine", public=False)
    return replace(
        facts, shown={**facts.shown, HOME: {**shown, image: replace(own, image_id=image, **faults)}}
    )


def test_a_sound_override_is_taken_and_holds_nothing() -> None:
    found = decide(LINE, mine(seen(a_claim(), overrides={HOME: "ami-mine"})), VALIDATED).after
    assert (found.placed, found.hold) == (overridden().placed, None)


def test_verbatim_takes_what_ec2_does_not_know_and_holds_nothing() -> None:
    found = decide(LINE, seen(a_claim(), overrides={HOME: "ami-mine"}), VERBATIM).after
    assert (found.placed, found.hold) == (overridden().placed, None)


def test_an_override_that_is_in_place_is_not_looked_at_again() -> None:
    facts = mine(seen(a_claim(), overrides={HOME: "ami-mine"}), state="deregistered")
    found = decide(overridden(), facts, VALIDATED).after
    assert (found.placed, found.hold) == (overridden().placed, None)


def test_an_unsound_override_leaves_the_one_before_it_in_place() -> None:
    found = decide(overridden(), seen(a_claim(), overrides={HOME: "ami-new"}), VALIDATED)
    assert found.after.placed == overridden().placed
    assert (hold(found).why, hold(found).regions) == (Why.OVERRIDE, {HOME: (Defect.MISSING,)})


def test_an_override_where_ec2_does_not_answer_is_not_verified() -> None:
    facts = seen(heard=None, shown={HOME: BUSY}, overrides={HOME: "ami-mine"})
    found = decide(LINE, facts, VALIDATED)
    assert hold(found).regions == {HOME: (Defect.UNVERIFIED,)}
    assert found.after.placed == LINE.placed


@pytest.mark.parametrize("settings", [VALIDATED, VERBATIM], ids=["validated", "verbatim"])
@pytest.mark.parametrize("line", [LINE, overridden()], ids=["none", "one"])
def test_a_region_that_does_not_say_keeps_the_override_that_it_has_and_gets_none(
    line: Line, settings: Any
) -> None:
    found = decide(line, seen(a_claim(), overrides={HOME: BUSY}), settings).after
    assert (found.placed, found.hold) == (line.placed, None)
