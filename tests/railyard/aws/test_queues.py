"""Queues and the bus: ten in a call, and a part that was not taken is a failure."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from railyard.aws.bus import Bus, detail
from railyard.aws.queues import FORWARDED, Pointers, message_of, queue_url, send_batch
from railyard.errors import Gone, RailyardError
from tests.railyard.aws.stubs import Recorder, refused


def test_pointers_go_ten_in_a_call_with_their_delay() -> None:
    client = Recorder(lambda _, __: {})
    Pointers(client, "https://wake").send(({"pool": str(n)} for n in range(23)), delay_seconds=30)
    batches = [call["Entries"] for _, call in client.calls]
    assert [len(batch) for batch in batches] == [10, 10, 3]
    assert all(len({entry["Id"] for entry in batch}) == len(batch) for batch in batches)
    bodies = [json.loads(entry["MessageBody"]) for batch in batches for entry in batch]
    assert bodies == [{"pool": str(n)} for n in range(23)]
    assert {entry["DelaySeconds"] for batch in batches for entry in batch} == {30}


def test_nothing_to_say_is_no_call_and_no_delay_is_longer_than_sqs_takes() -> None:
    client = Recorder(lambda _, __: {})
    Pointers(client, "https://wake").send([])
    assert client.calls == []
    Pointers(client, "https://wake").send([{}], delay_seconds=5_000)
    assert client.calls[0][1]["Entries"][0]["DelaySeconds"] == 900


def test_a_message_that_sqs_did_not_take_is_a_failure() -> None:
    failed = {"Successful": [{"Id": "0"}], "Failed": [{"Id": "1", "Code": "InternalError", "Message": "no"}]}
    with pytest.raises(RailyardError):
        send_batch(Recorder(lambda _, __: failed), "https://x", [{"Id": "0"}, {"Id": "1"}])


def test_a_queue_that_is_gone_says_so() -> None:
    with pytest.raises(Gone):
        send_batch(
            Recorder(lambda _, __: refused("AWS.SimpleQueueService.NonExistentQueue")), "https://x", []
        )


@pytest.mark.parametrize(
    ("arn", "url"),
    [
        ("arn:aws:sqs:eu-west-1:123456789012:ci", "https://sqs.eu-west-1.amazonaws.com/123456789012/ci"),
        ("arn:aws-cn:sqs:cn-north-1:1:ci", "https://sqs.cn-north-1.amazonaws.com.cn/1/ci"),
        ("arn:aws-us-gov:sqs:us-gov-west-1:1:ci", "https://sqs.us-gov-west-1.amazonaws.com/1/ci"),
    ],
)
def test_a_queues_address_follows_from_its_arn(arn: str, url: str) -> None:
    assert queue_url(arn) == url


def record(sender: str, forwarded: str | None = None) -> dict[str, Any]:
    attributes = {} if forwarded is None else {FORWARDED: {"dataType": "String", "stringValue": forwarded}}
    return {
        "messageId": "m-1",
        "body": "{}",
        "attributes": {"SenderId": sender, "SentTimestamp": "1795176000999"},
        "messageAttributes": attributes,
    }


@pytest.mark.parametrize(
    ("sender", "forwarded", "api_role", "believed"),
    [
        ("AROAAPI:f", "AROACI:x", "AROAAPI", "AROACI:x"),
        ("AROATHIEF:f", "AROACI:x", "AROAAPI", "AROATHIEF:f"),
        ("AROATHIEF:AROAAPI", "AROACI:x", "AROAAPI", "AROATHIEF:AROAAPI"),
        ("AROAAPI2:f", "AROACI:x", "AROAAPI", "AROAAPI2:f"),
        ("AROAAPI:f", None, "AROAAPI", "AROAAPI:f"),
        ("AROAAPI:f", "AROACI:x", "", "AROAAPI:f"),
        ("", "AROACI:x", "", ""),
    ],
)
def test_only_the_apis_own_role_speaks_for_others(
    sender: str, forwarded: str | None, api_role: str, believed: str
) -> None:
    assert message_of(record(sender, forwarded), api_role).sender == believed


def test_a_message_knows_when_it_was_sent_in_whole_seconds() -> None:
    assert message_of(record("A"), "").sent_at == datetime.fromtimestamp(1_795_176_000, UTC)


def test_events_go_ten_in_a_call_with_our_source() -> None:
    client = Recorder(lambda _, __: {"FailedEntryCount": 0})
    Bus(client, "railyard").put([("Allocation Lost", str(n)) for n in range(11)])
    assert [len(call["Entries"]) for _, call in client.calls] == [10, 1]
    assert client.calls[1][1]["Entries"] == [
        {"EventBusName": "railyard", "Source": "railyard", "DetailType": "Allocation Lost", "Detail": "10"}
    ]


def test_an_event_that_the_bus_did_not_take_is_a_failure() -> None:
    with pytest.raises(RailyardError):
        Bus(Recorder(lambda _, __: {"FailedEntryCount": 1}), "railyard").put([("Image Held", "{}")])


def test_equal_details_are_equal_bytes() -> None:
    assert detail(b=1, a=2) == detail(a=2, b=1) == '{"a":2,"b":1}'
