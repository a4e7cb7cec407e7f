"""Taskcluster's AMI sets (taskcluster-aws-provisioner, 2016): each of its behaviours, kept or surpassed.

Theirs, from bugs 1265390 and 1264956: a row ``{id, amis: [{region, hvm, pv}], lastModified}``, six calls, a validation
that was taken back after a day, a user interface. What never came there: sets in launches, deploying, history.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from serve_api.plan import Route, route
from tests.functions.serve_api.set_memory import HOME, Yard, ami, code, document, image

THEIRS = {
    "amis": [{"region": HOME, "hvm": ami(1), "pv": ""}, {"region": "eu-west-1", "hvm": ami(3), "pv": ami(5)}]
}
SET = "/ami-sets/base"


def yard() -> Yard:
    """EC2 with what ``THEIRS`` names."""
    made = Yard()
    made.make(3, "eu-west-1")
    made.make(5, "eu-west-1", virtualization="paravirtual")
    return made


# -- the entity --------------------------------------------------------------------------------------------


def test_kept_their_form_is_taken_as_it_is() -> None:
    made = yard()
    assert made.create(THEIRS).status == 201
    assert [
        (e["region"], e["architecture"], e["virtualization"], e["image_id"]) for e in made.see()["images"]
    ] == [
        ("eu-west-1", "amd64", "hvm", ami(3)),
        ("eu-west-1", "amd64", "pv", ami(5)),
        (HOME, "amd64", "hvm", ami(1)),
    ]


def test_surpassed_what_their_api_gave_out_fits_without_stripping_anything() -> None:
    """Theirs had to be stripped of ``id`` by hand, and the help named the wrong key."""
    made = yard()
    assert made.create(THEIRS | {"id": "base", "lastModified": "2016-09-27T10:00:00.000Z"}).status == 201
    assert made.create(THEIRS | {"id": "another"}, name="other").body["error"]["path"] == "id"


def test_surpassed_a_region_is_named_once() -> None:
    """Theirs took a region twice and kept the order."""
    twice = {"amis": [*THEIRS["amis"], {"region": HOME, "hvm": ami(7), "pv": ""}]}
    assert code(yard().create(twice)) == (400, "invalid_request")


def test_surpassed_architectures_are_part_of_a_set() -> None:
    made = yard()
    assert made.create().status == 201
    assert made.ask("GET", f"{SET}/image", region=HOME, architecture="arm64").body["image_id"] == ami(2)


def test_surpassed_every_change_is_dated() -> None:
    """Their ``lastModified`` never moved after the creation."""
    made = yard()
    made.create(THEIRS)
    made.now += timedelta(hours=1)
    assert made.update(document(image(7))).body["changed_at"] == "2026-11-20T13:00:00Z"


# -- the API -----------------------------------------------------------------------------------------------


def test_kept_creating_equal_content_again_succeeds_and_other_content_conflicts() -> None:
    made = yard()
    made.create(THEIRS)
    assert made.create(THEIRS).status == 200
    assert code(made.create(document(image(7)))) == (409, "exists")


def test_surpassed_order_makes_no_other_content() -> None:
    """Their comparison minded the order of regions."""
    made = yard()
    made.create(THEIRS)
    assert made.create({"amis": list(reversed(THEIRS["amis"]))}).status == 200


def test_surpassed_creating_answers_with_the_set() -> None:
    """Theirs answered ``{"outcome": "success"}``."""
    made = yard()
    assert made.create(THEIRS).body == made.see()


def test_kept_a_set_that_is_not_there_is_404() -> None:
    assert code(yard().ask("GET", SET)) == (404, "unknown_set")


def test_surpassed_updating_what_is_not_there_is_404_and_nothing_is_made() -> None:
    """Theirs failed with 500."""
    made = yard()
    assert code(made.update(THEIRS)) == (404, "unknown_set")
    assert made.sets.items == {}


def test_kept_an_update_answers_with_the_whole_set() -> None:
    made = yard()
    made.create(THEIRS)
    assert made.update(document(image(7))).body == made.see()


def test_surpassed_an_update_does_not_overwrite_what_its_maker_has_not_seen() -> None:
    """Theirs had no lock that a caller could hold."""
    made = yard()
    made.create(THEIRS)
    seen = made.tag()
    made.update(document(image(7)), seen)
    assert code(made.update(document(image(9)), seen)) == (412, "precondition_failed")


def test_kept_the_list_names_every_set_and_surpassed_it_says_more_in_pages() -> None:
    made = yard()
    made.create(THEIRS)
    assert [each["id"] for each in made.ask("GET", "/ami-sets", limit="1").body["items"]] == ["base"]


def test_kept_removing_is_204_also_when_it_is_gone() -> None:
    made = yard()
    made.create(THEIRS)
    assert [made.ask("DELETE", SET).status for _ in range(2)] == [204, 204]
    assert made.ask("GET", SET).status == 404


def test_surpassed_what_is_in_use_is_not_removed() -> None:
    """Theirs counted no references."""
    made = yard()
    made.create(THEIRS)
    made.deploy(pool="ci")
    assert code(made.ask("DELETE", SET)) == (409, "deployed")


@pytest.mark.parametrize("body", [{}, {"amis": [{"region": HOME, "hvm": ami(1)}]}, {"amis": [], "more": 1}, {"amis": [{"region": "", "hvm": "", "pv": ""}]}])  # fmt: skip
def test_kept_unknown_and_missing_fields_are_refused_and_surpassed_so_is_nonsense_in_them(body: Any) -> None:
    """Theirs took any text for a region and an image."""
    assert yard().create(body).status == 400


def test_surpassed_ids_have_a_pattern_and_paths_that_scopes_can_name() -> None:
    """Their scope demanded the literal text ``<amiSetId>``: only a grant for every set worked."""
    assert route("PUT", "/ami-sets/<amiSetId>").route is Route.BAD_NAME
    named = {
        "manage": [("PUT", "/ami-sets/a"), ("DELETE", "/ami-sets/a"), ("POST", "/ami-sets/a/update"), ("POST", "/ami-sets/a/rollback")],
        "deploy": [("PUT", "/deployments/a/default"), ("DELETE", "/deployments/a/default")],
    }  # fmt: skip
    for calls in named.values():
        assert all(route(*call).name.split("#")[0] == "a" for call in calls)


def test_surpassed_who_changed_what_and_why_is_kept() -> None:
    """Theirs kept no history and told nobody."""
    made = yard()
    made.create(THEIRS, reason="first")
    (told,) = made.ask("GET", f"{SET}/history").body["items"]
    assert (told["action"], told["reason"], len(told["added"])) == ("created", "first", 3)


# -- validation --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("there", "reason"), [({"virtualization": "paravirtual"}, "wrong_virtualization"), ({"state": "failed"}, "not_available"), ({"architecture": "arm64"}, "wrong_architecture"), (None, "missing")]
)  # fmt: skip
def test_kept_a_write_with_bad_images_is_refused_and_surpassed_it_says_why(there: Any, reason: str) -> None:
    """Theirs looked at existence and virtualization, and answered with ids."""
    made = yard()
    made.images.there.pop(ami(1))
    if there:
        made.make(1, **there)
    answer = made.create(THEIRS)
    assert code(answer) == (422, "invalid_images")
    assert [(each["image_id"], each["reasons"]) for each in answer.body["images"]] == [(ami(1), [reason])]


def test_kept_an_empty_text_is_no_image() -> None:
    made = yard()
    made.create(THEIRS)
    assert made.see()["status"] == "valid"
    assert (
        made.ask("GET", f"{SET}/image", region=HOME, architecture="amd64", virtualization="pv").status == 404
    )


def test_surpassed_trouble_with_ec2_is_no_defect_of_an_image() -> None:
    """Theirs took throttling for invalid."""
    made = yard()
    made.images.silent = {"eu-west-1"}
    answer = made.create(THEIRS)
    assert (answer.status, answer.body["status"]) == (201, "unknown")


def test_surpassed_a_set_stays_readable_when_an_image_goes() -> None:
    """Theirs answered 404 for the whole set, and was taken back the next day."""
    made = yard()
    made.create(THEIRS)
    del made.images.there[ami(1)]
    body = made.ask("POST", f"{SET}/validate").body
    assert body["status"] == "invalid"
    assert (made.see()["status"], len(made.see()["images"])) == ("invalid", 3)


def test_kept_validation_on_demand() -> None:
    made = yard()
    made.create(THEIRS)
    assert made.ask("POST", f"{SET}/validate").body["status"] == "valid"


# -- launches ----------------------------------------------------------------------------------------------


def test_surpassed_launches_take_their_images_from_the_set() -> None:
    """Theirs named an ImageId for each region in each worker type, by hand; the translation was never merged."""
    made = yard()
    made.create(THEIRS)
    assert made.deploy(pool="ci").body["images"] == {"amd64": ami(1)}
    assert made.ask("GET", f"{SET}/image", region=HOME, architecture="amd64").body["image_id"] == ami(1)


def test_surpassed_a_pool_without_an_image_is_refused_when_it_is_deployed_not_when_it_launches() -> None:
    """Theirs left regions without an image alone; the next launch found out."""
    made = yard()
    made.create({"amis": [THEIRS["amis"][1]]})
    assert code(made.deploy(pool="ci")) == (422, "no_image")


def test_surpassed_applying_to_several_pools_says_what_became_of_each() -> None:
    """Their page wrote to the wrong object and always reported failure."""
    made = yard()
    made.create(THEIRS)
    made.pool("gpu", "amd64")
    assert {pool: made.deploy(pool=pool).status for pool in ("ci", "gpu", "default")} == {
        "ci": 200,
        "gpu": 200,
        "default": 422,
    }


# -- the page, and their own tests -------------------------------------------------------------------------


def test_kept_a_list_of_images_not_to_use_with_what_they_really_are() -> None:
    """The red list of their unmerged page."""
    made = yard()
    made.create(THEIRS)
    made.make(1, virtualization="paravirtual")
    made.ask("POST", f"{SET}/validate")
    (latest,) = made.see(rest="/validation")["versions"]
    bad = {each["image_id"]: each["reasons"] for each in latest["images"] if each["reasons"]}
    assert bad == {ami(1): ["wrong_virtualization"]}


def test_surpassed_an_update_is_seen_in_what_is_read() -> None:
    """Their test shared one list between before and after, and so proved nothing."""
    made = yard()
    made.create(THEIRS)
    before = made.see()["images"]
    made.update({"amis": [{"region": HOME, "hvm": ami(7), "pv": ""}]})
    assert made.see()["images"] != before
    assert [each["image_id"] for each in made.see()["images"]] == [ami(7)]


def test_surpassed_bad_ids_must_fail() -> None:
    """That line of their test was commented out."""
    assert code(yard().create({"amis": [{"region": HOME, "hvm": "ami-00000000", "pv": ""}]})) == (
        422,
        "invalid_images",
    )
