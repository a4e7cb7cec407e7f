"""The machines' agents: they report in their own name, on their own time, and do what they are told to.

A report is sent with the credentials of the machine itself, so that its ``SenderId`` is the node role and the
instance id. With ``auto``, a machine of a pool that has the agent boots when EC2 says that it runs, and then reports
every minute until it ends; with ``manual`` it reports only when told.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from local.ec2.agenda import Agenda
from local.identity import Principals
from local.machine import DATA, Machine, Volume

SPOT_NOTICE = timedelta(minutes=2)
NOTICES = {
    "EC2 Spot Instance Interruption Warning": "spot",
    "EC2 Instance Rebalance Recommendation": "rebalance",
}
NEVER = timedelta(days=3650)


class Nodes:
    """The agents of all machines."""

    def __init__(
        self,
        *,
        send: Callable[[str, str], None],
        principals: Principals,
        role: Callable[[], tuple[str, str]],
        now: Callable[[], datetime],
        volumes: Callable[[str], Sequence[Volume]],
        has_agent: Callable[[str], bool] | None = None,
        seed: int = 0,
    ) -> None:
        """Without *has_agent* no machine reports by itself."""
        self._send = send
        self._principals = principals
        self._role = role
        self._now = now
        self._volumes = volumes
        self._has_agent = has_agent
        self._seed = seed
        self._machines: dict[str, Machine] = {}
        self._agenda = Agenda()
        self._lock = threading.RLock()

    def hear(self, event: dict[str, Any]) -> None:
        """Take an event of EC2: a machine that runs boots, one that is warned will say so, one that ends is gone.

        Nothing is sent here: events come while EC2 is locked.
        """
        detail, at = event["detail"], datetime.fromisoformat(event["time"])
        instance_id, kind = detail.get("instance-id"), event["detail-type"]
        with self._lock:
            if detail.get("state") == "running":
                machine = Machine(instance_id=instance_id, seed=self._seed, running_at=at)
                self._machines[instance_id] = machine
                self._agenda.at(machine.boots_at, lambda when: self._speak(machine, when))
            elif "state" in detail and detail["state"] != "pending":
                self._machines.pop(instance_id, None)
            elif kind in NOTICES and instance_id in self._machines:
                ends_at = at + (SPOT_NOTICE if NOTICES[kind] == "spot" else timedelta(0))
                notice = {"kind": NOTICES[kind], "action_at": ends_at.strftime("%Y-%m-%dT%H:%M:%SZ")}
                machine = self._machines[instance_id]
                machine.notices.append(notice)
                self._agenda.at(at, lambda when: self._say(machine, when))

    def run(self, now: datetime) -> datetime | None:
        """Send what is due; return when the next report is."""
        with self._lock:
            self._agenda.run(now)
            return self._agenda.next_due()

    def _speak(self, machine: Machine, when: datetime) -> None:
        """Report, and again in a minute, for as long as the machine runs and its pool has the agent."""
        if self._reports(machine):
            self._say(machine, when)
            self._agenda.at(machine.next_report(when), lambda then: self._speak(machine, then))

    def _reports(self, machine: Machine) -> bool:
        runs = self._machines.get(machine.instance_id) is machine
        return runs and self._has_agent is not None and self._has_agent(machine.instance_id)

    def _say(self, machine: Machine, when: datetime) -> None:
        if self._reports(machine) and not machine.is_silent(when):
            self._post(machine.report(when, self._volumes(machine.instance_id)), machine.instance_id)

    def machine(self, instance_id: str) -> Machine:
        """Return the machine of an instance, to be told what to do."""
        with self._lock:
            if instance_id not in self._machines:
                new = Machine(instance_id=instance_id, seed=self._seed, running_at=self._now())
                self._machines[instance_id] = new
            machine = self._machines[instance_id]
            machine.look(self._now(), self._volumes(instance_id))
            return machine

    def report(self, instance_id: str, given: dict[str, Any] | None = None) -> dict[str, Any]:
        """Send a report of *instance_id* now, with *given* on top of what it would say; return it."""
        with self._lock:
            machine = self.machine(instance_id)
            report = machine.report(self._now(), self._volumes(instance_id), given)
        self._post(report, instance_id)
        return report

    def fill_disk(
        self,
        instance_id: str,
        *,
        mount: str = DATA,
        percent: float | None = None,
        gib_per_hour: float | None = None,
    ) -> dict[str, Any]:
        """Let a filesystem be *percent* full or fill at a rate, and report at once."""
        with self._lock:
            self.machine(instance_id).fill(mount, percent=percent, gib_per_hour=gib_per_hour)
        return self.report(instance_id)

    def silence(self, instance_id: str, seconds: float | None) -> None:
        """Let the agent hang for some seconds, or for ever."""
        with self._lock:
            for_how_long = NEVER if seconds is None else timedelta(seconds=seconds)
            self.machine(instance_id).silent_until = self._now() + for_how_long

    def _post(self, report: dict[str, Any], instance_id: str) -> None:
        role_id, role_name = self._role()
        self._send(json.dumps(report), self._principals.role(role_id, role_name, instance_id))
