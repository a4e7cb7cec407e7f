"""An instance as a value: what was decided at birth, and the little that changes later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
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
class Scheduled:
    """Something that AWS will do to an instance at *not_before*."""

    code: str
    description: str
    not_before: datetime
    not_after: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One instance; *birth* holds the members of EC2's Instance that seldom change, the tag store its tags.

    *public*: it gets a public address at each start. *impaired*: its failed checks, with their beginning.
    *posted*: the console output that shows without ``Latest``, and since when.
    """

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
    stop_protected: bool
    public: bool
    booted_at: datetime
    impaired: Mapping[str, datetime] = field(default_factory=dict)
    scheduled: Mapping[str, Scheduled] = field(default_factory=dict)
    console: str = ""
    posted: tuple[datetime, str] | None = None
    state: str = "pending"
    state_reason: tuple[str, str] | None = None
    transition_reason: str = ""

    @property
    def alive(self) -> bool:
        """Whether it has not begun to end."""
        return self.state not in {"shutting-down", "terminated"}

    @property
    def saved(self) -> bool:
        """Whether the API may not terminate it: stop protection does that, too.

        Source: EC2 user guide, "Enable stop protection for your EC2 instances".
        """
        return self.protected or self.stop_protected

    def moved(self, state: str, reason: tuple[str, str] | None = None, transition: str = "") -> Instance:
        """Return it in *state*, with the reasons that EC2 shows."""
        return replace(
            self,
            state=state,
            state_reason=reason or self.state_reason,
            transition_reason=transition or self.transition_reason,
        )

    def as_in(self, past: Instance) -> Instance:
        """Return it in the state that it had in the *past*."""
        return replace(
            self,
            state=past.state,
            state_reason=past.state_reason,
            transition_reason=past.transition_reason,
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
