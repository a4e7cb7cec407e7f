"""API calls answered from records, or handed on to a queue."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from railyard.model.instances import Instance
from railyard.model.ledger import Known
from railyard.model.releases import Hold, Mark, Placed, Why
from railyard.model.requests import Request
from serve_api.calls import Answer, Asked
from serve_api.ports import Ports
from serve_api.run import run
from tests.builders import NOW, a_pool, an_instance, counters, fulfilled
from tests.functions.serve_api.memory import MemoryLines, a_line


class Records:
    """One pool, one request, one machine; pages that say what they were asked."""

    def __init__(self) -> None:
        self.pages: list[tuple[int, Any]] = []

    def pools(self) -> Known:
        left = {"default": counters(a_pool(), slots_free=7)}
        return Known(requests={}, pools={"default": a_pool()}, counters=left)

    def requests(self, ids: Iterable[str]) -> dict[str, Request]:
        return {key: fulfilled() for key in ids if key == "ci-1"}

    def instances(self, ids: Iterable[str]) -> dict[str, Instance]:
        return {key: an_instance(key) for key in ids if key.endswith("1")}

    def request_page(self, limit: int, token: Mapping[str, Any] | None) -> tuple[list[Request], Any]:
        self.pages.append((limit, token))
        return [fulfilled()], None if token else {"request_id": {"S": "ci-1"}}

    def instance_page(self, limit: int, token: Mapping[str, Any] | None) -> tuple[list[Instance], Any]:
        self.pages.append((limit, token))
        return [an_instance()], None


def call(
    method: str,
    path: str,
    records: Records | None = None,
    body: str = "",
    lines: MemoryLines | None = None,
    **query: str,
) -> Answer:
    def queue(name: str) -> Any:
        return lambda text, sender: f"{name}|{text}|{sender}"

    asked = Asked(method=method, path=path, query=query, body=body, sender="AROACI:x", by="arn:ci")
    none: Any = None
    ports = Ports(
        records=records or Records(),
        lines=lines or MemoryLines(),
        sets=none,
        images=none,
        home="us-east-1",
        requests=queue("requests"),
        leases=queue("leases"),
        wake=lambda: None,
        pools=none,
        rules=none,
        requesters=none,
        reply_queues=(),
        switches=none,
    )
    return run(asked, ports, NOW)


def test_the_status_says_what_of_each_pool_is_in_use() -> None:
    answer = call("GET", "/status")
    assert (answer.status, answer.body["pools"]["default"]["instances"]) == (200, 3)


def test_the_status_says_what_images_are_out_and_what_is_in_the_way_of_others() -> None:
    placed = {
        "us-east-1": Placed(image="ami-1", release="4593.2.5"),
        "me-south-1": Placed(image="ami-2", release="4081.2.0", mark=Mark.WITHDRAWN),
        "eu-west-1": Placed(image="ami-3", release="4593.2.4", mark=Mark.BEHIND),
    }
    hold = Hold(why=Why.FEED, detail="timeout", since=NOW)
    lines = MemoryLines(a_line("4593.2.5", pinned="4593.2.4", tried="4593.3.0", placed=placed, hold=hold))
    assert call("GET", "/status", lines=lines).body["images"] == {
        "stable#amd64": {
            "version": "4593.2.5",
            "regions": 3,
            "source": "feed",
            "signature": "verified",
            "withdrawn": ["me-south-1"],
            "behind": ["eu-west-1"],
            "pinned": "4593.2.4",
            "candidate": "4593.3.0",
            "held": "feed",
        }
    }


def test_the_status_shows_a_line_that_has_published_nothing_yet() -> None:
    body = call("GET", "/status", lines=MemoryLines(a_line(""))).body["images"]["stable#amd64"]
    assert (body["version"], body["regions"], body["source"], body["held"]) == ("", 0, None, None)


def test_pools_are_listed_and_shown() -> None:
    assert [pool["name"] for pool in call("GET", "/pools").body["items"]] == ["default"]
    assert call("GET", "/pools/default").body["in_use"]["instances"] == 3


def test_an_allocation_is_shown_with_its_answer_and_without_our_bookkeeping() -> None:
    body = call("GET", "/allocations/ci-1").body
    assert body["answer"]["event"] == "fulfilled"
    assert set(body) & {"outbox", "told", "body", "content", "schema"} == set()


@pytest.mark.parametrize("path", ["/pools/other", "/allocations/other", "/instances/i-00000002"])
def test_what_does_not_exist_is_404(path: str) -> None:
    assert call("GET", path).status == 404


@pytest.mark.parametrize(("path", "status"), [("/pools/..", 400), ("/volumes", 501), ("/nothing", 404)])
def test_bad_names_unbuilt_and_unknown_paths_have_their_status(path: str, status: int) -> None:
    answer = call("GET", path)
    assert answer.status == status
    assert set(answer.body["error"]) == {"code", "message", "path"}


def test_pages_follow_each_other_by_token() -> None:
    records = Records()
    first = call("GET", "/allocations", records, limit="5")
    last = call("GET", "/allocations", records, limit="5", next_token=first.body["next_token"])
    assert records.pages == [(5, None), (5, {"request_id": {"S": "ci-1"}})]
    assert last.body["next_token"] is None


@pytest.mark.parametrize("limit", ["0", "101", "-1", "x", "1.5", "\u00b2", "9" * 5_000])
def test_a_limit_out_of_range_is_400(limit: str) -> None:
    assert call("GET", "/instances", limit=limit).status == 400


@pytest.mark.parametrize(
    "token", ["x", "\u00e9", "null", *(base64.urlsafe_b64encode(t).decode() for t in (b"5", b"[1]", b"[" * 90_000, b"\xff"))],
    ids=lambda token: token[:8],
)  # fmt: skip
def test_a_token_that_is_not_ours_is_400(token: str) -> None:
    assert call("GET", "/instances", next_token=token).body["error"]["path"] == "next_token"


@pytest.mark.parametrize(("path", "queue"), [("/allocations", "requests"), ("/leases", "leases")])
def test_a_body_is_handed_on_as_it_is_for_its_sender(path: str, queue: str) -> None:
    body = json.dumps({"request_id": "ci-9", "any": 1}, indent=3)
    answer = call("POST", path, body=body)
    assert answer == Answer(status=202, body={"request_id": "ci-9", "message_id": f"{queue}|{body}|AROACI:x"})


@pytest.mark.parametrize("body", ["", "[]", "{", "x" * 65_537])
def test_a_body_that_is_no_object_is_400_and_goes_nowhere(body: str) -> None:
    assert call("POST", "/allocations", body=body).status == 400
