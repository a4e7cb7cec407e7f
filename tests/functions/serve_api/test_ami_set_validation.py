"""What EC2 says of the images of AMI sets, and what that allows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from railyard.aws.tables.items import encode
from serve_api.calls import Answer
from tests.functions.serve_api.set_memory import HOME, Yard, ami, code, document, image

SET = "/ami-sets/base"
FAR = "eu-west-1"


def refused(answer: Answer) -> dict[str, list[str]]:
    """Reasons by image of a refusal."""
    assert code(answer) == (422, "invalid_images")
    return {
        f"{each['region']}/{each['architecture']}/{each['virtualization']}={each['image_id']}": each[
            "reasons"
        ]
        for each in answer.body["images"]
    }


def test_a_write_asks_once_a_region_about_all_its_images() -> None:
    yard = Yard()
    yard.make(3, FAR)
    yard.make(4, FAR, architecture="arm64")
    yard.create(
        document(image(1), image(2, architecture="arm64"), image(3, FAR), image(4, FAR, architecture="arm64"))
    )
    assert yard.images.calls == ["DescribeRegions", f"DescribeImages {FAR}", f"DescribeImages {HOME}"]


@pytest.mark.parametrize(
    ("there", "reasons"),
    [
        ({"state": "pending"}, ["not_available"]),
        ({"state": "deregistered"}, ["not_available"]),
        ({"virtualization": "paravirtual"}, ["wrong_virtualization"]),
        ({"virtualization": ""}, ["wrong_virtualization"]),
        ({"architecture": "arm64"}, ["wrong_architecture"]),
        ({"architecture": "i386"}, ["wrong_architecture"]),
        ({"allowed": False}, ["not_launchable"]),
        ({"root_device": "instance-store"}, ["not_launchable"]),
        ({"allowed": False, "root_device": "instance-store"}, ["not_launchable"]),
        ({"deprecation_time": "2026-11-20T12:00:00.000Z"}, ["deprecated"]),
        ({"architecture": "arm64", "state": "failed", "virtualization": "paravirtual"},
         ["wrong_architecture", "not_available", "wrong_virtualization"]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("act", ["create", "update"])
def test_an_image_that_is_not_what_it_must_be_refuses_the_write_with_its_reasons(
    act: str, there: dict[str, Any], reasons: list[str]
) -> None:
    yard = Yard()
    yard.make(3, **there)
    if act == "update":
        yard.create()
    before = dict(yard.sets.items)
    answer = yard.create(document(image(3))) if act == "create" else yard.update(document(image(3)))
    assert refused(answer) == {f"us-east-1/amd64/hvm={ami(3)}": reasons}
    assert answer.body["error"]["path"] == "images"
    assert yard.sets.items == before


def test_only_what_is_wrong_is_named_and_all_of_it() -> None:
    yard = Yard()
    yard.make(5, "eu-central-1")
    body = document(
        image(1), image(99, architecture="arm64"), image(3, FAR), image(5, "eu-central-1", virtualization="pv"), image(7, "mars-east-1"),
    )  # fmt: skip
    body["images"][4]["region"] = "me-mars-1"
    assert refused(yard.create(body)) == {
        f"us-east-1/arm64/hvm={ami(99)}": ["missing"],
        f"eu-west-1/amd64/hvm={ami(3)}": ["missing"],
        f"eu-central-1/amd64/pv={ami(5)}": ["wrong_virtualization"],
        f"me-mars-1/amd64/hvm={ami(7)}": ["unmanaged_region"],
    }


def test_an_image_that_is_deprecated_tomorrow_is_good_today_and_so_is_one_of_two_kinds() -> None:
    yard = Yard()
    yard.make(1, deprecation_time="2026-11-21T00:00:00.000Z")
    yard.make(3, virtualization="paravirtual")
    assert yard.create(document(image(1), image(3, virtualization="pv"))).body["status"] == "valid"


def test_a_bad_image_can_be_let_in_and_the_history_says_so() -> None:
    yard = Yard()
    yard.make(3, state="pending")
    assert yard.create(document(image(3)), allow_invalid="false").status == 422
    made = yard.create(document(image(3)), allow_invalid="true", reason="still copying")
    assert (made.status, made.body["status"]) == (201, "invalid")
    assert made.body["reasons"] == {"us-east-1/amd64/hvm": ["not_available"]}
    (told,) = yard.sets.entries("base")
    assert (told.reason, told.despite) == ("still copying", ("us-east-1/amd64/hvm=not_available",))


def test_a_good_write_that_would_allow_bad_images_says_nothing_of_it() -> None:
    yard = Yard()
    yard.create(allow_invalid="true")
    assert yard.sets.entries("base")[0].despite == ()


@pytest.mark.parametrize("silence", ["region", "home"])
def test_ec2_s_silence_refuses_no_write(silence: str) -> None:
    yard = Yard()
    yard.make(3, FAR)
    if silence == "home":
        yard.images.home_is_silent = True
    else:
        yard.images.silent = {FAR}
    made = yard.create(document(image(1), image(3, FAR)))
    assert (made.status, made.body["status"]) == (201, "unknown")
    silent = {"eu-west-1/amd64/hvm": ["unknown"]}
    assert made.body["reasons"] == silent | (
        {"us-east-1/amd64/hvm": ["unknown"]} if silence == "home" else {}
    )
    assert yard.sets.entries("base")[0].despite == ()


def test_what_is_wrong_is_refused_although_another_region_is_silent() -> None:
    yard = Yard()
    yard.images.silent = {FAR}
    answer = yard.create(document(image(99), image(3, FAR)))
    assert refused(answer) == {
        f"us-east-1/amd64/hvm={ami(99)}": ["missing"],
        f"eu-west-1/amd64/hvm={ami(3)}": ["unknown"],
    }


# -- on demand ---------------------------------------------------------------------------------------------


def validated(yard: Yard) -> dict[str, Any]:
    answer = yard.ask("POST", f"{SET}/validate")
    assert answer.status == 200, answer
    return dict(answer.body)


def test_a_validation_tells_each_image_of_the_latest_version_and_of_those_that_pools_launch() -> None:
    yard = Yard()
    yard.create(document(image(1)))
    yard.deploy(pool="ci")
    yard.update(document(image(3)))
    yard.update(document(image(5)))
    del yard.images.there[ami(1)]
    yard.later(minutes=5)
    body = validated(yard)
    assert body == yard.see(rest="/validation") | {"unanswered_regions": []}
    assert (body["version"], body["status"]) == (3, "valid")
    home = {"region": HOME, "architecture": "amd64", "virtualization": "hvm"}
    assert body["versions"] == [
        {
            "version": 3, "status": "valid", "checked_at": "2026-11-20T12:05:00Z", "valid_since": "2026-11-20T12:00:00Z",
            "pools": [], "images": [home | {"image_id": ami(5), "reasons": []}],
        },
        {
            "version": 1, "status": "invalid", "checked_at": "2026-11-20T12:05:00Z", "valid_since": None,
            "pools": ["ci"], "images": [home | {"image_id": ami(1), "reasons": ["missing"]}],
        },
    ]  # fmt: skip


def test_a_validation_tells_the_pools_what_ec2_has_confirmed_or_has_against_their_images() -> None:
    yard = Yard()
    yard.create()
    yard.deploy()
    yard.later(minutes=5)
    validated(yard)
    launched = yard.launches()
    assert launched
    assert (launched.checked_at, launched.defects) == (yard.now, {})
    del yard.images.there[ami(2)]
    yard.later(minutes=5)
    validated(yard)
    launched = yard.launches()
    assert launched
    assert (launched.checked_at, launched.defects) == (yard.now, {"arm64": ("missing",)})
    yard.make(2, architecture="arm64")
    validated(yard)
    launched = yard.launches()
    assert launched
    assert launched.defects == {}


def test_silence_takes_nothing_back() -> None:
    yard = Yard()
    yard.create()
    yard.deploy()
    before, launched = yard.see(), yard.launches()
    yard.images.silent = {HOME}
    yard.later(minutes=5)
    body = validated(yard)
    assert body["unanswered_regions"] == [HOME]
    assert (yard.see(), yard.launches()) == (before, launched)


def test_silence_about_home_leaves_the_pools_alone_although_something_far_is_bad() -> None:
    """Whoever does not answer about an image has nothing against it."""
    yard = Yard()
    yard.make(3, FAR)
    yard.create(document(image(1), image(3, FAR)))
    yard.deploy(pool="ci")
    launched = yard.launches("ci")
    yard.images.silent = {HOME}
    del yard.images.there[ami(3)]
    yard.later(minutes=5)
    assert validated(yard)["status"] == "invalid"
    assert yard.launches("ci") == launched


def test_what_a_pool_launches_of_another_set_by_now_is_left_alone() -> None:
    yard = Yard()
    yard.create(document(image(1)))
    yard.deploy(pool="ci")
    yard.sets.pools.clear()
    yard.create(document(image(3)), name="other")
    yard.deploy(pool="ci", name="other")
    launched = yard.launches("ci")
    del yard.images.there[ami(1)]
    yard.later(minutes=5)
    assert validated(yard)["status"] == "invalid"
    assert yard.launches("ci") == launched


def test_an_image_that_came_late_makes_the_set_valid_from_then_on() -> None:
    yard = Yard()
    yard.make(3, state="pending")
    yard.create(document(image(3)), allow_invalid="true")
    yard.make(3)
    yard.later(minutes=5)
    (version,) = validated(yard)["versions"]
    assert (version["status"], version["valid_since"]) == ("valid", "2026-11-20T12:05:00Z")
    assert yard.see()["last_good"] == 1


def test_a_validation_is_no_change_of_the_set() -> None:
    yard = Yard()
    yard.create()
    tag = yard.tag()
    yard.later(minutes=5)
    validated(yard)
    assert (yard.tag(), yard.actions()) == (tag, ["created"])


@pytest.mark.parametrize(("races", "status"), [(2, 200), (3, 409)])
def test_a_validation_that_is_overtaken_is_run_again_but_not_for_ever(races: int, status: int) -> None:
    yard = Yard()
    yard.create(document(image(1)))

    def other() -> None:
        head = yard.sets.head("base")
        yard.sets.items["base", "head"] = encode(replace(head, sequence=head.sequence + 1))

    yard.sets.races = [other] * races
    yard.later(minutes=5)
    answer = yard.ask("POST", f"{SET}/validate")
    assert answer.status == status
    assert status == 200 or code(answer) == (409, "conflict")
    assert (yard.see()["checked_at"] == "2026-11-20T12:05:00Z") is (status == 200)
