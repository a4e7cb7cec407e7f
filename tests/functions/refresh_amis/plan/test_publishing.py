"""What regions hold, and what their parameters say."""

from __future__ import annotations

import json
from dataclasses import replace

from railyard.model.releases import Candidate, Line, Mark, Pin, Placed, Release
from refresh_amis.plan.publishing import Shelf, is_image, parameters, place, provenance
from tests.builders import NOW
from tests.functions.refresh_amis.world import ABOUT, AWAY, CANDIDATE, HOME, IMAGE, REGIONS

SHELF = Shelf(prefix="/railyard", home=HOME)
ENABLED = frozenset(REGIONS)
OLD = Placed(image="ami-old", release="4593.2.4", source="feed")


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
        AWAY: Placed(image="ami-e", release="4593.2.5", source="feed"),
        HOME: Placed(image="ami-u", release="4593.2.5", source="feed"),
    },
)


def test_each_enabled_region_gets_the_image_of_the_release() -> None:
    assert place(Line(line="l"), BOTH, frozenset({HOME}), {}) == {
        HOME: Placed(image="ami-u", release="4593.2.5", source="feed")
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
    assert placed[HOME] == Placed(image="ami-mine", release="", source="override", mark=Mark.OVERRIDE)
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
    assert provenance(replace(LINE, previous=None), HOME)["previous"] == ""


def test_the_same_line_says_the_same_word_for_word() -> None:
    said = parameters(LINE, SHELF)[HOME][ABOUT]
    assert said == json.dumps(json.loads(said), sort_keys=True)


def test_what_the_marketplace_has_is_said_to_be_checked_for_less() -> None:
    line = replace(LINE, current=replace(BOTH, source="marketplace", signature="not_published"))
    said = provenance(line, HOME)["verification"]
    assert said == "architecture and state checked in EC2; signature: not_published"


def test_an_override_says_whose_it_is_and_nothing_of_the_release() -> None:
    line = replace(
        LINE, placed={HOME: Placed(image="ami-mine", release="", source="override", mark=Mark.OVERRIDE)}
    )
    assert provenance(line, HOME) == {
        "version": "",
        "image": "ami-mine",
        "previous": "ami-old",
        "source": "override",
        "channel_of_origin": "stable",
        "verification": "the operator's own",
        "withdrawn": False,
        "behind": False,
        "pinned": False,
    }
    assert provenance(replace(line, current=None), HOME)["source"] == "override"


def test_a_pinned_line_says_so() -> None:
    assert provenance(replace(LINE, pin=Pin(release=BOTH, by="ops", at=NOW)), HOME)["pinned"] is True


TRIES = replace(LINE, tries=True)


def test_what_is_not_of_the_release_in_force_says_where_it_came_from_and_nothing_of_that_release() -> None:
    kept = {
        HOME: replace(OLD, mark=Mark.WITHDRAWN, source="marketplace"),
        AWAY: Placed(image="ami-mine", release="", source="override", mark=Mark.WITHDRAWN),
    }
    line = replace(LINE, placed=kept)
    said, own = provenance(line, HOME), provenance(line, AWAY)
    assert (said["source"], said["version"], said["withdrawn"]) == ("marketplace", "4593.2.4", True)
    assert (own["source"], own["verification"]) == ("override", "the operator's own")
    assert not {"url", "signature", "signer", "released_at"} & (said.keys() | own.keys())


def test_canary_pools_launch_the_candidate_and_else_what_all_others_do() -> None:
    assert CANDIDATE not in parameters(LINE, SHELF)[HOME]
    assert parameters(TRIES, SHELF)[HOME][CANDIDATE] == "ami-u"
    assert CANDIDATE not in parameters(TRIES, SHELF)[AWAY]
    tried = Candidate(release=a_release("4593.2.6", us_east_1="ami-new"), since=NOW)
    assert parameters(replace(TRIES, candidate=tried), SHELF)[HOME][CANDIDATE] == "ami-new"
    failed = replace(tried, failed="impaired")
    assert parameters(replace(TRIES, candidate=failed), SHELF)[HOME][CANDIDATE] == "ami-u"
    assert parameters(replace(TRIES, candidate=tried), SHELF)[HOME][IMAGE] == "ami-u"


def test_only_images_get_the_type_that_ec2_resolves() -> None:
    assert (is_image(IMAGE), is_image(CANDIDATE), is_image(ABOUT)) == (True, True, False)
