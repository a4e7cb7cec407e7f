"""Status checks, scheduled events and the console."""

from __future__ import annotations

import base64
import binascii
from datetime import timedelta
from typing import Any

import pytest

from local.ec2 import Timing
from tests.local.ec2.builders import REGION, World, an_override, ids_of


def status_of(world: World, instance_id: str) -> dict[str, Any]:
    """Return the status of one instance."""
    found = world.call("DescribeInstanceStatus", InstanceIds=[instance_id], IncludeAllInstances=True)
    (status,) = found["InstanceStatuses"]
    return dict(status)


def found(world: World, name: str, *values: str, **more: Any) -> list[str]:
    """Return the ids that a filter of DescribeInstanceStatus finds."""
    filters = [{"Name": name, "Values": list(values)}]
    answer = world.call("DescribeInstanceStatus", Filters=filters, **more)
    return [status["InstanceId"] for status in answer["InstanceStatuses"]]


def console(world: World, instance_id: str, **more: Any) -> str:
    """Return the console output as text; boto3 has decoded it already."""
    text = str(world.call("GetConsoleOutput", InstanceId=instance_id, **more).get("Output", ""))
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        return text


CHECKS = [
    ("system", "SystemStatus"),
    ("instance", "InstanceStatus"),
    ("attached-ebs", "AttachedEbsStatus"),
]


@pytest.mark.parametrize(("check", "member"), CHECKS)
def test_a_failing_check_is_impaired_since_then(world: World, check: str, member: str) -> None:
    (instance_id,) = world.launch()
    world.wait(600)
    world.ec2.impair(instance_id, check)
    failed, since = status_of(world, instance_id), world.now
    world.wait(60)
    assert failed[member]["Status"] == "impaired"
    assert failed[member]["Details"] == [{"Name": "reachability", "Status": "failed", "ImpairedSince": since}]
    others = {name for _, name in CHECKS} - {member}
    assert {failed[name]["Status"] for name in others} == {"ok"}
    world.ec2.mend(instance_id, check)
    assert status_of(world, instance_id)[member]["Status"] == "ok"


def test_a_status_is_found_by_the_filters_of_its_own_call(world: World) -> None:
    here, there = ids_of(world.fleet(an_override(zone="a"))), ids_of(world.fleet(an_override(zone="b")))
    world.wait(600)
    assert found(world, "availability-zone", f"{REGION}b") == there
    assert sorted(found(world, "instance-status.status", "ok")) == sorted(here + there)
    assert found(world, "system-status.reachability", "failed") == []
    world.call("StopInstances", InstanceIds=here)
    assert found(world, "instance-state-name", "stopped", IncludeAllInstances=True) == here
    assert found(world, "instance-state-name", "stopped") == []
    wrong = [{"Name": "tag:Name", "Values": ["x"]}]
    assert world.refused("DescribeInstanceStatus", Filters=wrong) == "InvalidParameterValue"


def test_statuses_come_in_pages(world: World) -> None:
    launched = world.launch(7)
    first = world.call("DescribeInstanceStatus", MaxResults=5)
    second = world.call("DescribeInstanceStatus", MaxResults=5, NextToken=first["NextToken"])
    both = [s["InstanceId"] for page in (first, second) for s in page["InstanceStatuses"]]
    assert both == launched
    assert len(first["InstanceStatuses"]) == 5


def test_a_question_for_statuses_names_at_most_100(world: World) -> None:
    ids = world.launch(101)
    assert len(world.call("DescribeInstanceStatus", InstanceIds=ids[:100])["InstanceStatuses"]) == 100
    assert world.refused("DescribeInstanceStatus", InstanceIds=ids) == "InvalidParameterValue"


@pytest.mark.parametrize(
    ("code", "state"),
    [
        ("instance-stop", "stopped"),
        ("instance-retirement", "stopped"),
        ("system-reboot", "running"),
        ("instance-reboot", "running"),
        ("system-maintenance", "running"),
    ],
)
def test_a_scheduled_event_is_announced_and_then_happens(world: World, code: str, state: str) -> None:
    instance_id, other = world.launch(2)
    moment = world.now + timedelta(days=1)
    event_id = world.ec2.schedule_event(instance_id, code, moment)
    (event,) = status_of(world, instance_id)["Events"]
    assert (event["Code"], event["NotBefore"], event["InstanceEventId"]) == (code, moment, event_id)
    assert found(world, "event.code", code) == [instance_id]
    world.wait(86399)
    assert world.state_of(instance_id) == "running"
    world.wait(2)
    assert [world.state_of(i) for i in (instance_id, other)] == [state, "running"]
    after = status_of(world, instance_id)
    assert after["Events"][0]["Description"].startswith("[Completed] ")
    begins_anew = after["InstanceStatus"]["Status"] == "initializing"
    assert begins_anew == code.endswith("reboot")


def test_a_retired_spot_instance_is_terminated(world: World) -> None:
    (instance_id,) = world.launch(market="spot")
    world.ec2.schedule_event(instance_id, "instance-retirement", world.now + timedelta(hours=1))
    world.wait(3601)
    assert world.state_of(instance_id) == "terminated"


def test_a_start_leaves_the_old_hardware_behind(world: World) -> None:
    (instance_id,) = world.launch()
    world.ec2.schedule_event(instance_id, "instance-retirement", world.now + timedelta(hours=1))
    world.ec2.impair(instance_id)
    world.call("StopInstances", InstanceIds=[instance_id])
    world.call("StartInstances", InstanceIds=[instance_id])
    world.wait(7200)
    status = status_of(world, instance_id)
    assert (status["InstanceState"]["Name"], status["SystemStatus"]["Status"]) == ("running", "ok")
    assert "Events" not in status


def test_console_output_is_empty_until_it_is_posted_after_the_boot() -> None:
    calm = {"visibility": (0, 0), "tag_visibility": (0, 0), "state_visibility": (0, 0), "throttled": False}
    world = World(timing=Timing(pending=(5, 5), console=(60, 60), **calm))  # type: ignore[arg-type]
    (instance_id,) = ids_of(world.fleet())
    world.wait(10)
    world.ec2.write_console(instance_id, "Flatcar!\n")
    assert console(world, instance_id) == ""
    world.wait(55)
    world.ec2.write_console(instance_id, "login:\n")
    assert console(world, instance_id) == "Flatcar!\n"


def test_the_console_remembers_its_last_64_kb(world: World) -> None:
    (instance_id,) = world.launch()
    world.ec2.write_console(instance_id, "x" * 70_000 + "end!\n")
    world.call("RebootInstances", InstanceIds=[instance_id])
    world.ec2.advance()
    assert console(world, instance_id) == "x" * (64 * 1024 - 5) + "end!\n"
    assert world.refused("GetConsoleOutput", InstanceId=instance_id, Latest=True) == "UnsupportedOperation"
