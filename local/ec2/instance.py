"""An instance and a volume as values: what was decided at birth, and the little that changes later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from local.ec2.capacity import Pool
from local.ec2.world import zone_id

STATE_CODES = {
    "pending": 0,
    "running": 16,
    "shutting-down": 32,
    "terminated": 48,
    "stopping": 64,
    "stopped": 80,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One instance; *birth* holds the members of EC2's Instance that never change, the tag store its tags."""

    instance_id: str
    sequence: int
    reservation_id: str
    fleet_id: str
    client_token: str
    pool: Pool
    image_id: str
    subnet_id: str
    private_ip: str
    launched_at: datetime
    visible_at: datetime
    birth: Mapping[str, Any]
    volume_ids: tuple[str, ...]
    group_ids: tuple[str, ...]
    user_data: str
    shutdown_behavior: str
    protected: bool
    state: str = "pending"
    state_reason: tuple[str, str] | None = None
    transition_reason: str = ""

    @property
    def alive(self) -> bool:
        """Whether it has not begun to end."""
        return self.state not in {"shutting-down", "terminated"}

    def moved(self, state: str, reason: tuple[str, str] | None = None, transition: str = "") -> Instance:
        """Return it in *state*, with the reasons that EC2 shows."""
        return replace(
            self,
            state=state,
            state_reason=reason or self.state_reason,
            transition_reason=transition or self.transition_reason,
        )

    def state_member(self) -> dict[str, Any]:
        """Return its state as EC2 writes it."""
        return {"Code": STATE_CODES[self.state], "Name": self.state}

    def placement(self) -> dict[str, str]:
        """Return where it runs."""
        zone = self.pool.zone
        return {
            "AvailabilityZone": zone,
            "AvailabilityZoneId": zone_id(zone),
            "GroupName": "",
            "Tenancy": "default",
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """One EBS volume that was made with its instance."""

    volume_id: str
    sequence: int
    instance_id: str
    device: str
    zone: str
    size_gib: int
    volume_type: str
    iops: int | None
    throughput_mibps: int | None
    encrypted: bool
    delete_on_termination: bool
    snapshot_id: str
    created_at: datetime
    visible_at: datetime
    attached: bool = True
