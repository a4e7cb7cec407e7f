"""EBS volumes and snapshots as values: what they are, where they are attached, how they were modified."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What ModifyVolume can change. *iops* is None where EC2 shows none, *throughput_mibps* but for gp3."""

    volume_type: str
    size_gib: int
    iops: int | None
    throughput_mibps: int | None
    multi_attach: bool = False

    def members(self, prefix: str = "") -> dict[str, Any]:
        """Return it as EC2 writes it, each name after *prefix*."""
        values = {
            "Size": self.size_gib,
            "VolumeType": self.volume_type,
            "Iops": self.iops,
            "Throughput": self.throughput_mibps,
            "MultiAttachEnabled": self.multi_attach,
        }
        return {f"{prefix}{name}": value for name, value in values.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A volume at an instance: ``attaching``, ``attached``, ``detaching``, or ``busy`` while it is held."""

    instance_id: str
    device: str
    state: str
    attached_at: datetime
    delete_on_termination: bool


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
    """One EBS volume; *state* is ``creating``, ``available`` or ``deleting``: attachments make it in-use."""

    volume_id: str
    sequence: int
    zone: str
    shape: Shape
    encrypted: bool
    kms_key: str
    snapshot_id: str
    created_at: datetime
    visible_at: datetime
    state: str = "available"
    attachments: tuple[Attachment, ...] = ()
    modifications: tuple[Modification, ...] = ()

    @property
    def status(self) -> str:
        """The state that EC2 shows."""
        return "in-use" if self.attachments else self.state

    @property
    def claim(self) -> Shape:
        """The shape that the quota counts: the target from the moment that a modification is accepted."""
        last = self.modifications[-1] if self.modifications else None
        return last.target if last and last.state == "modifying" else self.shape

    def at(self, instance_id: str) -> Attachment | None:
        """Return its attachment to an instance, if it has one."""
        return next((a for a in self.attachments if a.instance_id == instance_id), None)

    def attach(self, attachment: Attachment) -> Volume:
        """Return it with *attachment*, in place of one to the same instance."""
        return replace(self, attachments=(*self.detach(attachment.instance_id).attachments, attachment))

    def detach(self, instance_id: str) -> Volume:
        """Return it without its attachment to an instance."""
        return replace(self, attachments=tuple(a for a in self.attachments if a.instance_id != instance_id))


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
    visible_at: datetime
    completes_at: datetime
    state: str = "pending"
    doomed: bool = False
