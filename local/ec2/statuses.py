"""DescribeInstanceStatus: three checks, the events that AWS has scheduled, filters of its own; and the console.

A check is ``initializing`` for two minutes after each boot, then ``ok``, unless it is impaired.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from local.ec2.catalogue import instance_types
from local.ec2.errors import Ec2Error, invalid_value
from local.ec2.filters import Fields
from local.ec2.instance import Instance, Scheduled
from local.ec2.instances import FIELDS, find_instances, page_of
from local.ec2.life import BY_FAILURE, end
from local.ec2.paging import Limits
from local.ec2.pause import BY_SCHEDULE, reboot, stop
from local.ec2.state import Answer, Call, State
from local.ec2.world import zone_id

PAGES = Limits(lowest=5, highest=1000, default=1000)
LARGEST_QUESTION = 100
"""Instance ids in one request. Source: EC2 API reference, DescribeInstanceStatus."""

INITIALIZING = timedelta(minutes=2)
CHECKS = {"instance": "InstanceStatus", "system": "SystemStatus", "attached-ebs": "AttachedEbsStatus"}
CODES = ("instance-reboot", "system-reboot", "system-maintenance", "instance-retirement", "instance-stop")
CONSOLE_BYTES = 64 * 1024
"""What the console remembers. Source: EC2 user guide, "Instance console output"."""

_DETAIL = {"ok": "passed", "impaired": "failed", "initializing": "initializing"}
_COMPLETED = "[Completed] "
_OF_INSTANCES = ("availability-zone", "instance-state-name", "instance-state-code")


def describe_instance_status(call: Call) -> Answer:
    """List the health of running instances (IncludeAllInstances: of all)."""
    everything, ids = call.get("IncludeAllInstances", False), call.get("InstanceIds", ())
    if len(ids) > LARGEST_QUESTION:
        raise invalid_value("InstanceIds", len(ids), f"At most {LARGEST_QUESTION} in one request.")
    found, token = page_of(
        call, PAGES, _fields(call.now), lambda i: everything or i.state == "running", tags=False
    )
    return {"InstanceStatuses": [_member(call, i) for i in found], **token}


def _fields(now: datetime) -> Fields[Instance]:
    checks: dict[str, Any] = {}
    for check in CHECKS:
        checks[f"{check}-status.status"] = lambda i, c=check: [_status(i, c, now)]
        checks[f"{check}-status.reachability"] = lambda i, c=check: _reachability(i, c, now)
    return {
        **{name: FIELDS[name] for name in _OF_INSTANCES},
        "availability-zone-id": lambda i: [zone_id(i.pool.zone)],
        "event.code": lambda i: [event.code for event in i.scheduled.values()],
        "event.description": lambda i: [event.description for event in i.scheduled.values()],
        "event.instance-event-id": lambda i: i.scheduled,
        "event.not-before": lambda i: _times(event.not_before for event in i.scheduled.values()),
        "event.not-after": lambda i: _times(event.not_after for event in i.scheduled.values()),
        **checks,
    }


def _times(moments: Iterable[datetime | None]) -> Iterator[str]:
    return (moment.strftime("%Y-%m-%dT%H:%M:%S.000Z") for moment in moments if moment is not None)


def _status(instance: Instance, check: str, now: datetime) -> str:
    if instance.state != "running":
        return "not-applicable"
    if check in instance.impaired:
        return "impaired"
    return "ok" if now - instance.booted_at >= INITIALIZING else "initializing"


def _reachability(instance: Instance, check: str, now: datetime) -> list[str]:
    status = _status(instance, check, now)
    return [_DETAIL[status]] if status in _DETAIL else []


def _member(call: Call, instance: Instance) -> dict[str, Any]:
    checks: dict[str, Any] = {}
    for check, name in CHECKS.items():
        since = {"ImpairedSince": instance.impaired[check]} if check in instance.impaired else {}
        reached = _reachability(instance, check, call.now)
        details = [{"Name": "reachability", "Status": one, **since} for one in reached]
        checks[name] = {"Status": _status(instance, check, call.now), "Details": details}
    events = [_event(event_id, event) for event_id, event in instance.scheduled.items()]
    return {
        "InstanceId": instance.instance_id,
        "AvailabilityZone": instance.pool.zone,
        "AvailabilityZoneId": zone_id(instance.pool.zone),
        "InstanceState": instance.state_member(),
        **checks,
        **({"Events": events} if events else {}),
    }


def _event(event_id: str, event: Scheduled) -> dict[str, Any]:
    members = {
        "InstanceEventId": event_id,
        "Code": event.code,
        "Description": event.description,
        "NotBefore": event.not_before,
    }
    return members | ({"NotAfter": event.not_after} if event.not_after else {})


def impair(state: State, instance: Instance, check: str, since: datetime | None) -> None:
    """Let a check of an instance fail since then, or pass again (None)."""
    if check not in CHECKS:
        raise ValueError(f"no status check {check!r}")
    others: Mapping[str, datetime] = {k: v for k, v in instance.impaired.items() if k != check}
    state.put_instance(replace(instance, impaired={**others, **({check: since} if since else {})}))


def schedule(state: State, instance: Instance, event: Scheduled) -> str:
    """Plan what AWS will do to an instance, and return the event's id."""
    if event.code not in CODES:
        raise ValueError(f"no event code {event.code!r}")
    event_id = state.chance.id("instance-event")
    state.put_instance(replace(instance, scheduled={**instance.scheduled, event_id: event}))
    state.agenda.at(event.not_before, lambda when: _happen(state, instance.instance_id, event_id, when))
    return event_id


def _happen(state: State, instance_id: str, event_id: str, when: datetime) -> None:
    """Do what was scheduled, unless the instance has moved to other hardware or ended since."""
    instance = state.instances.get(instance_id)
    if instance is None or not instance.alive or (event := instance.scheduled.get(event_id)) is None:
        return
    done = replace(event, description=f"{_COMPLETED}{event.description}")
    state.put_instance(replace(instance, scheduled={**instance.scheduled, event_id: done}))
    stoppable = instance.birth["RootDeviceType"] == "ebs" and instance.pool.market != "spot"
    if event.code.endswith("reboot"):
        reboot(state, instance_id, when)
    elif event.code != "system-maintenance" and stoppable:
        stop(state, instance_id, when, BY_SCHEDULE)
    elif event.code != "system-maintenance":
        end(state, instance_id, when, BY_FAILURE)


def get_console_output(call: Call) -> Answer:
    """GetConsoleOutput in base64: what was posted after the last boot or stop, with Latest what is there now."""
    (instance,) = find_instances(call, [call.need("InstanceId")])
    posted_at, text = instance.posted or (instance.launched_at, "")
    if call.get("Latest"):
        if instance_types()[instance.pool.instance_type].row["hypervisor"] != "nitro":
            message = "This instance type does not support retrieving the latest console output."
            raise Ec2Error("UnsupportedOperation", message)
        posted_at, text = call.now, instance.console
    output = base64.b64encode(text.encode()[-CONSOLE_BYTES:]).decode()
    return {"InstanceId": instance.instance_id, "Timestamp": posted_at, "Output": output}


OPERATIONS = {
    "DescribeInstanceStatus": describe_instance_status,
    "GetConsoleOutput": get_console_output,
}
