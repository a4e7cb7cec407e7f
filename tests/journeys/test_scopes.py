"""Scopes are IAM: who may manage one set may do that and nothing else, whatever the path looks like."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from local.releases import CURRENT, release
from local.world import Options, World
from tests.local.test_iam_door import a_document, a_user, call

IMAGE = release("stable", "amd64", CURRENT).images["us-east-1"]
ARM = release("stable", "arm64", CURRENT).images["us-east-1"]
MANAGE = ("PUT/ami-sets/a", "DELETE/ami-sets/a", "POST/ami-sets/a/*")
DEPLOY = ("PUT/deployments/a/*", "DELETE/deployments/a/*")
SET = json.dumps(
    {
        "images": [
            {"region": "us-east-1", "architecture": "amd64", "image_id": IMAGE},
            {"region": "us-east-1", "architecture": "arm64", "image_id": ARM},
        ]
    }
).encode()
WISH = json.dumps({"version": "latest"}).encode()


class Callers:
    """A running stack, and three people."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.people = {
            "manager": a_user(world, a_document(world, *MANAGE))[1],
            "deployer": a_user(world, a_document(world, *DEPLOY))[1],
            "operator": a_user(world, a_document(world, "*"))[1],
        }

    def says(self, who: str, method: str, path: str, body: bytes = b"") -> tuple[int, Any]:
        status, answer, _ = call(self.world, self.people[who], method, path, body)
        return status, answer


@pytest.fixture(scope="module")
def callers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callers]:
    options = Options(clock="virtual", state=tmp_path_factory.mktemp("scopes"), iam="strict")
    with World(options) as world:
        world.drain()
        made = Callers(world)
        assert made.says("manager", "PUT", "/ami-sets/a", SET)[0] == 201
        assert made.says("operator", "PUT", "/ami-sets/ab", SET)[0] == 201
        yield made


REFUSED = [
    ("manager", "PUT", "/ami-sets/ab", SET),
    ("manager", "POST", "/ami-sets/ab/update", SET),
    ("manager", "DELETE", "/ami-sets/ab", b""),
    ("manager", "PUT", "/deployments/a/default", WISH),
    ("manager", "DELETE", "/deployments/a/default", b""),
    ("manager", "PUT", "/pools/other", b'{"image_ids": {"amd64": "ami-00000001"}}'),
    ("manager", "PUT", "/switches/launch", b'{"on": false}'),
    ("manager", "PUT", "/amis/stable/amd64/pin", b"{}"),
    ("deployer", "PUT", "/ami-sets/a", SET),
    ("deployer", "POST", "/ami-sets/a/update", SET),
    ("deployer", "DELETE", "/ami-sets/a", b""),
    ("deployer", "PUT", "/deployments/ab/default", WISH),
    ("deployer", "PUT", "/pools/default", b"{}"),
]


@pytest.mark.parametrize(("who", "method", "path", "body"), REFUSED)
def test_what_a_scope_does_not_name_is_refused_at_the_door(
    callers: Callers, who: str, method: str, path: str, body: bytes
) -> None:
    status, answer = callers.says(who, method, path, body)
    assert (status, "not authorized" in str(answer)) == (403, True)


TRICKS = [
    "/ami-sets/a%2Fb", "/ami-sets/a%2f..%2fab", "/ami-sets/a/../ab", "/ami-sets/./ab", "/ami-sets/a%00", "/ami-sets/A",
    "/ami-sets/%61b", "/ami-sets/a*", "/ami-sets/*", "/ami-sets/a%20", "/ami-sets/%D0%B0b",
    "//ami-sets/ab", "/ami-sets//ab", "/ami-sets/ab/", "/ami-sets/a;ab",
]  # fmt: skip


@pytest.mark.parametrize("path", TRICKS)
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_no_spelling_of_a_path_reaches_another_set(callers: Callers, method: str, path: str) -> None:
    before = callers.says("operator", "GET", "/ami-sets/ab")
    assert callers.says("manager", method, path, SET if method == "PUT" else b"")[0] in (400, 403, 404)
    assert callers.says("operator", "GET", "/ami-sets/ab") == before


def test_each_does_what_is_his_and_the_history_names_him(callers: Callers) -> None:
    assert callers.says("deployer", "PUT", "/deployments/a/default", WISH)[0] == 200
    status, refused = callers.says("manager", "DELETE", "/ami-sets/a")
    assert (status, refused["error"]["code"]) == (409, "deployed")
    assert callers.says("manager", "POST", "/ami-sets/a/validate")[1]["status"] == "valid"
    _, history = callers.says("operator", "GET", "/ami-sets/a/history")
    assert [(entry["action"], ":user/" in entry["by"]) for entry in history["items"]] == [
        ("deployed", True),
        ("created", True),
    ]
    assert len({entry["by"] for entry in history["items"]}) == 2


def test_a_scope_that_is_taken_away_is_gone_with_the_next_call(callers: Callers) -> None:
    world = callers.world
    name, callers.people["guest"] = a_user(world, a_document(world, "PUT/ami-sets/guest-*"))
    assert callers.says("guest", "PUT", "/ami-sets/guest-1", SET)[0] == 201
    world.client("iam").delete_user_policy(UserName=name, PolicyName="p0")
    assert callers.says("guest", "PUT", "/ami-sets/guest-2", SET)[0] == 403
    assert callers.says("operator", "GET", "/ami-sets/guest-2")[0] == 404
