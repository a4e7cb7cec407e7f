"""DescribeNetworkInterfaces: one for each instance, as long as it is."""

from __future__ import annotations

from typing import Any

import pytest

from tests.local.ec2.builders import REGION, World, an_override, ids_of

UNKNOWN = "eni-0123456789abcdef0"


def interfaces(world: World, **question: Any) -> list[dict[str, Any]]:
    """Return the interfaces that a question finds."""
    found: list[dict[str, Any]] = world.call("DescribeNetworkInterfaces", **question)["NetworkInterfaces"]
    return found


def by(name: str, value: str) -> dict[str, Any]:
    """Return a question with one filter."""
    return {"Filters": [{"Name": name, "Values": [value]}]}


def test_an_interface_comes_and_goes_with_its_instance(world: World) -> None:
    (instance_id,) = world.launch()
    (instance,) = world.shown()
    (interface,) = interfaces(world)
    assert interface["NetworkInterfaceId"] == instance["NetworkInterfaces"][0]["NetworkInterfaceId"]
    assert interface["PrivateIpAddress"] == instance["PrivateIpAddress"]
    assert interface["Attachment"]["InstanceId"] == instance_id
    assert interface["Status"] == "in-use"
    world.call("StopInstances", InstanceIds=[instance_id])
    assert [i["NetworkInterfaceId"] for i in interfaces(world)] == [interface["NetworkInterfaceId"]]
    world.call("TerminateInstances", InstanceIds=[instance_id])
    assert interfaces(world) == []


def test_interfaces_are_found_by_instance_subnet_group_status_and_tag(world: World) -> None:
    tags = [{"ResourceType": "network-interface", "Tags": [{"Key": "pool", "Value": "p"}]}]
    (here,) = ids_of(world.fleet(an_override(zone="a"), TagSpecifications=tags))
    (there,) = ids_of(world.fleet(an_override(zone="b")))
    world.wait(1)
    shown = {i["InstanceId"]: i for i in world.shown()}
    group_id = shown[here]["SecurityGroups"][0]["GroupId"]
    for name, value, ids in (
        ("attachment.instance-id", there, {there}),
        ("subnet-id", shown[here]["SubnetId"], {here}),
        ("availability-zone", f"{REGION}b", {there}),
        ("group-id", group_id, {here, there}),
        ("status", "in-use", {here, there}),
        ("status", "available", set()),
        ("tag:pool", "p", {here}),
        ("private-ip-address", shown[there]["PrivateIpAddress"], {there}),
    ):
        found = interfaces(world, **by(name, value))
        assert {i["Attachment"]["InstanceId"] for i in found} == ids, name
    (tagged,) = interfaces(world, **by("tag-key", "pool"))
    assert tagged["TagSet"] == [{"Key": "pool", "Value": "p"}]


def test_an_unknown_interface_fails_the_call(world: World) -> None:
    world.launch()
    known = interfaces(world)[0]["NetworkInterfaceId"]
    asked = [known, UNKNOWN]
    code = world.refused("DescribeNetworkInterfaces", NetworkInterfaceIds=asked)
    assert code == "InvalidNetworkInterfaceID.NotFound"
    assert len(interfaces(world, NetworkInterfaceIds=[known])) == 1


def test_interfaces_come_in_pages(world: World) -> None:
    world.launch(7)
    first = world.call("DescribeNetworkInterfaces", MaxResults=5)
    second = world.call("DescribeNetworkInterfaces", MaxResults=5, NextToken=first["NextToken"])
    pages = [page["NetworkInterfaces"] for page in (first, second)]
    assert [len(page) for page in pages] == [5, 2]
    assert len({i["NetworkInterfaceId"] for page in pages for i in page}) == 7
    ids = [pages[0][0]["NetworkInterfaceId"]]
    code = world.refused("DescribeNetworkInterfaces", MaxResults=5, NetworkInterfaceIds=ids)
    assert code == "InvalidParameterCombination"


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("CreateNetworkInterface", {"SubnetId": "subnet-0123456789abcdef0"}),
        ("DeleteNetworkInterface", {"NetworkInterfaceId": UNKNOWN}),
        (
            "AttachNetworkInterface",
            {"NetworkInterfaceId": UNKNOWN, "InstanceId": "i-0123456789abcdef0", "DeviceIndex": 1},
        ),
    ],
)
def test_interfaces_of_their_own_are_refused_by_name(
    world: World, operation: str, parameters: dict[str, Any]
) -> None:
    assert world.refused(operation, **parameters) == "UnsupportedOperation"
