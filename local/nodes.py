"""Simulated machines: they report as the node agent does, and can be interrupted or die.

A report is sent with the credentials of the machine itself, so that its ``SenderId`` is the node role and
the instance id. With ``auto``, a machine of a pool that has the agent reports once when EC2 says that it runs;
every other report is asked for through ``/_local/nodes``.
"""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import uuid4

from local.identity import Principals


class Nodes:
    """The agents of all machines."""

    def __init__(
        self,
        *,
        send: Callable[[str, str], None],
        principals: Principals,
        role: Callable[[], tuple[str, str]],
        now: Callable[[], datetime],
    ) -> None:
        self._send = send
        self._principals = principals
        self._role = role
        self._now = now
        self._sequence: defaultdict[str, int] = defaultdict(int)
        self._boots: defaultdict[str, str] = defaultdict(lambda: str(uuid4()))
        self._lock = threading.Lock()

    def report(self, instance_id: str, given: dict[str, Any] | None = None) -> dict[str, Any]:
        """Send a report of *instance_id* with *given* on top of a healthy, idle machine's; return it."""
        with self._lock:
            self._sequence[instance_id] += 1
            sequence, boot = self._sequence[instance_id], self._boots[instance_id]
        report = {
            "version": 1,
            "instance_id": instance_id,
            "boot_id": boot,
            "sequence": sequence,
            "at": self._now().strftime("%Y-%m-%dT%H:%M:%SZ"),
            "agent": "1.0",
            "uptime_seconds": 30 * sequence,
            "busy": False,
            "memory": {"total_mib": 8192, "available_mib": 7680},
            "filesystems": [],
            "notices": [],
        } | (given or {})
        role_id, role_name = self._role()
        self._send(json.dumps(report), self._principals.role(role_id, role_name, instance_id))
        return report

    def boot(self, has_agent: Callable[[str], bool], event: dict[str, Any]) -> None:
        """Report for a machine that now runs and has the agent, on a thread of its own as machines do."""
        detail = event["detail"]
        if detail.get("state") == "running":
            machine = detail["instance-id"]
            threading.Thread(target=lambda: has_agent(machine) and self.report(machine), daemon=True).start()

    def fill_disk(self, instance_id: str, percent: float, *, total_bytes: int = 50 * 2**30) -> dict[str, Any]:
        """Report the data filesystem as *percent* full."""
        used = int(total_bytes * percent / 100)
        data = {
            "mount": "/mnt/data",
            "device": "/dev/nvme1n1",
            "serials": [],
            "type": "xfs",
            "total_bytes": total_bytes,
            "used_bytes": used,
            "available_bytes": total_bytes - used,
            "inodes": 26_214_400,
            "inodes_used": 1_000,
            "device_bytes": total_bytes,
        }
        return self.report(instance_id, {"filesystems": [data]})
