"""AMI sets through the API: made, changed, rolled back, removed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from railyard.model.releases import Placed
from serve_api.calls import Answer
from tests.functions.serve_api.memory import a_line
from tests.functions.serve_api.set_memory import ANN, HOME, Yard, ami, code, document, image

SET = "/ami-sets/base"


def tracking(channel: str = "stable", **changes: Any) -> dict[str, Any]:
    return {"tracks": {"channel": channel}} | changes


def placed(number: int, line: str = "stable#amd64") -> Any:
    """A line that has ``ami(number)`` in force at home."""
    return a_line(line=line, placed={HOME: Placed(image=ami(number), release="4593.2.5")})


# -- making ------------------------------------------------------------------------------------------------


def test_a_set_is_made_and_read_back_whole() -> None:
    yard = Yard()
    made = yard.create(document(description="base images"), reason="first")
    read = yard.ask("GET", SET)
    assert (made.status, made.body, made.headers) == (201, read.body, {"ETag": '"1"'})
    assert json.loads(json.dumps(read.body)) == {
        "id": "base",
        "description": "base images",
        "tracks": None,
        "images": [
            {"region": HOME, "architecture": "amd64", "virtualization": "hvm", "image_id": ami(1)},
            {"region": HOME, "architecture": "arm64", "virtualization": "hvm", "image_id": ami(2)},
        ],
        "version": 1,
        "status": "valid",
        "last_good": 1,
        "reasons": {},
        "checked_at": "2026-11-20T12:00:00Z",
        "deployed": {},
        "changed_at": "2026-11-20T12:00:00Z",
    }
    assert read.headers == {"ETag": '"1"'}
    (told,) = yard.sets.entries("base")
    assert (told.action, told.by, told.reason, told.number) == ("created", ANN, "first", 1)


def test_equal_content_is_made_once_in_any_order_and_ec2_asked_once() -> None:
    yard = Yard()
    yard.create(document(image(1), image(2, architecture="arm64")))
    asked = len(yard.images.calls)
    again = yard.create(document(image(2, architecture="arm64"), image(1, virtualization="hvm"), id="base"))
    assert (again.status, again.headers, len(yard.images.calls)) == (200, {"ETag": '"1"'}, asked)
    assert yard.actions() == ["created"]


def test_other_content_under_a_name_that_is_taken_is_a_conflict_before_ec2_is_asked() -> None:
    yard = Yard()
    yard.create()
    asked = len(yard.images.calls)
    for other in (document(image(3)), document(description="other"), document(image(99)), tracking()):
        assert code(yard.create(other)) == (409, "exists")
    assert (len(yard.images.calls), yard.actions()) == (asked, ["created"])


BAD: list[tuple[Any, list[str | None]]] = [
    ({}, ["images"]),
    ({"images": []}, ["images"]),
    ({"images": {}}, ["images"]),
    ({"images": None}, ["images"]),
    ({"images": [5]}, ["images[0]"]),
    ({"images": [{}]}, ["images[0].region", "images[0].image_id"]),
    (document(image(1), image(3)), ["images"]),
    (document(image(1), image(3, virtualization="hvm")), ["images"]),
    (document(image(1, region="US-EAST-1")), ["images[0].region"]),
    (document(image(1, region="us-east-1\n")), ["images[0].region"]),
    (document(image(1, region="us-east-1a")), ["images[0].region"]),
    (document(image(1, region="../x-1")), ["images[0].region"]),
    (document(image(1, region="us\u2010east-1")), ["images[0].region"]),
    (document(image(1, architecture="x86_64")), ["images[0].architecture"]),
    (document(image(1, virtualization="xen")), ["images[0].virtualization"]),
    (document(image(1, image_id="ami-1")), ["images[0].image_id"]),
    (document(image(1, image_id=ami(1).upper())), ["images[0].image_id"]),
    (document(image(1, image_id=ami(1) + "\n")), ["images[0].image_id"]),
    (document(image(1, image_id=None)), ["images[0].image_id"]),
    (document(image(1, name="x")), ["images[0].name"]),
    (document(image(1), {"region": 5}, image(3, architecture="mips")),
     ["images[1].region", "images[1].image_id", "images[2].architecture"]),
    (document(id="other"), ["id"]),
    (document(description="x" * 257), ["description"]),
    (document(description=None), ["description"]),
    (document(version=3, images=[image(1, image_id="")]), ["version", "images[0].image_id"]),
    (document(tracks={"channel": "stable"}), ["images"]),
    ({"tracks": {"channel": "nightly"}}, ["tracks.channel"]),
    ({"tracks": {}}, ["tracks"]),
    ({"tracks": None}, ["images"]),
    ({"images": [image(1)] * 201}, ["images"]),
    ({"amis": [{"region": HOME, "hvm": ami(1)}]}, ["amis[0].pv"]),
    ({"amis": [{"region": HOME, "hvm": "", "pv": ""}]}, ["images"]),
    ({"amis": [{"region": HOME, "hvm": "x", "pv": ami(1)}, {"hvm": "", "pv": 5}]},
     ["amis[0].hvm", "amis[1].region", "amis[1].pv"]),
    ({"amis": [{"region": HOME, "hvm": ami(1), "pv": ""}] * 2}, ["images"]),
    ({"amis": [], "images": [image(1)]}, ["images"]),
    ("[]", [None]),
    ("", [None]),
    ("{", [None]),
    ('{"images": [], "images": []}', [None]),
    ('{"description": "\\ud800"}', [None]),
    ("x" * 65_537, [None]),
]  # fmt: skip


@pytest.mark.parametrize(("body", "paths"), BAD, ids=lambda value: str(value)[:60])
def test_a_document_that_breaks_the_contract_is_400_with_every_defect_and_reads_nothing(
    body: Any, paths: list[str | None]
) -> None:
    yard = Yard()
    answer = yard.create(body)
    assert (answer.status, answer.body["error"]["path"]) == (400, paths[0])
    said = answer.body["error"]["message"]
    assert all(path is None or f"{path}" in said for path in paths), said
    assert (yard.sets.reads, yard.images.calls) == (0, [])


@pytest.mark.parametrize(
    "query", [{"allow_invalid": "yes"}, {"allow_invalid": "True"}, {"force": "true"}, {"reason": "x" * 257}, {"reason": "\ud800"}]
)  # fmt: skip
def test_a_query_that_nobody_knows_is_400(query: dict[str, str]) -> None:
    yard = Yard()
    assert yard.create(**query).status == 400
    assert yard.sets.reads == 0


@pytest.mark.parametrize("name", ["a%2Fb", "..", "%2e%2e", "*", "Base", "b\u0430se", "-base", "a" * 64, "base%00", "base "])  # fmt: skip
def test_a_name_that_is_none_is_400_before_anything_is_read(name: str) -> None:
    yard = Yard()
    path = f"/ami-sets/{name}"
    for method, rest in (
        ("GET", ""), ("PUT", ""), ("DELETE", ""), ("GET", "/history"), ("GET", "/versions/1"), ("GET", "/validation"),
        ("GET", "/image"), ("POST", "/update"), ("POST", "/rollback"), ("POST", "/validate"),
    ):  # fmt: skip
        assert code(yard.ask(method, path + rest, document(), "*")) == (400, "invalid_request")
    for method in ("PUT", "DELETE"):
        assert yard.ask(method, f"/deployments/{name}/default", {"version": 1}).status == 400
        assert yard.ask(method, f"/deployments/base/{name}", {"version": 1}).status == 400
    assert (yard.sets.reads, yard.images.calls) == (0, [])


@pytest.mark.parametrize("path", ["/ami-sets/a/b", "/ami-sets/base/", "/ami-sets//base", "/ami-sets/../pools", "/deployments/base", "/deployments/base/default/x"])  # fmt: skip
def test_a_path_that_is_none_of_ours_is_404_before_anything_is_read(path: str) -> None:
    yard = Yard()
    assert yard.ask("PUT", path, document()).status in (400, 404)
    assert yard.sets.reads == 0


# -- the next version --------------------------------------------------------------------------------------


def test_an_update_makes_the_next_version_and_says_what_came_and_went() -> None:
    yard = Yard()
    yard.create()
    yard.later(hours=1)
    answer = yard.update(document(image(3), image(2, architecture="arm64")), yard.tag(), reason="kernel")
    assert (answer.status, answer.headers, answer.body["version"]) == (200, {"ETag": '"2"'}, 2)
    assert answer.body["changed_at"] == "2026-11-20T13:00:00Z"
    told = yard.sets.entries("base")[-1]
    assert (told.action, told.reason, told.number) == ("updated", "kernel", 2)
    assert told.added == (f"us-east-1/amd64/hvm={ami(3)}",)
    assert told.removed == (f"us-east-1/amd64/hvm={ami(1)}",)


def test_an_update_must_say_what_it_changes() -> None:
    yard = Yard()
    yard.create()
    assert code(yard.update(document(image(3)), "")) == (428, "precondition_required")
    for stale in ('"2"', "1", 'W/"1"', '"v1"'):
        assert code(yard.update(document(image(3)), stale)) == (412, "precondition_failed")
    assert yard.see()["version"] == 1


def test_an_equal_update_changes_nothing_and_succeeds_again_with_its_old_tag() -> None:
    """Whoever lost the answer of his update asks again as before."""
    yard = Yard()
    yard.create()
    first = yard.update(document(image(3)), '"1"')
    again = yard.update(document(image(3)), '"1"')
    assert (first.status, again.status, again.body) == (200, 200, first.body)
    assert yard.actions() == ["created", "updated"]


def test_a_validation_in_between_does_not_get_in_an_editors_way() -> None:
    yard = Yard()
    yard.create()
    tag = yard.tag()
    yard.later(hours=1)
    yard.ask("POST", f"{SET}/validate")
    assert yard.see()["checked_at"] == "2026-11-20T13:00:00Z"
    assert yard.update(document(image(3)), tag).status == 200


@pytest.mark.parametrize("act", ["update", "rollback", "validate"])
def test_what_was_never_made_or_was_removed_cannot_be_changed(act: str) -> None:
    yard = Yard()
    body = {"version": 1} if act == "rollback" else document()
    assert code(yard.ask("POST", f"{SET}/{act}", body, "*")) == (404, "unknown_set")
    yard.create()
    yard.ask("DELETE", SET)
    assert code(yard.ask("POST", f"{SET}/{act}", body, "*")) == (404, "unknown_set")


# -- rollback ----------------------------------------------------------------------------------------------


def test_a_rollback_is_a_new_version_with_old_content() -> None:
    yard = Yard()
    yard.create(document(image(1), description="one"))
    yard.update(document(image(3), description="two"))
    answer = yard.roll_back(1, reason="two does not boot")
    assert (answer.status, answer.body["version"], answer.body["description"]) == (200, 3, "one")
    assert answer.body["images"][0]["image_id"] == ami(1)
    assert yard.sets.entries("base")[-1].reason == "two does not boot"
    assert yard.roll_back(1).body["version"] == yard.roll_back(3).body["version"] == 3


def test_a_rollback_to_what_never_was_is_404() -> None:
    yard = Yard()
    yard.create()
    assert code(yard.roll_back(2)) == (404, "unknown_version")


@pytest.mark.parametrize("version", [0, -1, "latest", "1", 1.5, True, None, 10**9])
def test_a_rollback_names_a_number(version: Any) -> None:
    yard = Yard()
    yard.create()
    answer = yard.roll_back(version)
    assert (answer.status, answer.body["error"]["path"]) == (400, "version")
    assert yard.ask("POST", f"{SET}/rollback", {"reason": 5}).body["error"]["message"].count(";") == 1


def test_a_rollback_may_be_bound_to_what_was_seen() -> None:
    yard = Yard()
    yard.create()
    yard.update(document(image(3)))
    assert code(yard.roll_back(1, '"1"')) == (412, "precondition_failed")
    assert yard.roll_back(1, '"2"').status == 200


def test_a_rollback_to_images_that_are_gone_is_refused_like_any_write() -> None:
    yard = Yard()
    yard.create(document(image(1)))
    yard.update(document(image(3)))
    del yard.images.there[ami(1)]
    assert code(yard.roll_back(1)) == (422, "invalid_images")
    answer = yard.ask("POST", f"{SET}/rollback", {"version": 1}, allow_invalid="true")
    assert (answer.status, answer.body["status"]) == (200, "invalid")


# -- removal -----------------------------------------------------------------------------------------------


def test_a_set_is_removed_once_and_again_without_a_difference() -> None:
    yard = Yard()
    for _ in range(2):
        assert yard.ask("DELETE", SET) == Answer(status=204, body={})
    yard.create()
    for _ in range(2):
        assert yard.ask("DELETE", SET, reason="old").status == 204
    assert code(yard.ask("GET", SET)) == (404, "unknown_set")
    assert yard.actions() == ["created", "removed"]
    assert yard.sets.entries("base")[-1].reason == "old"


def test_a_removal_may_be_bound_to_what_was_seen() -> None:
    yard = Yard()
    yard.create()
    assert code(yard.ask("DELETE", SET, if_match='"7"')) == (412, "precondition_failed")
    assert yard.ask("DELETE", SET, if_match='"1"').status == 204


def test_versions_and_history_outlive_the_set_and_a_new_one_goes_on_counting() -> None:
    yard = Yard()
    yard.create(document(image(1)))
    yard.ask("DELETE", SET)
    assert yard.see(rest="/versions/1")["images"][0]["image_id"] == ami(1)
    assert len(yard.see(rest="/history")["items"]) == 2
    for rest in ("/validation", "/image?region=us-east-1"):
        assert yard.ask("GET", SET + rest.partition("?")[0], region=HOME).status == 404
    assert yard.create(document(image(1))).status == 201
    assert (yard.see()["version"], yard.actions()) == (2, ["created", "removed", "created"])


def test_a_creation_that_is_bound_to_a_state_meets_no_set() -> None:
    yard = Yard()
    for tag in ("*", '"0"', '"1"'):
        assert code(yard.create(if_match=tag)) == (412, "precondition_failed")
    assert yard.sets.items == {}
