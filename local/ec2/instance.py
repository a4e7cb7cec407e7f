"""An instance as a value: what was decided at birth, and the little that changes later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from local.ec2.capacity import Pool

STATE_CODES = {
    "pending": 0,
    "running": 16,
    "shutting-down": 32,
    "terminated": 48,
    "stopping": 64,
    "stopped": 80,
}
Reason = tuple[str, str]
"""The code and the message of a StateReason."""


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
    *posted*: the console output that shows, and since when.
    """

    instance_id: str
    sequence: int
    reservation_id: str
    pool: Pool
    birth: Mapping[str, Any]
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
    state_reason: Reason | None = None
    transition_reason: str = ""

    @property
    def launched_at(self) -> datetime:
        """When it was launched, or started last."""
        at: datetime = self.birth["LaunchTime"]
        return at

    @property
    def private_ip(self) -> str:
        """Its address in its subnet."""
        return str(self.birth["PrivateIpAddress"])

    @property
    def interface(self) -> Mapping[str, Any]:
        """Its network interface as EC2 shows it at the instance."""
        interface: Mapping[str, Any] = self.birth["NetworkInterfaces"][0]
        return interface

    @property
    def group_ids(self) -> tuple[str, ...]:
        """Its security groups."""
        return tuple(group["GroupId"] for group in self.birth["SecurityGroups"])

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

    @property
    def stoppable(self) -> bool:
        """Whether it can stop at all: on-demand, with its root on EBS."""
        return self.birth["RootDeviceType"] == "ebs" and self.pool.market != "spot"

    def moved(self, state: str, reason: Reason | None = None, transition: str = "") -> Instance:
        """Return it in *state*, with the reasons that EC2 shows."""
        why, how = reason or self.state_reason, transition or self.transition_reason
        return replace(self, state=state, state_reason=why, transition_reason=how)

    def as_in(self, past: Instance) -> Instance:
        """Return it in the state that it had in the *past*."""
        why, how = past.state_reason, past.transition_reason
        return replace(self, state=past.state, state_reason=why, transition_reason=how)

    def with_members(self, of_interface: Mapping[str, Any], **members: Any) -> Instance:
        """Return it with other members, its own and those of its interface."""
        interfaces = [{**self.interface, **of_interface}]
        return replace(self, birth={**self.birth, **members, "NetworkInterfaces": interfaces})

    def state_member(self) -> dict[str, Any]:
        """Return its state as EC2 writes it."""
        return {"Code": STATE_CODES[self.state], "Name": self.state}
