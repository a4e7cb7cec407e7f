"""The API, the feed and /_local over HTTP."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local.feed import Variant
from local.releases import CURRENT, PREVIOUS, images, release
from local.world import World
from railyard.flatcar import forms
from railyard.flatcar.signature import BadSignature, SigningKey
from railyard.flatcar.sources import Form


def signed(world: World, method: str, path: str, body: bytes = b"") -> requests.Response:
    request = AWSRequest(method, f"{world.api_url}{path}", data=body)
    SigV4Auth(Credentials("test", "test"), "execute-api", "us-east-1").add_auth(request)
    return requests.request(method, str(request.url), headers=dict(request.headers), data=body, timeout=30)


def control(world: World, method: str, path: str, document: Any = None) -> requests.Response:
    return requests.request(method, f"{world.front_url}/_local/{path}", json=document, timeout=60)


def test_the_function_gets_a_proxy_event_with_its_caller(world: World) -> None:
    answer = signed(world, "PUT", "/pools/a%20b?x=1&x=2&y=", b'{"k": 1}')
    assert (answer.status_code, answer.headers["ETag"]) == (200, "x")
    event = answer.json()
    assert (event["httpMethod"], event["path"], event["body"]) == ("PUT", "/pools/a%20b", '{"k": 1}')
    assert event["pathParameters"] == {"proxy": "pools/a%20b"}
    assert event["multiValueQueryStringParameters"] == {"x": ["1", "2"], "y": [""]}
    assert event["queryStringParameters"] == {"x": "2", "y": ""}
    assert event["requestContext"]["identity"]["userArn"] == "arn:aws:iam::123456789012:user/test"


def test_a_body_that_is_no_text_comes_encoded(world: World) -> None:
    event = signed(world, "POST", "/any", b"\xff\x00").json()
    assert (event["body"], event["isBase64Encoded"]) == ("/wA=", True)


def test_an_unsigned_request_is_refused_as_api_gateway_does(world: World) -> None:
    answer = requests.get(f"{world.api_url}/pools", timeout=10)
    assert (answer.status_code, answer.json()) == (403, {"message": "Missing Authentication Token"})
    assert answer.headers["x-amzn-ErrorType"] == "MissingAuthenticationTokenException"


@pytest.mark.parametrize("architecture", ["amd64", "arm64"])
def test_the_feed_s_images_exist_in_ec2_and_are_fresh(world: World, architecture: str) -> None:
    base = f"{world.front_url}/feed/stable/{architecture}-usr/current"
    amis = requests.get(f"{base}/flatcar_production_ami_all.json", timeout=10).json()["amis"]
    assert len(amis) == 21
    assert f"FLATCAR_VERSION={CURRENT}" in requests.get(f"{base}/version.txt", timeout=10).text
    (here,) = [entry["hvm"] for entry in amis if entry["name"] == "us-east-1"]
    (image,) = world.client("ec2").describe_images(ImageIds=[here])["Images"]
    assert image["OwnerId"] == "075585003325"
    assert CURRENT in image["Name"]
    assert here.startswith("ami-0f1a7ca") == (architecture == "arm64")


def test_synthetic_feeds_say_so(world: World) -> None:
    url = f"{world.front_url}/feed/stable/%s-usr/current/flatcar_production_ami_all.json"
    assert "X-Railyard-Synthetic" not in requests.get(url % "amd64", timeout=10).headers
    assert "X-Railyard-Synthetic" in requests.get(url % "arm64", timeout=10).headers


def test_the_recorded_feed_is_served_as_it_was_written() -> None:
    from local.releases import DATA

    recorded = DATA / f"flatcar-stable-amd64-{CURRENT}.REAL.ami_all.json"
    assert release("stable", "amd64", CURRENT).feed == recorded.read_bytes()


def test_an_unchanged_feed_is_not_sent_again(world: World) -> None:
    url = f"{world.front_url}/feed/stable/amd64-usr/current/version.txt"
    tag = requests.get(url, timeout=10).headers["ETag"]
    assert requests.get(url, headers={"If-None-Match": tag}, timeout=10).status_code == 304


def test_a_channel_can_misbehave_in_each_way_seen_live(world: World) -> None:
    url = f"{world.front_url}/feed/beta/amd64-usr/current/"
    seen = {}
    for variant in Variant:
        world.feed.set(variant, channel="beta")
        answer = requests.get(url + "flatcar_production_ami_all.json", timeout=10)
        seen[variant] = answer
    assert requests.get(url + "version.txt", timeout=10).status_code == 200
    world.feed.set(Variant.OLDER, channel="beta")
    assert PREVIOUS in requests.get(url + "version.txt", timeout=10).text
    assert seen[Variant.MISSING].status_code == 404
    assert seen[Variant.HTML].text.startswith("<html>")
    with pytest.raises(json.JSONDecodeError):
        json.loads(seen[Variant.TRUNCATED].text)
    assert seen[Variant.OLDER].json() != seen[Variant.CURRENT].json()
    assert seen[Variant.TEXT_ONLY].status_code == 404


@pytest.mark.parametrize("name", ["flatcar_production_ami_all.json", "flatcar_production_ami_all.txt"])
def test_a_file_is_signed_by_the_publisher_unless_it_is_told_otherwise(world: World, name: str) -> None:
    publisher = world.feed.publisher
    key = SigningKey(publisher.key_file.read_bytes(), publisher.fingerprint)
    url = f"{world.front_url}/feed/alpha/amd64-usr/current/{name}"
    good = []
    for variant in (Variant.CURRENT, Variant.OLDER, Variant.FOREIGN_KEY, Variant.OTHER_BYTES):
        world.feed.set(variant, channel="alpha")
        body, signature = (requests.get(at, timeout=10).content for at in (url, f"{url}.sig"))
        with suppress(BadSignature):
            key.signer(body, signature)
            good.append(variant)
    world.feed.set(Variant.UNSIGNED, channel="alpha")
    assert requests.get(f"{url}.sig", timeout=10).status_code == 404
    world.feed.set(Variant.CURRENT, channel="alpha")
    assert good == [Variant.CURRENT, Variant.OLDER]


def test_the_line_of_text_says_the_same_as_the_feed(world: World) -> None:
    at = f"{world.front_url}/feed/stable/amd64-usr/current/flatcar_production_ami_all"
    json_form, line_form = (requests.get(f"{at}.{form}", timeout=10).content for form in ("json", "txt"))
    assert forms.images(line_form, Form.LINE) == forms.images(json_form, Form.JSON)


def test_every_region_of_a_feed_has_its_image(world: World) -> None:
    of_current = release("stable", "arm64", CURRENT).images
    assert len({image["ImageId"] for _, image in images(world.clock.now())}) == 2 * 2 * 4 * len(of_current)


def test_status_names_endpoints_functions_queues_and_clock(world: World) -> None:
    status = control(world, "GET", "status").json()
    assert status["outputs"] == world.outputs
    assert "railyard-echo" in status["functions"]
    assert {"visible", "hidden"} == set(status["queues"]["railyard-in"])
    assert status["clock"]["kind"] == "virtual"


def test_a_function_can_be_invoked_by_its_short_name(world: World) -> None:
    assert control(world, "POST", "invoke/echo", {"k": 1}).json()["event"] == {"k": 1}
    failed = control(world, "POST", "invoke/echo", {"raise": "no"})
    assert (failed.status_code, failed.json()["errorType"]) == (500, "ValueError")


def test_the_clock_moves_over_http(world: World) -> None:
    before = world.clock.offset
    assert control(world, "POST", "clock", {"advance_seconds": 60}).status_code == 200
    assert (world.clock.offset - before).total_seconds() >= 59


def test_faults_capacity_and_calls_work_over_http(world: World) -> None:
    fault = {"service": "dynamodb", "operation": "ListTables", "error": "AccessDeniedException", "times": 2}
    assert control(world, "POST", "faults", fault).json()["pending"][0]["times"] == 2
    capacity = {"instance_type": "c7g.large", "zone": "us-east-1a", "market": "spot", "available": 0}
    assert control(world, "POST", "capacity", capacity).status_code == 200
    assert world.ec2.capacity("c7g.large", "us-east-1a", "spot") == 0
    asked = control(world, "GET", "calls?since=0").json()["calls"]
    assert [call["n"] for call in asked] == sorted(call["n"] for call in asked)
    assert control(world, "GET", f"calls?since={asked[-1]['n'] if asked else 0}").json() == {"calls": []}


@pytest.mark.parametrize(
    ("method", "path", "document", "status"),
    [
        ("GET", "nothing", None, 404),
        ("POST", "invoke/absent", {}, 404),
        ("POST", "nodes/i-0", {"die": True}, 404),
        ("POST", "clock", {}, 400),
        ("POST", "clock", {"advance_seconds": -1}, 400),
        ("POST", "faults", {"service": "ec2"}, 400),
        ("POST", "faults", {"service": "ec2", "operation": "*", "error": "E", "wrong": 1}, 400),
        ("POST", "capacity", {"instance_type": "t", "zone": "z", "market": "no", "available": 0}, 400),
    ],
)
def test_a_wrong_request_is_answered_with_code_and_message(
    world: World, method: str, path: str, document: Any, status: int
) -> None:
    answer = control(world, method, path, document)
    assert (answer.status_code, set(answer.json())) == (status, {"code", "message"})
