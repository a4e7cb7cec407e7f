"""EBS volumes and snapshots as values: what they are, where they are attached, how they were modified."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What ModifyVolume can change. *iops* is None where EC2 shows none, *throughput_mibps* but for gp3."""

    volume_type: str
    size_gib: int
    iops: int | None
    throughput_mibps: int | None

    def members(self, prefix: str = "") -> dict[str, Any]:
        """Return it as EC2 writes it, each name after *prefix*."""
        values = {
            "Size": self.size_gib,
            "VolumeType": self.volume_type,
            "Iops": self.iops,
            "Throughput": self.throughput_mibps,
            "MultiAttachEnabled": False,
        }
        return {f"{prefix}{name}": value for name, value in values.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """What a new volume is to be."""

    shape: Shape
    encrypted: bool
    kms_key: str
    snapshot_id: str
    delete_on_termination: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A volume at an instance: ``attaching``, ``attached`` or ``detaching``."""

    instance_id: str
    device: str
    state: str
    attached_at: datetime
    delete_on_termination: bool

    def members(self, volume_id: str) -> dict[str, Any]:
        """Return it as EC2 shows it at the volume."""
        return {
            "VolumeId": volume_id,
            "InstanceId": self.instance_id,
            "Device": self.device,
            "State": self.state,
            "AttachTime": self.attached_at,
            "DeleteOnTermination": self.delete_on_termination,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Modification:
    """One accepted ModifyVolume: ``modifying``, ``optimizing``, then ``completed``; or ``failed``."""

    original: Shape
    target: Shape
    started_at: datetime
    visible_at: datetime
    state: str = "modifying"
    optimizing_at: datetime | None = None
    completes_at: datetime | None = None
    ended_at: datetime | None = None
    message: str = ""

    @property
    def running(self) -> bool:
        """Whether it bars the next one."""
        return self.state in {"modifying", "optimizing"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """One EBS volume; *state* is ``creating``, ``available`` or ``deleting``: an attachment makes it in-use."""

    volume_id: str
    sequence: int
    zone: str
    shape: Shape
    encrypted: bool
    kms_key: str
    snapshot_id: str
    created_at: datetime
    state: str = "available"
    attachment: Attachment | None = None
    modifications: tuple[Modification, ...] = ()

    @property
    def last(self) -> Modification | None:
        """The newest modification."""
        return self.modifications[-1] if self.modifications else None

    @property
    def claim(self) -> Shape:
        """The shape that the quota counts: the target from the moment that a modification is accepted."""
        return self.last.target if self.last and self.last.state == "modifying" else self.shape


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One snapshot; *doomed* is one that was deleted before it was complete."""

    snapshot_id: str
    sequence: int
    volume_id: str
    size_gib: int
    encrypted: bool
    kms_key: str
    description: str
    started_at: datetime
    completes_at: datetime
    state: str = "pending"
    doomed: bool = False


def percent(begun: datetime | None, ends: datetime | None, now: datetime) -> int:
    """Return how far something is that takes from *begun* to *ends*: never quite there."""
    if begun is None or ends is None:
        return 0
    return min(99, int(100 * ((now - begun) / (ends - begun)))) if ends > begun else 99
