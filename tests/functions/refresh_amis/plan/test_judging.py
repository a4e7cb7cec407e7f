"""What a claim is worth, image by image."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from railyard.errors import Throttled
from railyard.flatcar.claims import Claim
from railyard.flatcar.sources import official
from railyard.model.images import Defect, Image
from railyard.model.releases import Release
from refresh_amis.plan.judging import Flaw, Regions, judge, launches, stand_in
from tests.builders import NOW
from tests.functions.refresh_amis.world import AWAY, HOME, REGIONS, a_claim, an_image, image_id

ENABLED = Regions(enabled=frozenset(REGIONS))
REGION_MAP = list(official("stable", "amd64"))[-1]


def shown(claim: Claim, **faults: Any) -> dict[str, Any]:
    """What EC2 shows of *claim*: sound everywhere, but for *faults* at home."""
    return {
        region: {image: an_image(claim, region, **(faults if region == HOME else {}))}
        for region, image in claim.images.items()
    }


def judged(claim: Claim, regions: Regions = ENABLED, **faults: Any) -> Release | Flaw:
    return judge(claim, shown(claim, **faults), regions, NOW)


def flaw(found: Release | Flaw) -> Flaw:
    assert isinstance(found, Flaw)
    return found


def release(found: Release | Flaw) -> Release:
    assert isinstance(found, Release)
    return found


def test_a_sound_claim_is_a_release_that_says_where_it_came_from() -> None:
    claim = a_claim()
    found = release(judged(claim))
    assert (found.release, found.images, found.channel) == ("4593.2.5", claim.images, "stable")
    assert (found.source, found.url, found.signature, found.signer) == (
        "feed",
        claim.place.url,
        "verified",
        "52f1",
    )
    assert (found.found_at, found.created_at, found.behind) == (NOW, "2026-11-01T00:00:00.000Z", ())


def test_a_release_is_as_old_as_its_oldest_image() -> None:
    found = release(judged(a_claim(), created_at="2026-10-01T00:00:00.000Z"))
    assert found.created_at == "2026-10-01T00:00:00.000Z"


def test_images_whose_age_ec2_does_not_say_do_not_make_a_release_older() -> None:
    assert release(judged(a_claim(), created_at="")).created_at == "2026-11-01T00:00:00.000Z"
    claim = a_claim(regions=(HOME,))
    assert release(judge(claim, shown(claim, created_at=""), ENABLED, NOW)).created_at == ""


@pytest.mark.parametrize(
    ("fault", "defect"),
    [
        ({"owner": "123456789012"}, Defect.WRONG_OWNER),
        ({"owner": "075585003326"}, Defect.WRONG_OWNER),
        ({"name": "Flatcar-stable-4593.2.4-hvm"}, Defect.WRONG_NAME),
        ({"name": "Flatcar-beta-4593.2.5-hvm"}, Defect.WRONG_NAME),
        ({"name": "Flatcar-stable-4593.2.5-hvm "}, Defect.WRONG_NAME),
        ({"architecture": "arm64"}, Defect.WRONG_ARCHITECTURE),
        ({"virtualization": "paravirtual"}, Defect.WRONG_VIRTUALIZATION),
        ({"root_device": "instance-store"}, Defect.WRONG_ROOT_DEVICE),
        ({"state": "pending"}, Defect.NOT_AVAILABLE),
        ({"public": False}, Defect.NOT_PUBLIC),
        ({"allowed": False}, Defect.NOT_ALLOWED),
        ({"deprecation_time": "2026-11-20T12:00:00Z"}, Defect.DEPRECATED),
        ({"refused": "OptInRequired"}, Defect.NOT_LAUNCHABLE),
    ],
)
def test_one_unsound_image_is_named_with_its_region(fault: dict[str, Any], defect: Defect) -> None:
    assert flaw(judged(a_claim(), **fault)).regions == {HOME: (defect,)}


def test_every_defect_of_an_image_is_named() -> None:
    found = flaw(judged(a_claim(), owner="x", state="failed", public=False))
    assert found.regions[HOME] == (Defect.WRONG_OWNER, Defect.NOT_AVAILABLE, Defect.NOT_PUBLIC)


def test_an_image_that_ec2_does_not_show_is_missing_and_a_region_that_did_not_answer_proves_nothing() -> None:
    claim = a_claim()
    assert flaw(judge(claim, shown(claim) | {AWAY: {}}, ENABLED, NOW)).regions == {AWAY: (Defect.MISSING,)}
    busy = shown(claim) | {AWAY: Throttled("busy")}
    assert flaw(judge(claim, busy, ENABLED, NOW)).regions == {AWAY: (Defect.UNVERIFIED,)}


def test_an_arm64_image_has_its_own_name() -> None:
    assert isinstance(judged(a_claim(architecture="arm64")), Release)
    assert isinstance(judged(a_claim(architecture="arm64"), name="Flatcar-stable-4593.2.5-hvm"), Flaw)


def test_an_image_whose_deprecation_lies_ahead_is_sound() -> None:
    assert isinstance(judged(a_claim(), deprecation_time="2026-11-20T12:00:01Z"), Release)
    assert isinstance(judged(a_claim(), deprecation_time=""), Release)


def test_an_image_of_a_long_term_year_is_called_after_its_channel() -> None:
    claim = a_claim("4081.3.10", place=next(official("lts-2024", "amd64")))
    assert release(judged(claim)).channel == "lts-2024"


def test_a_claim_without_a_version_takes_it_from_the_names_of_its_images() -> None:
    claim = a_claim()
    found = release(judge(replace(claim, version="", place=REGION_MAP), shown(claim), ENABLED, NOW))
    assert (found.release, found.source) == ("4593.2.5", "region-map")


@pytest.mark.parametrize("name", ["Flatcar-stable-4593.2.4-hvm", "Flatcar-beta-4593.2.5-hvm", "other"])
def test_names_that_do_not_agree_give_no_version(name: str) -> None:
    claim = a_claim()
    found = judge(replace(claim, version=""), shown(claim, name=name), ENABLED, NOW)
    assert flaw(found).detail == "the images' names agree on no version"


@pytest.mark.parametrize("there", [{}, Throttled("busy")], ids=["missing", "silent"])
def test_images_that_ec2_does_not_show_have_no_say_in_the_version(there: Any) -> None:
    claim = replace(a_claim(), version="")
    found = release(judge(claim, shown(a_claim()) | {AWAY: there}, required(HOME), NOW))
    assert (found.release, found.behind) == ("4593.2.5", (AWAY,))


# Regions that are closed, or may wait


def test_a_region_that_the_account_has_closed_is_left_out() -> None:
    found = release(judged(a_claim(), Regions(enabled=frozenset({AWAY}))))
    assert found.images == {AWAY: image_id("4593.2.5", AWAY)}


def test_a_claim_of_closed_regions_alone_is_none() -> None:
    assert "enabled" in flaw(judged(a_claim(), Regions(enabled=frozenset({"sa-east-1"})))).detail


def required(*regions: str) -> Regions:
    return Regions(enabled=frozenset(REGIONS), required=frozenset(regions))


def test_a_bad_image_where_none_is_required_waits() -> None:
    found = release(judged(a_claim(), required(AWAY), state="pending"))
    assert (found.images, found.behind) == ({AWAY: image_id("4593.2.5", AWAY)}, (HOME,))


def test_a_bad_image_in_a_required_region_is_a_flaw() -> None:
    assert flaw(judged(a_claim(), required(HOME), state="pending")).regions == {HOME: (Defect.NOT_AVAILABLE,)}


def test_a_claim_without_one_sound_image_is_a_flaw_whatever_is_required() -> None:
    claim = a_claim(regions=(HOME,))
    assert isinstance(judge(claim, shown(claim, state="pending"), required("sa-east-1"), NOW), Flaw)


# What still launches, and what the Marketplace has


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        ({HOME: {}, AWAY: {}}, False),
        ({HOME: {}, AWAY: {"state": "available"}}, True),
        ({HOME: {}, AWAY: {"state": "deregistered"}}, False),
        ({HOME: {}, AWAY: {"public": False}}, True),
        ({HOME: {}, AWAY: Throttled("busy")}, True),
    ],
    ids=["all gone", "one is left", "none is sound", "shared with us", "nobody can tell"],
)
def test_something_launches_as_long_as_one_image_may(there: dict[str, Any], expected: bool) -> None:
    claim = a_claim()
    seen = {
        region: faults if isinstance(faults, Throttled) else
        {claim.images[region]: an_image(claim, region, **faults)} if faults else {}
        for region, faults in there.items()
    }  # fmt: skip
    assert launches(claim.images, seen, "amd64", NOW) is expected


def test_nothing_launches_where_nothing_was_published() -> None:
    assert not launches({}, {}, "amd64", NOW)


def on_the_shelf(version: str, region: str, **faults: Any) -> Image:
    """A Marketplace image: another owner, and a name with a suffix."""
    name = f"Flatcar-stable-{version}-0d5f3b4e-f2d0-4dbd-8000-b4c8c3b29f5e"
    image = an_image(a_claim(version), region, owner="679593333241", name=name)
    return replace(image, image_id=f"ami-market-{version}-{region}", **faults)


def test_the_marketplace_stands_in_with_its_newest_version_where_it_has_it() -> None:
    shelf = {HOME: on_the_shelf("4459.2.1", HOME), AWAY: on_the_shelf("4459.10.0", AWAY), "sa-east-1": None}
    found = stand_in(shelf, "stable", "amd64", NOW)
    assert found
    assert (found.release, found.images) == ("4459.10.0", {AWAY: "ami-market-4459.10.0-eu-west-1"})
    assert (found.source, found.signature, found.channel) == ("marketplace", "not_published", "stable")


def test_what_stands_in_is_as_old_as_its_oldest_image() -> None:
    shelf = {
        region: on_the_shelf("4459.2.1", region, created_at=f"2026-0{month}-01T00:00:00.000Z")
        for month, region in ((7, AWAY), (8, HOME))
    }
    found = stand_in(shelf, "stable", "amd64", NOW)
    assert found
    assert found.created_at == "2026-07-01T00:00:00.000Z"


@pytest.mark.parametrize(
    "image",
    [
        None,
        Throttled("busy"),
        on_the_shelf("4459.2.1", HOME, state="pending"),
        on_the_shelf("4459.2.1", HOME, architecture="arm64"),
        on_the_shelf("4459.2.1", HOME, refused="OptInRequired"),
        on_the_shelf("4459.2.1", HOME, name="Flatcar-beta-4459.2.1-0d5f"),
        on_the_shelf("4459.2.1", HOME, name="Flatcar-stable-"),
    ],
)
def test_what_is_not_sound_does_not_stand_in(image: Any) -> None:
    assert stand_in({HOME: image}, "stable", "amd64", NOW) is None
