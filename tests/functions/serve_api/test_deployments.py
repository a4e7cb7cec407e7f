"""What pools launch: versions of AMI sets, deployed and withdrawn through the API."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from railyard.model.ami_sets import Follow
from serve_api.calls import Answer
from tests.builders import a_pool
from tests.functions.serve_api.set_memory import ANN, HOME, Yard, ami, code, document, image


def test_a_pool_launches_the_images_of_a_version_translated_for_its_region() -> None:
    yard = Yard()
    yard.make(3, "eu-west-1")
    yard.create(document(image(1), image(2, architecture="arm64"), image(3, "eu-west-1")))
    answer = yard.deploy(1, follow="after-bake", reason="new kernel")
    assert answer == Answer(
        status=200,
        body={
            "ami_set": "base",
            "pool": "default",
            "version": 1,
            "follow": "after-bake",
            "images": {"amd64": ami(1), "arm64": ami(2)},
            "defects": {},
            "by": ANN,
            "at": "2026-11-20T12:00:00Z",
            "checked_at": "2026-11-20T12:00:00Z",
        },
    )
    launched = yard.launches()
    assert launched
    assert (launched.number, launched.follow, launched.images) == (
        1, Follow.AFTER_BAKE, {"amd64": ami(1), "arm64": ami(2)},
    )  # fmt: skip
    told = yard.sets.entries("base")[-1]
    assert (told.action, told.pool, told.number, told.reason) == ("deployed", "default", 1, "new kernel")
    assert yard.see()["deployed"] == {"default": 1}


def test_whoever_does_not_consent_to_later_versions_gets_none() -> None:
    yard = Yard()
    yard.create()
    assert yard.deploy().body["follow"] == "never"
    yard.update(document(image(3), image(4, architecture="arm64")))
    launched = yard.launches()
    assert launched
    assert launched.images == {"amd64": ami(1), "arm64": ami(2)}


def test_the_latest_is_the_latest_when_it_is_said() -> None:
    yard = Yard()
    yard.create(document(image(1)))
    yard.update(document(image(3)))
    assert yard.deploy("latest", "ci").body["version"] == 2
    assert yard.deploy(1, "ci").body["images"] == {"amd64": ami(1)}


def test_the_same_deployment_again_is_no_change_and_another_consent_is_one() -> None:
    yard = Yard()
    yard.create()
    first = yard.deploy()
    yard.later(minutes=5)
    assert yard.deploy() == first
    assert yard.deploy(follow="now").body["follow"] == "now"
    assert yard.actions() == ["created", "deployed", "deployed"]


def test_a_pool_gets_only_the_architectures_that_it_launches() -> None:
    yard = Yard()
    yard.create()
    assert yard.deploy(pool="ci").body["images"] == {"amd64": ami(1)}


def test_a_set_without_an_image_for_all_that_a_pool_launches_is_refused_with_every_key() -> None:
    yard = Yard()
    yard.make(3, "eu-west-1")
    yard.make(1, virtualization="paravirtual")
    yard.create(document(image(1, virtualization="pv"), image(3, "eu-west-1")))
    answer = yard.deploy()
    assert (code(answer), answer.body["error"]["path"]) == ((422, "no_image"), "version")
    for key in ("us-east-1/amd64/hvm", "us-east-1/arm64/hvm"):
        assert key in answer.body["error"]["message"]
    assert yard.launches() is None


def test_what_does_not_exist_cannot_be_deployed() -> None:
    yard = Yard()
    assert code(yard.deploy()) == (404, "unknown_set")
    yard.create()
    assert code(yard.deploy(2)) == (404, "unknown_version")
    assert code(yard.deploy(pool="nobody")) == (404, "unknown_pool")
    yard.ask("DELETE", "/ami-sets/base")
    assert code(yard.deploy(1)) == (404, "unknown_set")


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        ({}, ["version"]),
        ({"version": "newest"}, ["version"]),
        ({"version": 0}, ["version"]),
        ({"version": True}, ["version"]),
        ({"version": 1.5}, ["version"]),
        ({"version": None}, ["version"]),
        ({"version": 1, "follow": "always"}, ["follow"]),
        ({"version": 1, "follow": None}, ["follow"]),
        ({"version": 1, "pools": ["ci"]}, ["pools"]),
        ({"version": "x", "follow": 5, "reason": 7}, ["version", "follow", "reason"]),
        ("[]", [None]),
        ("", [None]),
    ],
    ids=str,
)
def test_a_wish_that_breaks_the_contract_is_400_with_every_defect_and_reads_nothing(
    body: Any, paths: list[str | None]
) -> None:
    yard = Yard()
    answer = yard.ask("PUT", "/deployments/base/default", body)
    assert (answer.status, answer.body["error"]["path"]) == (400, paths[0])
    assert all(path is None or f"{path}:" in answer.body["error"]["message"] for path in paths)
    assert yard.sets.reads == 0


# -- two sets, one pool ------------------------------------------------------------------------------------


def test_a_pool_that_launches_another_set_keeps_it_until_it_is_withdrawn() -> None:
    yard = Yard()
    yard.create()
    yard.create(document(image(3), image(4, architecture="arm64")), name="other")
    yard.deploy()
    assert code(yard.deploy(name="other")) == (409, "deployed")
    assert yard.see("other")["deployed"] == {}
    assert yard.withdraw(name="other").status == 204
    assert yard.launches()
    yard.withdraw()
    assert yard.deploy(name="other").status == 200


def test_of_two_sets_that_want_a_pool_at_once_one_gets_it() -> None:
    yard = Yard()
    yard.create()
    yard.create(document(image(3), image(4, architecture="arm64")), name="other")
    yard.sets.races = [lambda: yard.deploy(name="other")]
    assert code(yard.deploy()) == (409, "deployed")
    assert (yard.see()["deployed"], yard.see("other")["deployed"]) == ({}, {"default": 1})


# -- withdrawal --------------------------------------------------------------------------------------------


def test_a_deployment_is_withdrawn_once_and_again_without_a_difference() -> None:
    yard = Yard()
    assert yard.withdraw().status == 204
    yard.create()
    assert yard.withdraw().status == 204
    yard.deploy()
    for _ in range(2):
        answer = yard.ask("DELETE", "/deployments/base/default", reason="back to the channel")
        assert answer == Answer(status=204, body={})
    assert yard.launches() is None
    assert yard.actions() == ["created", "deployed", "withdrawn"]
    assert yard.sets.entries("base")[-1].reason == "back to the channel"


def test_a_pool_that_is_gone_can_still_be_let_go_of() -> None:
    yard = Yard()
    yard.create()
    yard.deploy()
    del yard.known["default"]
    yard.sets.pools.clear()
    assert code(yard.ask("DELETE", "/ami-sets/base")) == (409, "deployed")
    assert yard.withdraw().status == 204
    assert yard.ask("DELETE", "/ami-sets/base").status == 204


def test_a_set_that_pools_launch_is_not_removed_and_says_which() -> None:
    yard = Yard()
    yard.create()
    yard.deploy()
    yard.deploy(pool="ci")
    answer = yard.ask("DELETE", "/ami-sets/base")
    assert code(answer) == (409, "deployed")
    assert "ci, default" in answer.body["error"]["message"]


# -- what EC2 says -----------------------------------------------------------------------------------------


def test_what_is_invalid_is_never_deployed() -> None:
    yard = Yard()
    yard.create(document(image(99)), allow_invalid="true")
    answer = yard.deploy(pool="ci")
    assert code(answer) == (422, "invalid_images")
    assert answer.body["images"][0]["reasons"] == ["missing"]
    assert yard.ask("PUT", "/deployments/base/ci", {"version": 1}, allow_invalid="true").status == 422
    assert yard.launches("ci") is None


def test_what_has_become_invalid_since_is_not_deployed() -> None:
    yard = Yard()
    yard.create()
    yard.make(2, architecture="arm64", state="deregistered")
    assert code(yard.deploy(pool="ci")) == (422, "invalid_images")


@pytest.mark.parametrize(("minutes", "status"), [(0, 200), (60, 200), (61, 422)])
def test_while_ec2_is_silent_its_word_counts_for_an_hour(minutes: int, status: int) -> None:
    yard = Yard()
    yard.create()
    yard.images.silent = {HOME}
    yard.later(minutes=minutes)
    answer = yard.deploy()
    assert answer.status == status
    if status == 200:
        assert answer.body["checked_at"] == "2026-11-20T12:00:00Z"
    else:
        assert code(answer) == (422, "not_validated")
        assert {tuple(each["reasons"]) for each in answer.body["images"]} == {("unknown",)}


def test_what_ec2_has_never_confirmed_waits_for_its_word() -> None:
    yard = Yard()
    yard.images.silent = {HOME}
    yard.create()
    assert code(yard.deploy()) == (422, "not_validated")
    yard.images.silent = set()
    assert yard.deploy().status == 200


def test_silence_does_not_make_an_invalid_version_good() -> None:
    yard = Yard()
    yard.create(document(image(99)), allow_invalid="true")
    yard.images.silent = {HOME}
    yard.later(hours=2)
    assert code(yard.deploy(pool="ci")) == (422, "invalid_images")


# -- others at the same time -------------------------------------------------------------------------------


def test_the_latest_that_came_meanwhile_is_deployed() -> None:
    yard = Yard()
    yard.create(document(image(1)))
    yard.sets.races = [lambda: yard.update(document(image(3)))]
    assert yard.deploy(pool="ci").body["images"] == {"amd64": ami(3)}


def test_an_invalid_latest_that_came_meanwhile_is_not_deployed() -> None:
    yard = Yard()
    yard.create(document(image(1)))
    yard.sets.races = [lambda: yard.update(document(image(99)), allow_invalid="true")]
    assert code(yard.deploy(pool="ci")) == (422, "invalid_images")


@pytest.mark.parametrize(("races", "status"), [(2, 200), (3, 409)])
@pytest.mark.parametrize("act", ["PUT", "DELETE"])
def test_a_deployment_that_loses_races_is_tried_again_but_not_for_ever(
    act: str, races: int, status: int
) -> None:
    yard = Yard()
    yard.create(document(image(1)))
    yard.deploy(1, "default" if act == "PUT" else "ci") if act == "DELETE" else None
    numbers = iter((3, 5, 7))
    others: list[Any] = []
    for _ in range(races):
        others += [lambda: yard.update(document(image(next(numbers)))), lambda: None]
    yard.sets.races = others
    answer = yard.ask(act, "/deployments/base/ci", {"version": 1} if act == "PUT" else None)
    assert answer.status == (204 if (act, status) == ("DELETE", 200) else status)
    assert status == 200 or code(answer) == (409, "conflict")


def test_a_deployment_may_be_bound_to_the_state_of_its_set() -> None:
    yard = Yard()
    yard.create()
    assert yard.ask("PUT", "/deployments/base/ci", {"version": 1}, '"9"').status == 412
    assert yard.ask("PUT", "/deployments/base/ci", {"version": 1}, '"1"').status == 200
    assert yard.ask("DELETE", "/deployments/base/ci", None, '"1"').status == 412


def test_a_version_of_a_set_s_former_life_is_still_a_version() -> None:
    yard = Yard()
    yard.create(document(image(1)))
    yard.ask("DELETE", "/ami-sets/base")
    yard.now += timedelta(days=1)
    yard.create(document(image(3)))
    assert yard.deploy(1, "ci").body["images"] == {"amd64": ami(1)}


def test_a_pool_that_names_its_own_images_is_refused_by_that_reason_and_not_by_a_race() -> None:
    yard = Yard()
    yard.create()
    yard.known["ci"] = a_pool("ci", architectures=("amd64",), image_ids={"amd64": ami(3)})
    answer = yard.deploy(1, "ci")
    assert code(answer) == (409, "image_ids")
    assert yard.actions() == ["created"]
