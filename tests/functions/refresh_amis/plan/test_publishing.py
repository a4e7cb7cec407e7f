"""What regions hold, and what their parameters say."""

from __future__ import annotations

import json
from dataclasses import replace

from railyard.model.releases import Candidate, Line, Mark, Pin, Placed, Release
from refresh_amis.plan.publishing import Shelf, is_image, parameters, place, provenance
from tests.builders import NOW
from tests.functions.refresh_amis.world import ABOUT, AWAY, CANDIDATE, HOME, IMAGE, REGIONS

SHELF = Shelf(prefix="/railyard", home=HOME, tried="")
TRIED = replace(SHELF, tried="stable")
ENABLED = frozenset(REGIONS)
OLD = Placed(image="ami-old", release="4593.2.4")


def a_release(version: str = "4593.2.5", **images: str) -> Release:
    return Release(
        release=version,
        images={region.replace("_", "-"): image for region, image in images.items()},
        source="feed",
        channel="stable",
        url="https://feed",
        signature="verified",
        signer="52f1",
        found_at=NOW,
    )


BOTH = a_release(eu_west_1="ami-e", us_east_1="ami-u")
LINE = Line(
    line="stable#amd64",
    current=BOTH,
    previous=a_release("4593.2.4", us_east_1="ami-old"),
    placed={
        AWAY: Placed(image="ami-e", release="4593.2.5"),
        HOME: Placed(image="ami-u", release="4593.2.5"),
    },
)


def test_each_enabled_region_gets_the_image_of_the_release() -> None:
    assert place(Line(line="l"), BOTH, frozenset({HOME}), {}) == {
        HOME: Placed(image="ami-u", release="4593.2.5")
    }


def test_a_region_that_the_release_does_not_name_keeps_its_last_image_with_its_version() -> None:
    line = Line(line="l", placed={HOME: OLD})
    placed = place(line, a_release(eu_west_1="ami-e"), ENABLED, {})
    assert placed[HOME] == replace(OLD, mark=Mark.WITHDRAWN)
    assert place(replace(line, placed=placed), a_release("4593.2.9"), ENABLED, {})[HOME] == placed[HOME]
    assert place(replace(line, placed=placed), BOTH, ENABLED, {})[HOME].mark is Mark.RELEASE


def test_a_region_that_waits_says_that_it_is_behind() -> None:
    line = Line(line="l", placed={HOME: OLD})
    waits = replace(a_release(eu_west_1="ami-e"), behind=(HOME, "sa-east-1"))
    placed = place(line, waits, ENABLED, {})
    assert placed[HOME] == replace(OLD, mark=Mark.BEHIND)
    assert set(placed) == ENABLED


def test_an_override_wins_and_may_be_where_no_release_is() -> None:
    placed = place(LINE, BOTH, ENABLED | {"sa-east-1"}, {HOME: "ami-mine", "sa-east-1": "ami-s"})
    assert placed[HOME] == Placed(image="ami-mine", release="", mark=Mark.OVERRIDE)
    assert placed["sa-east-1"].image == "ami-s"
    assert place(replace(LINE, placed=placed), BOTH, ENABLED, {})[HOME].image == "ami-u"
    assert place(Line(line="l"), None, ENABLED, {HOME: "ami-mine"})[HOME].mark is Mark.OVERRIDE


def test_the_parameters_of_a_region_are_its_image_and_where_it_came_from() -> None:
    values = parameters(LINE, SHELF)
    assert {region: set(named) for region, named in values.items()} == {
        region: {IMAGE, ABOUT} for region in REGIONS
    }
    assert values[HOME][IMAGE] == "ami-u"
    assert json.loads(values[HOME][ABOUT]) == {
        "version": "4593.2.5",
        "image": "ami-u",
        "previous": "ami-old",
        "source": "feed",
        "url": "https://feed",
        "channel_of_origin": "stable",
        "verification": "owner, name, version and state checked in EC2; signature: verified",
        "signature": "verified",
        "signer": "52f1",
        "withdrawn": False,
        "behind": False,
        "pinned": False,
        "released_at": "2026-11-20T12:00:00Z",
    }
    assert provenance(LINE, AWAY)["previous"] == ""


def test_an_override_says_whose_it_is_and_nothing_of_the_release() -> None:
    line = replace(LINE, placed={HOME: Placed(image="ami-mine", release="", mark=Mark.OVERRIDE)})
    said = provenance(line, HOME)
    assert (said["source"], said["image"], said["version"]) == ("override", "ami-mine", "")
    assert "signature" not in said


def test_a_pinned_line_says_so() -> None:
    assert provenance(replace(LINE, pin=Pin(release=BOTH, by="ops", at=NOW)), HOME)["pinned"] is True


def test_canary_pools_launch_the_candidate_and_else_what_all_others_do() -> None:
    assert CANDIDATE not in parameters(LINE, SHELF)[HOME]
    assert parameters(LINE, TRIED)[HOME][CANDIDATE] == "ami-u"
    assert CANDIDATE not in parameters(LINE, TRIED)[AWAY]
    tried = Candidate(release=a_release("4593.2.6", us_east_1="ami-new"), since=NOW)
    assert parameters(replace(LINE, candidate=tried), TRIED)[HOME][CANDIDATE] == "ami-new"
    failed = replace(tried, failed="impaired")
    assert parameters(replace(LINE, candidate=failed), TRIED)[HOME][CANDIDATE] == "ami-u"
    assert parameters(replace(LINE, candidate=tried), TRIED)[HOME][IMAGE] == "ami-u"


def test_only_images_get_the_type_that_ec2_resolves() -> None:
    assert (is_image(IMAGE), is_image(CANDIDATE), is_image(ABOUT)) == (True, True, False)
