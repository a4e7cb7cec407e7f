"""One simulated machine as its agent would report it: boot, work, disks that fill, notices, silence and lies.

Pure: time comes as an argument, chance from a seed. A machine does nothing by itself but age: what it works, how fast
its disk fills, when it is silent and what it lies about is told to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random
from typing import Any, NamedTuple
from uuid import UUID

GIB = 2**30
BOOT_SECONDS = (15.0, 45.0)
REPORT_SECONDS = 60.0
ROOT, DATA = "/", "/mnt/data"
_INODES_PER_GIB = 524_288


class Volume(NamedTuple):
    """An attached EBS volume as the kernel sees it."""

    volume_id: str
    size_gib: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """A filesystem on a whole volume; the agent grows it to the volume's size when it reports."""

    mount: str
    volume: Volume
    used_bytes: int
    gib_per_hour: float = 0.0

    def after(self, passed: timedelta, volume: Volume) -> Disk:
        """Return it after some time of filling, on what its volume is by then."""
        more = int(self.gib_per_hour * GIB * passed.total_seconds() / 3600)
        used = max(0, min(volume.size_gib * GIB, self.used_bytes + more))
        return replace(self, volume=volume, used_bytes=used)

    def filesystem(self, number: int) -> dict[str, Any]:
        """Return it as a report has it."""
        total = self.volume.size_gib * GIB
        return {
            "mount": self.mount,
            "device": f"/dev/nvme{number}n1",
            "serials": [self.volume.volume_id.replace("-", "")],
            "type": "ext4" if self.mount == ROOT else "xfs",
            "total_bytes": total,
            "used_bytes": self.used_bytes,
            "available_bytes": total - self.used_bytes,
            "inodes": self.volume.size_gib * _INODES_PER_GIB,
            "inodes_used": 1_000,
            "device_bytes": total,
        }


@dataclass(slots=True, kw_only=True)
class Machine:
    """A machine that runs since *running_at*."""

    instance_id: str
    seed: int
    running_at: datetime
    memory_mib: int = 8192
    used_mib: int = 512
    busy: bool = False
    silent_until: datetime | None = None
    lies: dict[str, Any] = field(default_factory=dict)
    notices: list[dict[str, str]] = field(default_factory=list)
    disks: dict[str, Disk] = field(default_factory=dict)
    sequence: int = 0
    _seen_at: datetime | None = None

    @property
    def boots_at(self) -> datetime:
        """When its agent speaks for the first time."""
        return self.running_at + timedelta(seconds=self._dice().uniform(*BOOT_SECONDS))

    @property
    def boot_id(self) -> str:
        """The kernel's id of this boot."""
        return str(UUID(int=self._dice().getrandbits(128), version=4))

    def _dice(self) -> Random:
        return Random(f"{self.seed} {self.instance_id} {self.running_at.isoformat()}")

    def next_report(self, now: datetime) -> datetime:
        """Return when it reports again after *now*."""
        return max(self.boots_at, now + timedelta(seconds=REPORT_SECONDS))

    def is_silent(self, now: datetime) -> bool:
        """Say whether its agent hangs."""
        return self.silent_until is not None and now < self.silent_until

    def report(
        self, now: datetime, volumes: Iterable[Volume], given: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return its next report: the truth, over it its lies, over them what is *given* for this once."""
        self.sequence += 1
        self.look(now, volumes)
        return {
            "version": 1,
            "instance_id": self.instance_id,
            "boot_id": self.boot_id,
            "sequence": self.sequence,
            "at": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "agent": "1.0",
            "uptime_seconds": max(0, int((now - self.running_at).total_seconds())),
            "busy": self.busy,
            "memory": {"total_mib": self.memory_mib, "available_mib": self.memory_mib - self.used_mib},
            "filesystems": [disk.filesystem(number) for number, disk in enumerate(self.disks.values())],
            "notices": list(self.notices),
            **self.lies,
            **(given or {}),
        }

    def look(self, now: datetime, volumes: Iterable[Volume]) -> None:
        """Let the disks be what they are by *now*; the first volume is the root, the others hold data."""
        passed = now - (self._seen_at or now)
        before, self.disks, self._seen_at = self.disks, {}, now
        for number, volume in enumerate(volumes):
            mount = ROOT if number == 0 else DATA if number == 1 else f"{DATA}{number}"
            disk = before.get(mount) or Disk(mount=mount, volume=volume, used_bytes=GIB)
            self.disks[mount] = disk.after(passed, volume)

    def fill(self, mount: str, *, percent: float | None = None, gib_per_hour: float | None = None) -> None:
        """Let a filesystem be *percent* full, or fill at a rate from now on; KeyError if it has none such."""
        if mount not in self.disks:
            raise KeyError(f"{self.instance_id} has no {mount}, only {', '.join(self.disks) or 'no disks'}")
        disk = self.disks[mount]
        if percent is not None:
            disk = replace(disk, used_bytes=int(disk.volume.size_gib * GIB * percent / 100))
        if gib_per_hour is not None:
            disk = replace(disk, gib_per_hour=gib_per_hour)
        self.disks[mount] = disk
