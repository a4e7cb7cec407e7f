"""The call log, and every kind of fault as a handler meets it."""

from __future__ import annotations

import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.faults import Fault, Faults
from local.world import HandlerFailed, World

DESCRIBE = {"call": ["ec2", "describe_images", {"ImageIds": ["ami-0000000000000dead"]}]}
TABLES = {"call": ["dynamodb", "list_tables", {}]}


def put(key: str) -> dict[str, Any]:
    return {"call": ["dynamodb", "put_item", {"TableName": "things", "Item": {"id": {"S": key}}}]}


def stored(world: World, key: str) -> bool:
    return "Item" in world.client("dynamodb").get_item(TableName="things", Key={"id": {"S": key}})


def last_number(world: World) -> int:
    return max((call.n for call in world.calls()), default=0)


def test_the_log_holds_what_functions_ask_and_what_they_were_refused(world: World) -> None:
    since = last_number(world)
    world.client("dynamodb").list_tables()
    world.invoke("echo", TABLES)
    with pytest.raises(HandlerFailed):
        world.invoke("echo", DESCRIBE)
    asked = [(call.service, call.operation, call.function, call.error) for call in world.calls(since)]
    assert asked == [
        ("dynamodb", "ListTables", "railyard-echo", None),
        ("ec2", "DescribeImages", "railyard-echo", "InvalidAMIID.NotFound"),
    ]


@pytest.mark.parametrize(
    ("event", "service", "operation", "code"),
    [
        (DESCRIBE, "ec2", "DescribeImages", "UnauthorizedOperation"),
        (TABLES, "dynamodb", "ListTables", "AccessDeniedException"),
        ({"call": ["sqs", "list_queues", {}]}, "sqs", "ListQueues", "AccessDenied"),
        ({"call": ["s3", "get_object", {"Bucket": "b", "Key": "k"}]}, "s3", "GetObject", "AccessDenied"),
        ({"call": ["sts", "get_caller_identity", {}]}, "sts", "GetCallerIdentity", "AccessDenied"),
    ],
)
def test_an_error_comes_in_the_protocol_of_its_service_as_often_as_asked(
    world: World, event: dict[str, Any], service: str, operation: str, code: str
) -> None:
    world.faults.add(Fault(service=service, operation=operation, error=code))
    with pytest.raises(HandlerFailed, match=rf"\({code}\)"):
        world.invoke("echo", event)
    assert world.faults.pending() == []


def test_a_lost_response_keeps_its_effect(world: World) -> None:
    since = last_number(world)
    world.faults.add(Fault(service="dynamodb", operation="PutItem", error="LostResponse", times=10))
    with pytest.raises(HandlerFailed, match=r"Connection|closed"):
        world.invoke("echo", put("lost"))
    assert stored(world, "lost")
    assert {call.error for call in world.calls(since)} == {"LostResponse"}


def test_a_worker_killed_before_the_call_leaves_no_effect(world: World) -> None:
    world.faults.add(Fault(service="dynamodb", operation="PutItem", error="KillWorkerBefore"))
    with pytest.raises(HandlerFailed, match=r"Runtime\.ExitError"):
        world.invoke("echo", put("before"))
    assert not stored(world, "before")


def test_a_worker_killed_after_the_call_leaves_its_effect(world: World) -> None:
    world.faults.add(Fault(service="dynamodb", operation="PutItem", error="KillWorkerAfter"))
    with pytest.raises(HandlerFailed, match=r"Runtime\.ExitError"):
        world.invoke("echo", put("after"))
    assert stored(world, "after")


def test_faults_are_for_handlers_and_leave_the_user_of_this_machine_alone(world: World) -> None:
    world.faults.add(Fault(service="dynamodb", operation="ListTables", error="AccessDeniedException"))
    world.client("dynamodb").list_tables()
    assert len(world.faults.pending()) == 1


def test_ec2_and_pricing_come_from_our_model(world: World) -> None:
    images = world.client("ec2").describe_images(Owners=["075585003325"])["Images"]
    assert {image["Architecture"] for image in images} == {"x86_64", "arm64"}
    products = world.client("pricing").get_products(ServiceCode="AmazonEC2", MaxResults=1)
    assert len(products["PriceList"]) == 1
    with pytest.raises(ClientError, match=r"InvalidAMIID\.NotFound"):
        world.client("ec2").describe_images(ImageIds=["ami-0000000000000dead"])


def test_a_late_effect_comes_when_its_time_has_come(world: World) -> None:
    late = Fault(service="dynamodb", operation="PutItem", error="LateEffect", seconds=30, times=10)
    world.faults.add(late)
    with pytest.raises(HandlerFailed, match=r"Connection|closed"):
        world.invoke("echo", put("late"))
    assert not stored(world, "late")
    world.advance(29)
    assert not stored(world, "late")
    world.advance(2)
    assert stored(world, "late")


def test_a_stale_read_shows_the_past_and_a_consistent_one_never_does(world: World) -> None:
    world.invoke("echo", put("earlier"))
    world.faults.add(Fault(service="dynamodb", operation="GetItem", error="StaleRead", times=None))
    world.invoke("echo", put("later"))
    read = {"TableName": "things", "Key": {"id": {"S": "later"}}}
    assert "Item" not in world.invoke("echo", {"call": ["dynamodb", "get_item", read]})
    assert "Item" in world.invoke("echo", {"call": ["dynamodb", "get_item", read | {"ConsistentRead": True}]})
    world.faults.clear()
    assert "Item" in world.invoke("echo", {"call": ["dynamodb", "get_item", read]})


def test_a_stale_listing_of_ec2_shows_the_past(world: World) -> None:
    image = world.client("ec2").describe_images(Owners=["075585003325"])["Images"][0]["ImageId"]
    world.faults.add(Fault(service="ec2", operation="DescribeImages", error="StaleRead"))
    world.ec2.remove_image("us-east-1", image)
    look = {"call": ["ec2", "describe_images", {"ImageIds": [image]}]}
    assert world.invoke("echo", look)["Images"][0]["ImageId"] == image
    with pytest.raises(HandlerFailed, match="InvalidAMIID"):
        world.invoke("echo", look)


def test_a_service_without_stale_reads_says_so(world: World) -> None:
    with pytest.raises(ValueError, match="no stale reads of sqs"):
        world.faults.add(Fault(service="sqs", operation="*", error="StaleRead"))


def test_a_slow_answer_is_an_answer(world: World) -> None:
    world.faults.add(Fault(service="dynamodb", operation="ListTables", error="Latency", seconds=0.3))
    began = time.monotonic()
    assert "TableNames" in world.invoke("echo", TABLES)
    assert time.monotonic() - began >= 0.3


def test_a_conflict_names_its_reason_alone_and_in_a_transaction(world: World) -> None:
    for operation in ("PutItem", "TransactWriteItems"):
        conflict = Fault(service="dynamodb", operation=operation, error="TransactionConflict", times=20)
        world.faults.add(conflict)
    with pytest.raises(HandlerFailed, match="TransactionConflictException"):
        world.invoke("echo", put("met"))
    items = [{"Put": {"TableName": "things", "Item": {"id": {"S": key}}}} for key in "ab"]
    with pytest.raises(HandlerFailed, match=r"TransactionCanceledException.*\[TransactionConflict, None\]"):
        world.invoke("echo", {"call": ["dynamodb", "transact_write_items", {"TransactItems": items}]})


def test_a_probability_hits_some_calls_and_the_same_ones_for_a_seed() -> None:
    def hits(seed: int) -> list[bool]:
        faults = Faults(seed)
        faults.add(Fault(service="ec2", operation="*", error="Unavailable", probability=0.3, times=None))
        return [faults.take("ec2", "DescribeImages", "f") is not None for _ in range(300)]

    assert 50 < sum(hits(1)) < 130
    assert hits(1) == hits(1) != hits(2)


@pytest.mark.parametrize(
    "wrong",
    [{"probability": 0.0}, {"times": 0}, {"seconds": 1.0}, {"error": "Latency"}, {"probability": 2.0}],
)
def test_a_fault_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong)).replace("error", "seconds")):
        Fault(**{"service": "ec2", "operation": "*", "error": "Unavailable", **wrong})
