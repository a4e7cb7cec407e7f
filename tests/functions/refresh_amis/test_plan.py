"""Publish, keep or hold: what a claimed release is worth."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from railyard.errors import Throttled
from railyard.model.images import Defect, FeedRelease, Image, Release, image_name, ordered
from refresh_amis.plan import Decision, Hold, Keep, Publish, Reason, decide, provenance
from refresh_amis.settings import FLATCAR_OWNER
from tests.builders import NOW

REGIONS = ("eu-west-1", "us-east-1")


def a_claim(version: str = "4593.2.5", architecture: str = "amd64") -> FeedRelease:
    images = {region: f"ami-{n:08x}" for n, region in enumerate(REGIONS)}
    return FeedRelease(
        channel="stable", architecture=architecture, version=version, images=images, source="https://feed"
    )


def shown(claim: FeedRelease, **faults: Any) -> dict[str, Any]:
    """What EC2 shows of *claim*: sound everywhere, but for *faults* in us-east-1."""
    found: dict[str, Any] = {}
    for region, image_id in claim.images.items():
        image = Image(
            image_id=image_id,
            region=region,
            name=image_name(claim.channel, claim.version, claim.architecture),
            owner=FLATCAR_OWNER,
            architecture=claim.architecture,
            virtualization="hvm",
            root_device="ebs",
            state="available",
            public=True,
            deprecation_time="2028-01-01T00:00:00Z",
        )
        found[region] = {image_id: replace(image, **faults) if region == "us-east-1" else image}
    return found


def published(version: str = "4593.2.4", **changes: Any) -> Release:
    base = Release(
        line="stable#amd64",
        sequence=4,
        release=version,
        images={"us-east-1": "ami-old"},
        source="https://feed",
        signature="not_checked",
        released_at=NOW - timedelta(days=9),
        previous="4593.2.3",
        previous_images={"us-east-1": "ami-older"},
    )
    return replace(base, **changes)


def judged(claim: FeedRelease, current: Release | None = None, **faults: Any) -> Decision:
    return decide(claim, shown(claim, **faults), current, FLATCAR_OWNER, NOW)


def test_a_first_release_is_published_with_nothing_before_it() -> None:
    found = judged(a_claim())
    assert isinstance(found, Publish)
    assert (found.seen, found.release.line, found.release.release) == (None, "stable#amd64", "4593.2.5")
    assert (found.release.previous, found.release.previous_images, found.release.sequence) == ("", {}, 1)


def test_a_newer_release_is_published_and_remembers_the_one_before() -> None:
    current = published()
    found = judged(a_claim(), current)
    assert isinstance(found, Publish)
    assert found.seen is current
    assert (found.release.previous, found.release.previous_images) == ("4593.2.4", {"us-east-1": "ami-old"})
    assert found.release.sequence == 5


def test_an_equal_release_is_kept() -> None:
    current = published("4593.2.5", images=a_claim().images)
    assert judged(a_claim(), current) == Keep(line="stable#amd64", version="4593.2.5")


def test_a_release_that_reached_more_regions_is_published_again_and_keeps_what_was_before_it() -> None:
    found = judged(a_claim(), published("4593.2.5"))
    assert isinstance(found, Publish)
    assert (found.release.previous, found.release.previous_images) == ("4593.2.3", {"us-east-1": "ami-older"})


@pytest.mark.parametrize("newer", ["4593.2.6", "4593.10.0", "5000.0.0", "4593.2.10"])
def test_an_older_release_is_held_however_sound(newer: str) -> None:
    found = judged(a_claim(), published(newer))
    assert isinstance(found, Hold)
    assert found.reason is Reason.OLDER


@pytest.mark.parametrize(
    ("fault", "defect"),
    [
        ({"owner": "123456789012"}, Defect.WRONG_OWNER),
        ({"name": "Flatcar-stable-4593.2.4-hvm"}, Defect.WRONG_NAME),
        ({"name": "Flatcar-beta-4593.2.5-hvm"}, Defect.WRONG_NAME),
        ({"architecture": "arm64"}, Defect.WRONG_ARCHITECTURE),
        ({"virtualization": "paravirtual"}, Defect.WRONG_VIRTUALIZATION),
        ({"root_device": "instance-store"}, Defect.WRONG_ROOT_DEVICE),
        ({"state": "pending"}, Defect.NOT_AVAILABLE),
        ({"public": False}, Defect.NOT_PUBLIC),
        ({"deprecation_time": "2026-11-20T12:00:00Z"}, Defect.DEPRECATED),
    ],
)
def test_one_unsound_image_holds_the_line_and_is_named_with_its_region(
    fault: dict[str, Any], defect: Defect
) -> None:
    found = judged(a_claim(), published(), **fault)
    assert isinstance(found, Hold)
    assert (found.reason, found.regions) == (Reason.DEFECTIVE, {"us-east-1": (defect,)})


def test_every_defect_of_an_image_is_named() -> None:
    found = judged(a_claim(), owner="x", state="failed", public=False)
    assert isinstance(found, Hold)
    assert found.regions["us-east-1"] == (Defect.WRONG_OWNER, Defect.NOT_AVAILABLE, Defect.NOT_PUBLIC)


def test_an_image_that_ec2_does_not_show_holds() -> None:
    claim = a_claim()
    found = decide(claim, shown(claim) | {"eu-west-1": {}}, None, FLATCAR_OWNER, NOW)
    assert isinstance(found, Hold)
    assert found.regions == {"eu-west-1": (Defect.MISSING,)}


def test_a_region_that_did_not_answer_holds_for_it_proves_nothing() -> None:
    claim = a_claim()
    found = decide(claim, shown(claim) | {"eu-west-1": Throttled("busy")}, None, FLATCAR_OWNER, NOW)
    assert isinstance(found, Hold)
    assert found.regions == {"eu-west-1": (Defect.UNVERIFIED,)}


def test_an_arm64_image_has_its_own_name() -> None:
    assert isinstance(judged(a_claim(architecture="arm64")), Publish)
    wrong = judged(a_claim(architecture="arm64"), name="Flatcar-stable-4593.2.5-hvm")
    assert isinstance(wrong, Hold)


def test_an_image_whose_deprecation_lies_ahead_is_sound() -> None:
    assert isinstance(judged(a_claim(), deprecation_time="2026-11-20T12:00:01Z"), Publish)
    assert isinstance(judged(a_claim(), deprecation_time=""), Publish)


def test_the_provenance_says_what_the_contract_names() -> None:
    found = judged(a_claim(), published())
    assert isinstance(found, Publish)
    said = provenance(found.release, "us-east-1", "stable")
    assert set(said) == {
        "version", "image", "previous", "source", "channel_of_origin", "verification", "released_at",
    }  # fmt: skip
    assert (said["image"], said["previous"], said["released_at"]) == (
        "ami-00000001",
        "ami-old",
        "2026-11-20T12:00:00Z",
    )
    assert provenance(found.release, "eu-west-1", "stable")["previous"] == ""


VERSIONS = st.tuples(*(st.integers(0, 12),) * 3).map(lambda parts: ".".join(map(str, parts)))


@given(claimed=VERSIONS, current=VERSIONS)
def test_no_line_ever_goes_back(claimed: str, current: str) -> None:
    found = judged(a_claim(claimed), published(current))
    if isinstance(found, Publish):
        assert ordered(claimed) >= ordered(current)
    else:
        assert isinstance(found, Hold)
        assert ordered(claimed) < ordered(current)
