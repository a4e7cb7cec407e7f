"""Messages of the request queue: what is asked, or the exact complaint, and never anything else."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allocate_instances.request import Asked, Pointer, parse, read_pointer
from railyard.errors import InvalidRequest
from railyard.model.pools import Requester
from railyard.model.reasons import Code
from railyard.model.requests import Request, RequestState
from tests.bench import CI, allocate_body
from tests.builders import NOW, a_message


def read(body: Any) -> Asked | Request:
    return parse(a_message(body if isinstance(body, str) else json.dumps(body)), (CI,), NOW)


def asked(body: Any) -> Asked:
    found = read(body)
    assert isinstance(found, Asked), found
    return found


def complaint(body: Any) -> tuple[str, str | None]:
    """Return code and path of the refusal of *body*."""
    found = read(body)
    assert isinstance(found, Request)
    said = json.loads(found.answer or "")
    assert (said["event"], found.request_id, found.state) == ("refused", "!m-1", RequestState.REFUSED)
    return said["reason"]["code"], said["reason"]["path"]


def needing(**requirements: Any) -> dict[str, Any]:
    return allocate_body(requirements={"vcpus": 2, "memory_mib": 4096} | requirements)


def test_it_knows_which_pools_its_requester_may_ask() -> None:
    limited = Requester(name="ci", principals=("AROACI",), pools=("small",))
    found = parse(a_message(json.dumps(allocate_body())), (limited,), NOW)
    assert isinstance(found, Asked)
    assert found.pools == ("small",)
    stranger = parse(a_message(json.dumps(allocate_body()), sender="AROAX:x"), (limited,), NOW)
    assert isinstance(stranger, Asked)
    assert (stranger.request.requester, stranger.pools) == ("default", ("*",))


def test_the_contracts_sample_is_understood_field_by_field() -> None:
    sample = allocate_body(
        "ci-4711",
        requirements={"vcpus": 4, "memory_mib": 8192, "disk_gib": 50, "gpus": 0, "architecture": "amd64"},
        market="spot-first",
        sharing="requester",
        lease_seconds=900,
        timeout_seconds=600,
        labels={"branch": "main"},
        parameters={"job": "4711"},
    )
    got = asked(sample)
    request = got.request
    assert (got.market, got.sharing, got.lease_seconds) == ("spot-first", "requester", 900)
    assert (request.request_id, request.pool, request.requester) == ("ci-4711", "default", "ci")
    assert (request.need.vcpus, request.need.memory_mib, request.need.disk_gib) == (4, 8192, 50)
    assert (request.labels, request.parameters) == ({"branch": "main"}, {"job": "4711"})
    assert (request.since, request.deadline) == (NOW, NOW + timedelta(seconds=600))


def test_what_is_left_out_is_left_to_the_pool_and_to_defaults() -> None:
    got = asked({k: v for k, v in allocate_body().items() if k != "market"})
    assert (got.market, got.sharing, got.lease_seconds) == (None, None, None)
    assert (got.request.count, got.request.minimum_count) == (1, 1)
    assert got.request.deadline == NOW + timedelta(minutes=15)


def test_minimum_count_is_count_unless_it_is_given() -> None:
    assert asked(allocate_body(count=5)).request.minimum_count == 5
    assert asked(allocate_body(count=5, minimum_count=2)).request.minimum_count == 2


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (allocate_body(request_id=""), "request_id"),
        (allocate_body(request_id="-a"), "request_id"),
        (allocate_body(request_id="!m-1"), "request_id"),
        (allocate_body(request_id="a" * 129), "request_id"),
        (allocate_body(request_id="a\n"), "request_id"),
        (allocate_body() | {"request_id": 7}, "request_id"),
        (allocate_body(pool="Default"), "pool"),
        (allocate_body(pool="a" * 64), "pool"),
        (needing(vcpus=0), "requirements.vcpus"),
        (needing(vcpus=1025), "requirements.vcpus"),
        (needing(vcpus=1.5), "requirements.vcpus"),
        (needing(vcpus=True), "requirements.vcpus"),
        (needing(vcpus="4"), "requirements.vcpus"),
        (needing(memory_mib=127), "requirements.memory_mib"),
        (needing(memory_mib=67_108_865), "requirements.memory_mib"),
        (needing(disk_gib=-1), "requirements.disk_gib"),
        (needing(disk_gib=16_385), "requirements.disk_gib"),
        (needing(gpus=-1), "requirements.gpus"),
        (needing(gpus=17), "requirements.gpus"),
        (needing(architecture="x86_64"), "requirements.architecture"),
        (needing(local_disk_gib=-1), "requirements.local_disk_gib"),
        (needing(gpu_name="g" * 65), "requirements.gpu_name"),
        (needing(zones=["z"] * 21), "requirements.zones"),
        (needing(zones=[1]), "requirements.zones[0]"),
        (needing(instance_types=["t"] * 51), "requirements.instance_types"),
        (allocate_body(count=0), "count"),
        (allocate_body(count=101), "count"),
        (allocate_body(minimum_count=0), "minimum_count"),
        (allocate_body(count=2, minimum_count=3), "minimum_count"),
        (allocate_body(market="dedicated"), "market"),
        (allocate_body(sharing="none"), "sharing"),
        (allocate_body(lease_seconds=59), "lease_seconds"),
        (allocate_body(lease_seconds=86_401), "lease_seconds"),
        (allocate_body(timeout_seconds=29), "timeout_seconds"),
        (allocate_body(timeout_seconds=86_401), "timeout_seconds"),
        (allocate_body(deadline="soon"), "deadline"),
        (allocate_body(deadline="2026-11-20T13:00:00"), "deadline"),
        (allocate_body(deadline="2026-11-21T12:00:01Z"), "deadline"),
        (allocate_body(deadline="2026-11-20T13:00:00Z", timeout_seconds=60), "deadline"),
        (allocate_body(labels={str(i): "" for i in range(21)}), "labels"),
        (allocate_body(labels={"a": "v" * 257}), "labels[...]"),
        (allocate_body(labels=[]), "labels"),
        (allocate_body(reply_to="https://sqs/queue"), "reply_to"),
        (allocate_body(parameters={str(i): "" for i in range(11)}), "parameters"),
        (allocate_body(parameters={"a": "v" * 257}), "parameters[...]"),
    ],
)
def test_a_field_out_of_its_range_is_refused_by_its_path(body: dict[str, Any], path: str) -> None:
    assert complaint(body) == ("invalid_request", path)


@pytest.mark.parametrize(
    ("field", "least", "most"),
    [("count", 1, 100), ("lease_seconds", 60, 86_400), ("timeout_seconds", 30, 86_400)],
)
def test_both_ends_of_a_range_are_inside(field: str, least: int, most: int) -> None:
    asked(allocate_body() | {field: least})
    asked(allocate_body() | {field: most})


@pytest.mark.parametrize("name", ["version", "action", "request_id", "pool", "requirements"])
def test_a_missing_field_is_refused(name: str) -> None:
    body = {key: value for key, value in allocate_body().items() if key != name}
    code = {"version": "unsupported_version", "action": "unsupported_action"}.get(name, "invalid_request")
    assert complaint(body)[0] == code


@pytest.mark.parametrize("version", [0, 2, "1", None, True, [1]])
def test_another_version_is_refused(version: object) -> None:
    assert complaint(allocate_body(version=version))[1] == "version"


@pytest.mark.parametrize("action", ["renew", "ALLOCATE", None, 1, {}])
def test_another_action_is_refused(action: object) -> None:
    assert complaint(allocate_body(action=action)) == ("unsupported_action", "action")


@pytest.mark.parametrize(
    "body",
    [
        "",
        "allocate",
        "null",
        "[]",
        '"text"',
        "7",
        '{"version": 1',
        '{"version": 1, "version": 1}',
        '{"version": NaN}',
        '{"version": -Infinity}',
        '{"requirements": {"vcpus": 1, "vcpus": 2}}',
        '{"a":' * 20_000,
        '{"a": ' + "[" * 60_000 + "}",
        '{"a": ' + "9" * 5_000 + "}",
        json.dumps(allocate_body(labels={"half": "\ud800"})),
        json.dumps(allocate_body(unknown="\udfff")),
    ],
    ids=lambda body: body[:24],
)
def test_what_is_not_one_sound_json_object_is_refused(body: str) -> None:
    code, path = complaint(body)
    assert code in ("invalid_request", "too_large")
    assert path is None


def test_a_body_of_64_kib_is_read_and_one_byte_more_is_not() -> None:
    room = 65_536 - len(json.dumps(allocate_body(unknown="")))
    assert asked(allocate_body(unknown="x" * room))
    assert complaint(allocate_body(unknown="x" * (room + 1))) == ("too_large", None)


def test_the_64_kib_are_bytes_not_characters() -> None:
    body = json.dumps(allocate_body(unknown="é" * 40_000), ensure_ascii=False)
    assert complaint(body) == ("too_large", None)


def test_an_unknown_requirement_is_refused_for_it_might_have_mattered() -> None:
    assert complaint(needing(tpus=1))[0] == "invalid_request"


def test_an_unknown_field_elsewhere_is_named_in_a_warning() -> None:
    assert asked(allocate_body(colour="red")).request.warnings == ("unknown field ignored: colour",)


def test_a_deadline_that_has_passed_is_read_wherever_its_clock_stands() -> None:
    for past in ("0001-01-01T00:00:00+14:00", "2026-11-20T11:59:59Z"):
        assert asked(allocate_body(deadline=past)).request.deadline == NOW


def test_a_deadline_of_another_zone_is_kept_in_utc() -> None:
    got = asked(allocate_body(deadline="2026-11-20T15:00:00+02:00")).request
    assert got.deadline == NOW + timedelta(hours=1)
    assert str(got.deadline).endswith("+00:00")


def test_equal_content_has_one_hash_whatever_the_order_and_the_spelt_out_defaults() -> None:
    body = allocate_body()
    turned = dict(reversed(list(body.items()))) | {"count": 1, "labels": {}}
    assert asked(body).request.content == asked(turned).request.content
    assert asked(body).request.content != asked(allocate_body(count=2)).request.content


def test_the_requester_is_the_senders_and_never_the_bodys() -> None:
    other = Requester(name="other", principals=("AROAOTHER",))
    message = a_message(json.dumps(allocate_body(requester="other")), sender="AROACI:job")
    found = parse(message, (other, CI), NOW)
    assert isinstance(found, Asked)
    assert found.request.requester == "ci"


def test_an_unregistered_sender_is_the_default_requester_and_gets_no_reply_queue() -> None:
    found = parse(a_message("{}", sender="AIDANOBODY"), (CI,), NOW)
    assert isinstance(found, Request)
    assert (found.requester, found.reply_to) == ("default", None)


def test_a_refusal_names_what_could_be_read_of_the_message() -> None:
    found = read(allocate_body("ci-9", count=0, labels={"a": "b"}))
    said = json.loads(found.answer or "") if isinstance(found, Request) else {}
    assert (said["request_id"], said["labels"], said["epoch"]) == ("ci-9", {"a": "b"}, 0)


def test_a_pointer_names_a_launch_or_a_pool() -> None:
    assert read_pointer('{"launch": "l-1"}') == Pointer(launch_id="l-1")
    assert read_pointer('{"pool": "default"}') == Pointer(pool="default")
    with pytest.raises(InvalidRequest):
        read_pointer('{"other": 1}')


FIELDS = [*allocate_body(), "count", "minimum_count", "sharing", "lease_seconds", "timeout_seconds"]
NEEDS = ["vcpus", "memory_mib", "disk_gib", "gpus", "architecture", "gpu_name", "zones", "unknown", "\ud800"]
FIELDS += ["deadline", "labels", "parameters", "epoch", "unknown"]
NASTY: list[Any] = [
    None,
    True,
    0,
    -1,
    1,
    2**63,
    1e400,
    0.5,
    "",
    "a",
    "a\n",
    "\ud800",
    "\x00",
    "9999-12-31T23:59:59-23:59",
]
NASTY += ["0001-01-01T00:00:00+14:00", [], {}, [[]], [None], {"": ""}, {"vcpus": 2, "memory_mib": 4096}]
ANYTHING = st.sampled_from(NASTY) | st.integers() | st.text(max_size=8)
BODIES = (
    st.dictionaries(st.sampled_from(FIELDS), ANYTHING, max_size=4).map(
        lambda f: json.dumps(allocate_body() | f)
    )
    | st.dictionaries(st.sampled_from(NEEDS), ANYTHING, max_size=4).map(lambda f: json.dumps(needing(**f)))
    | st.text(max_size=40)
)


@settings(max_examples=5_000, deadline=None, database=None)
@given(body=BODIES)
def test_whatever_arrives_is_either_asked_or_refused_with_a_code(body: str) -> None:
    found = parse(a_message(body), (CI,), NOW)
    if isinstance(found, Request):
        Code(json.loads(found.answer or "")["reason"]["code"])
        found.answer.encode()  # type: ignore[union-attr]  # every byte of it can be sent
    else:
        assert found.request.deadline
