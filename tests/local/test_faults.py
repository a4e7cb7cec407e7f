"""The call log, and every kind of fault as a handler meets it."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.calls import Fault
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
