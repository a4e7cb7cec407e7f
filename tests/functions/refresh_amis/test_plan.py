"""Publish, keep or hold: what a claimed release is worth."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from railyard.errors import Throttled
from railyard.flatcar.claims import Claim, Signature
from railyard.flatcar.sources import OWNER, official
from railyard.model.images import Defect, Image, Release, image_name, ordered
from refresh_amis.plan import Decision, Hold, Keep, Publish, Reason, Regions, decide, provenance, tag
from tests.builders import NOW

REGIONS = ("eu-west-1", "us-east-1")
ENABLED = Regions(enabled=frozenset(REGIONS))
FEED, TEXT, _, REGION_MAP = official("stable", "amd64")


def a_claim(version: str = "4593.2.5", architecture: str = "amd64", **changes: Any) -> Claim:
    first = "0" if architecture == "amd64" else "a"
    whole = Claim(
        place=next(official("stable", architecture)),
        architecture=architecture,
        version=version,
        images={region: f"ami-{first}{n:07x}" for n, region in enumerate(REGIONS)},
        signature=Signature.VERIFIED,
        signer="52f1",
        etag='"one"',
    )
    return replace(whole, **changes)


def an_image(claim: Claim, region: str, **faults: Any) -> Image:
    """What EC2 shows of the image of *claim* in *region*: sound, but for *faults*."""
    image = Image(
        image_id=claim.images[region],
        region=region,
        name=image_name(claim.place.channel, claim.version, claim.architecture),
        owner=OWNER,
        architecture=claim.architecture,
        virtualization="hvm",
        root_device="ebs",
        state="available",
        public=True,
        deprecation_time="2028-01-01T00:00:00Z",
    )
    return replace(image, **faults)


def shown(claim: Claim, **faults: Any) -> dict[str, Any]:
    """What EC2 shows of *claim*: sound everywhere, but for *faults* in us-east-1."""
    return {
        region: {image_id: an_image(claim, region, **(faults if region == "us-east-1" else {}))}
        for region, image_id in claim.images.items()
    }


def published(version: str = "4593.2.4", **changes: Any) -> Release:
    base = Release(
        line="stable#amd64",
        sequence=4,
        release=version,
        images={"us-east-1": "ami-old"},
        source="feed",
        url=FEED.url,
        etag='"one"',
        signature="verified",
        signer="52f1",
        released_at=NOW - timedelta(days=9),
        previous="4593.2.3",
        previous_images={"us-east-1": "ami-older"},
    )
    return replace(base, **changes)


def judged(claim: Claim, current: Release | None = None, **faults: Any) -> Decision:
    return decide(claim, shown(claim, **faults), current, ENABLED, NOW)


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
    assert judged(a_claim(), current) == Keep(release=current)


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
    found = decide(claim, shown(claim) | {"eu-west-1": {}}, None, ENABLED, NOW)
    assert isinstance(found, Hold)
    assert found.regions == {"eu-west-1": (Defect.MISSING,)}


def test_a_region_that_did_not_answer_holds_for_it_proves_nothing() -> None:
    claim = a_claim()
    found = decide(claim, shown(claim) | {"eu-west-1": Throttled("busy")}, None, ENABLED, NOW)
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
        "url", "signature", "signer", "withdrawn", "behind",
    }  # fmt: skip
    assert (said["source"], said["url"]) == ("feed", FEED.url)
    assert (said["signature"], said["signer"]) == ("verified", "52f1")
    assert (said["image"], said["previous"], said["released_at"]) == (
        "ami-00000001",
        "ami-old",
        "2026-11-20T12:00:00Z",
    )
    assert provenance(found.release, "eu-west-1", "stable")["previous"] == ""


def test_a_feed_with_another_tag_and_the_same_content_changes_the_record_alone() -> None:
    current = published("4593.2.5", images=a_claim().images)
    found = judged(a_claim(etag='"two"'), current)
    assert found == Keep(release=replace(current, etag='"two"', sequence=5), seen=current)


def test_a_signature_that_can_be_checked_now_is_published() -> None:
    unchecked = published("4593.2.5", images=a_claim().images, signature="unavailable", signer="")
    found = judged(a_claim(), unchecked)
    assert isinstance(found, Publish)
    assert (found.release.signature, found.release.signer) == ("verified", "52f1")


# What is asked with a tag


def test_a_feed_that_led_to_the_release_is_asked_whether_it_has_changed() -> None:
    assert tag(published(), FEED, with_key=True) == '"one"'


@pytest.mark.parametrize(
    "current",
    [
        None,
        published(url=TEXT.url),
        published(url="https://mirror.example.com/feed.json"),
        published(etag=""),
        published(behind={"us-east-1": "4593.2.3"}),
        published(signature="unavailable"),
    ],
    ids=["nothing published", "another file's", "another host's", "none", "a region waits", "unchecked"],
)
def test_what_has_to_be_looked_at_again_is_read_whole(current: Release | None) -> None:
    assert tag(current, FEED, with_key=True) == ""


def test_without_a_key_an_unchecked_signature_is_no_reason_to_read_again() -> None:
    assert tag(published(signature="unavailable"), FEED, with_key=False) == '"one"'


# Claims without a version


def test_a_claim_without_a_version_takes_it_from_the_names_of_its_images() -> None:
    claim = a_claim()
    found = decide(replace(claim, version="", place=REGION_MAP), shown(claim), None, ENABLED, NOW)
    assert isinstance(found, Publish)
    assert (found.release.release, found.release.source) == ("4593.2.5", "region-map")


@pytest.mark.parametrize("name", ["Flatcar-stable-4593.2.4-hvm", "Flatcar-beta-4593.2.5-hvm", "other"])
def test_names_that_do_not_agree_give_no_version(name: str) -> None:
    claim = a_claim()
    found = decide(replace(claim, version=""), shown(claim, name=name), None, ENABLED, NOW)
    assert isinstance(found, Hold)
    assert (found.reason, found.detail) == (Reason.DEFECTIVE, "the images' names agree on no version")


# Regions that come, go, wait and are closed


def test_a_region_that_the_feed_no_longer_names_keeps_its_last_image_and_holds_nothing() -> None:
    claim = a_claim(images={"eu-west-1": "ami-00000000"})
    found = judged(claim, published())
    assert isinstance(found, Publish)
    assert found.release.images == {"us-east-1": "ami-old", "eu-west-1": "ami-00000000"}
    assert found.release.withdrawn == {"us-east-1": "4593.2.4"}
    said = provenance(found.release, "us-east-1", "stable")
    assert (said["version"], said["withdrawn"], said["behind"]) == ("4593.2.4", True, False)


def test_a_withdrawn_region_keeps_the_version_of_its_image_through_later_releases() -> None:
    current = published(
        images={"eu-west-1": "ami-00000000", "us-east-1": "ami-old"}, withdrawn={"us-east-1": "4593.2.1"}
    )
    found = judged(a_claim("4593.2.6", images={"eu-west-1": "ami-00000000"}), current)
    assert isinstance(found, Publish)
    assert found.release.withdrawn == {"us-east-1": "4593.2.1"}


def test_a_region_that_comes_back_has_this_release_again() -> None:
    current = published("4593.2.5", images=a_claim().images, withdrawn={"us-east-1": "4593.2.1"})
    found = judged(a_claim(), current)
    assert isinstance(found, Publish)
    assert found.release.withdrawn == {}


def test_a_region_that_the_account_has_closed_is_left_out_and_named() -> None:
    claim = a_claim()
    here = Regions(enabled=frozenset({"eu-west-1"}))
    found = decide(claim, shown(claim), published(), here, NOW)
    assert isinstance(found, Publish)
    assert found.release.images == {"eu-west-1": "ami-00000000"}
    assert (found.release.skipped, found.release.withdrawn) == (("us-east-1",), {})


def required(*regions: str) -> Regions:
    return Regions(enabled=frozenset(REGIONS), required=frozenset(regions))


@pytest.mark.parametrize(("current", "kept"), [(published(), "4593.2.4"), (None, "")])
def test_a_bad_image_where_none_is_required_waits_with_the_last_one(
    current: Release | None, kept: str
) -> None:
    claim = a_claim()
    found = decide(claim, shown(claim, state="pending"), current, required("eu-west-1"), NOW)
    assert isinstance(found, Publish)
    assert found.release.behind == {"us-east-1": kept}
    assert found.release.images.get("us-east-1", "") == ("ami-old" if current else "")


def test_a_bad_image_in_a_required_region_holds_the_release() -> None:
    claim = a_claim()
    found = decide(claim, shown(claim, state="pending"), published(), required("us-east-1"), NOW)
    assert isinstance(found, Hold)
    assert found.regions == {"us-east-1": (Defect.NOT_AVAILABLE,)}


def test_a_release_without_one_sound_image_is_held_whatever_is_required() -> None:
    claim = a_claim(images={"us-east-1": "ami-00000001"})
    found = decide(claim, shown(claim, state="pending"), published(), required("ap-south-1"), NOW)
    assert isinstance(found, Hold)


def test_an_image_of_a_long_term_year_is_called_after_its_channel() -> None:
    claim = a_claim("4081.3.10", place=next(official("lts-2024", "amd64")))
    found = decide(claim, shown(claim, name="Flatcar-lts-4081.3.10-hvm"), None, ENABLED, NOW)
    assert isinstance(found, Publish)
    assert found.release.line == "lts-2024#amd64"


# Laws


VERSIONS = st.tuples(*(st.integers(0, 12),) * 3).map(lambda parts: ".".join(map(str, parts)))


@given(claimed=VERSIONS, current=VERSIONS)
def test_no_line_ever_goes_back(claimed: str, current: str) -> None:
    found = judged(a_claim(claimed), published(current))
    if isinstance(found, Publish):
        assert ordered(claimed) >= ordered(current)
    else:
        assert isinstance(found, Hold)
        assert ordered(claimed) < ordered(current)


ALL = ("ap-south-1", "eu-west-1", "sa-east-1", "us-east-1")
HISTORY = st.lists(
    st.fixed_dictionaries(
        {
            "minor": st.integers(0, 4),
            "named": st.sets(st.sampled_from(ALL), min_size=1),
            "bad": st.sets(st.sampled_from(ALL)),
            "key": st.booleans(),
        }
    ),
    max_size=8,
)


def a_step(step: dict[str, Any], regions: Regions, current: Release | None) -> tuple[Claim, Decision]:
    """One refresh: a feed of version 1.0.minor names regions, and EC2 finds some of their images bad."""
    version = f"1.0.{step['minor']}"
    claim = a_claim(
        version,
        images={region: f"ami-{version}-{region}" for region in step["named"]},
        signature=Signature.VERIFIED if step["key"] else Signature.UNAVAILABLE,
    )
    found = {
        region: {image: an_image(claim, region, state="failed" if region in step["bad"] else "available")}
        for region, image in claim.images.items()
    }
    return claim, decide(claim, found, current, regions, NOW)


@given(history=HISTORY, required=st.sets(st.sampled_from(ALL)), enabled=st.sets(st.sampled_from(ALL)))
def test_the_laws_hold_through_any_history(
    history: list[dict[str, Any]], required: set[str], enabled: set[str]
) -> None:
    regions = Regions(enabled=frozenset(enabled), required=frozenset(required))
    current: Release | None = None
    for step in history:
        claim, decision = a_step(step, regions, current)
        if isinstance(decision, Hold):
            continue
        after = decision.release
        assert_no_downgrade(current, after)
        assert_nothing_partial(step, after, regions)
        assert_last_images_are_kept(claim, current, after)
        assert after.sequence == (current.sequence if current else 0) + (decision.release is not current)
        current = after


def assert_no_downgrade(before: Release | None, after: Release) -> None:
    for region in before.images if before else ():
        assert ordered(after.version_of(region)) >= ordered(before.version_of(region))  # type: ignore[union-attr]


def assert_nothing_partial(step: dict[str, Any], after: Release, regions: Regions) -> None:
    """Every region of the release has a sound image of it, unless it is marked; a bad one is never published."""
    blocking = regions.required or regions.enabled
    assert not (step["named"] & step["bad"] & regions.enabled & blocking)
    marked = after.withdrawn.keys() | after.behind.keys()
    for region in step["named"] & regions.enabled:
        assert (region in marked) == (region in step["bad"])
    for region, image in after.images.items():
        assert image == f"ami-{after.version_of(region)}-{region}"


def assert_last_images_are_kept(claim: Claim, before: Release | None, after: Release) -> None:
    for region, image in before.images.items() if before else ():
        if region not in claim.images:
            assert after.images[region] == image
            assert region in after.withdrawn
