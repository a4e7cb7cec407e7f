"""AMI sets through the API: listed, shown, translated, their history verified."""

from __future__ import annotations

import base64
import json
from hashlib import sha256
from typing import Any

import pytest
from msgspec import convert

from railyard.model.ami_sets import Audit, audit_hash
from tests.functions.serve_api.set_memory import ANN, HOME, Yard, ami, code, document, image

SET = "/ami-sets/base"


# -- reading -----------------------------------------------------------------------------------------------


def test_sets_are_listed_by_name_page_by_page() -> None:
    yard = Yard()
    for name in ("c", "a", "b", "gone"):
        yard.create(name=name)
    yard.ask("DELETE", "/ami-sets/gone")
    yard.deploy(name="b")
    first = yard.ask("GET", "/ami-sets", limit="2").body
    rest = yard.ask("GET", "/ami-sets", limit="2", next_token=first["next_token"]).body
    assert [each["id"] for each in first["items"] + rest["items"]] == ["a", "b", "c"]
    assert first["items"][1] == {
        "id": "b", "version": 1, "status": "valid", "tracks": None, "deployed": {"default": 1},
    }  # fmt: skip
    assert rest["next_token"] is None
    assert yard.ask("GET", "/ami-sets", limit="3").body["next_token"] is None


@pytest.mark.parametrize(
    "key",
    [
        {"list": "ami-sets"}, {"list": "other", "after": "a"}, {"list": "ami-sets", "after": 5},
        {"list": "ami-sets", "after": "a", "x": 1}, {"ami_set": {"S": "base"}, "part": {"S": "audit#1"}},
    ],
)  # fmt: skip
def test_a_token_of_another_list_is_refused(key: Any) -> None:
    token = base64.urlsafe_b64encode(json.dumps(key).encode()).decode()
    answer = Yard().ask("GET", "/ami-sets", next_token=token)
    assert (answer.status, answer.body["error"]["path"]) == (400, "next_token")


@pytest.mark.parametrize(
    "key",
    [
        {"ami_set": {"S": "other"}, "part": {"S": "audit#00000001"}}, {"ami_set": {"S": "base"}, "part": {"S": "head"}},
        {"ami_set": {"S": "base"}, "part": {"N": "1"}}, {"list": "ami-sets", "after": "a"},
    ],
)  # fmt: skip
def test_a_token_of_another_history_is_refused(key: Any) -> None:
    yard = Yard()
    yard.create()
    token = base64.urlsafe_b64encode(json.dumps(key).encode()).decode()
    assert yard.ask("GET", f"{SET}/history", next_token=token).body["error"]["path"] == "next_token"


def test_the_history_comes_newest_first_and_its_chain_can_be_verified_from_what_is_read() -> None:
    yard = Yard()
    yard.later(milliseconds=123)
    yard.create(reason="größe")
    yard.update(document(image(3)))
    yard.deploy(pool="ci")
    yard.withdraw(pool="ci")
    yard.roll_back(1)
    items: list[dict[str, Any]] = []
    token = ""
    while token is not None:
        body = yard.ask("GET", f"{SET}/history", limit="2", next_token=token).body
        items, token = items + body["items"], body["next_token"]
    told = [convert(json.loads(json.dumps(each)), Audit) for each in items]
    assert [each.action for each in told] == ["rolled_back", "withdrawn", "deployed", "updated", "created"]
    assert [audit_hash(each) for each in told] == [each.hash for each in told]
    assert [each.previous for each in told] == [*(each.hash for each in told[1:]), ""]
    assert [each.after for each in told[1:]] == [each.before for each in told[:-1]]
    for each in json.loads(json.dumps(items)):  # as docs/ami-sets.md tells a reader to
        said = json.dumps(each | {"hash": ""}, sort_keys=True, separators=(",", ":"))
        assert sha256(said.encode()).hexdigest() == each["hash"]


def test_a_version_is_shown_as_it_was_made() -> None:
    yard = Yard()
    yard.create(document(image(1)))
    before = yard.see(rest="/versions/1")
    yard.update(document(image(3)))
    assert yard.see(rest="/versions/1") == before
    assert {name: before[name] for name in ("id", "version", "made_at", "by")} == {
        "id": "base", "version": 1, "made_at": "2026-11-20T12:00:00Z", "by": ANN,
    }  # fmt: skip
    assert code(yard.ask("GET", f"{SET}/versions/3")) == (404, "unknown_version")
    assert code(yard.ask("GET", "/ami-sets/none/versions/1")) == (404, "unknown_set")
    assert code(yard.ask("GET", "/ami-sets/none/history")) == (404, "unknown_set")


@pytest.mark.parametrize("given", [{}, {"virtualization": "hvm"}])
def test_a_translation_is_hvm_unless_asked_otherwise(given: dict[str, str]) -> None:
    yard = Yard()
    yard.create()
    answer = yard.ask("GET", f"{SET}/image", region=HOME, architecture="arm64", **given)
    assert answer.body == {
        "id": "base", "version": 1, "image_id": ami(2), "region": HOME, "architecture": "arm64", "virtualization": "hvm",
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["pv", "paravirtual"])
def test_pv_has_two_names(kind: str) -> None:
    yard = Yard()
    yard.make(1, virtualization="paravirtual")
    yard.create(document(image(1, virtualization="pv")))
    asked = {"region": HOME, "architecture": "amd64", "virtualization": kind}
    body = yard.ask("GET", f"{SET}/image", **asked).body
    assert (body["image_id"], body["virtualization"]) == (ami(1), "pv")


def test_a_translation_that_the_set_does_not_have_is_404_and_names_the_key() -> None:
    yard = Yard()
    yard.create()
    answer = yard.ask("GET", f"{SET}/image", region="eu-west-1", architecture="arm64", virtualization="pv")
    assert code(answer) == (404, "no_image")
    assert "eu-west-1/arm64/pv" in answer.body["error"]["message"]


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ({}, "region"),
        ({"region": HOME}, "architecture"),
        ({"region": "mars", "architecture": "amd64"}, "region"),
        ({"region": HOME, "architecture": "x86_64"}, "architecture"),
        ({"region": HOME, "architecture": "amd64", "virtualization": "xen"}, "virtualization"),
        ({"region": HOME, "architecture": "amd64", "zone": "a"}, "zone"),
    ],
)
def test_a_translation_of_nonsense_is_400(query: dict[str, str], path: str) -> None:
    yard = Yard()
    yard.create()
    answer = yard.ask("GET", f"{SET}/image", **query)
    assert (answer.status, answer.body["error"]["path"]) == (400, path)


def test_reading_never_fails_because_images_are_bad_and_never_asks_ec2() -> None:
    yard = Yard()
    yard.create()
    yard.deploy()
    yard.images.there.clear()
    yard.later(hours=1)
    yard.ask("POST", f"{SET}/validate")
    yard.images.calls.clear()
    assert yard.see()["status"] == "invalid"
    for rest in ("/history", "/versions/1", "/validation"):
        assert yard.see(rest=rest)
    assert yard.ask("GET", f"{SET}/image", region=HOME, architecture="amd64").status == 200
    assert yard.ask("GET", "/ami-sets").body["items"][0]["status"] == "invalid"
    assert yard.images.calls == []
