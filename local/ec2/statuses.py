"""DescribeInstanceStatus: three checks, the events that AWS has scheduled, filters of its own; and the console.

A check is ``initializing`` for two minutes after each boot, then ``ok``, unless it is impaired.
"""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from local.ec2.instance import Instance, Scheduled
from local.ec2.instances import the_instance
from local.ec2.kinds import INSTANCE
from local.ec2.life import BY_FAILURE, BY_SCHEDULE, end, reboot, stop
from local.ec2.listing import Listing
from local.ec2.paging import Member
from local.ec2.state import Answer, Call, Operation, State
from local.ec2.world import zone_id

INITIALIZING = timedelta(minutes=2)
CHECKS = {"instance": "InstanceStatus", "system": "SystemStatus", "attached-ebs": "AttachedEbsStatus"}
CODES = ("instance-reboot", "system-reboot", "system-maintenance", "instance-retirement", "instance-stop")
CONSOLE_BYTES = 64 * 1024
"""What the console remembers. Source: EC2 user guide, "Instance console output"."""

_DETAIL = {"ok": "passed", "impaired": "failed", "initializing": "initializing"}
_COMPLETED = "[Completed] "


def _shown(call: Call, instance: Instance) -> Member | None:
    """Return the health of a running instance (IncludeAllInstances: of any)."""
    seen, zone = call.state.shown(instance), instance.pool.zone
    if seen.state != "running" and not call.get("IncludeAllInstances"):
        return None
    events = [_event(event_id, event) for event_id, event in seen.scheduled.items()]
    return {
        "InstanceId": seen.instance_id,
        "AvailabilityZone": zone,
        "AvailabilityZoneId": zone_id(zone),
        "InstanceState": seen.state_member(),
        **{name: _check(seen, check, call.now) for check, name in CHECKS.items()},
        **({"Events": events} if events else {}),
    }


def _check(instance: Instance, check: str, now: datetime) -> Member:
    status = _status(instance, check, now)
    since = {"ImpairedSince": instance.impaired[check]} if check in instance.impaired else {}
    details = [{"Name": "reachability", "Status": _DETAIL[status], **since}] if status in _DETAIL else []
    return {"Status": status, "Details": details}


def _status(instance: Instance, check: str, now: datetime) -> str:
    if instance.state != "running":
        return "not-applicable"
    if check in instance.impaired:
        return "impaired"
    return "ok" if now - instance.booted_at >= INITIALIZING else "initializing"


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
    others = {k: v for k, v in instance.impaired.items() if k != check}
    state.put_instance(replace(instance, impaired=others | ({check: since} if since else {})))


def schedule(state: State, instance: Instance, event: Scheduled) -> str:
    """Plan what AWS will do to an instance, and return the event's id."""
    if event.code not in CODES:
        raise ValueError(f"no event code {event.code!r}")
    event_id = state.chance.id("instance-event")
    state.put_instance(replace(instance, scheduled={**instance.scheduled, event_id: event}))
    state.agenda.at(event.not_before, lambda _: _happen(state, instance.instance_id, event_id))
    return event_id


def _happen(state: State, instance_id: str, event_id: str) -> None:
    """Do what was scheduled, unless the instance has moved to other hardware or ended since."""
    instance = state.instances.get(instance_id)
    if instance is None or not instance.alive or (event := instance.scheduled.get(event_id)) is None:
        return
    done = replace(event, description=f"{_COMPLETED}{event.description}")
    state.put_instance(replace(instance, scheduled={**instance.scheduled, event_id: done}))
    if event.code.endswith("reboot"):
        reboot(state, instance_id)
    elif event.code != "system-maintenance" and instance.stoppable:
        stop(state, instance_id, BY_SCHEDULE)
    elif event.code != "system-maintenance":
        end(state, instance_id, BY_FAILURE)


def get_console_output(call: Call) -> Answer:
    """GetConsoleOutput in base64: what was posted after the last boot or stop."""
    instance = the_instance(call)
    posted_at, text = instance.posted or (instance.launched_at, "")
    output = base64.b64encode(text.encode()[-CONSOLE_BYTES:]).decode()
    return {"InstanceId": instance.instance_id, "Timestamp": posted_at, "Output": output}


OPERATIONS: dict[str, Operation] = {
    "DescribeInstanceStatus": Listing[Instance](
        member="InstanceStatuses",
        store=lambda call: call.state.instances,
        show=_shown,
        kind=INSTANCE,
        alone=True,
        order=lambda i: i.sequence,
        tagged=False,
        filters="availability-zone availability-zone-id instance-state-name=InstanceState.Name"
        " instance-state-code=InstanceState.Code event.code=Events.Code event.description=Events.Description"
        " event.instance-event-id=Events.InstanceEventId event.not-before=Events.NotBefore"
        " event.not-after=Events.NotAfter instance-status.status=InstanceStatus.Status"
        " instance-status.reachability=InstanceStatus.Details.Status system-status.status=SystemStatus.Status"
        " system-status.reachability=SystemStatus.Details.Status"
        " attached-ebs-status.status=AttachedEbsStatus.Status"
        " attached-ebs-status.reachability=AttachedEbsStatus.Details.Status",
    ),
    "GetConsoleOutput": get_console_output,
}
