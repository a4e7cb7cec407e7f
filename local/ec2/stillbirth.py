"""Instances that die at birth: pending, and then terminated with the reason, never running.

Source of the codes: EC2 API reference, StateReason, and EC2 user guide, "Instance terminates immediately".
"""

from __future__ import annotations

from dataclasses import dataclass

from local.ec2.chance import Chance
from local.ec2.instance import Instance

REASONS = {
    "Server.InsufficientInstanceCapacity": "There is not enough capacity available to satisfy the launch request",
    "Server.InternalError": "Internal error on launch",
    "Client.VolumeLimitExceeded": "Volume limit exceeded",
    "Client.InternalError": "Client error on launch",
    "Client.InvalidSnapshot.NotFound": "The specified snapshot was not found",
}


@dataclass(slots=True, kw_only=True)
class Doom:
    """Which launches die: those that match, a *share* of them, and at most *left* more (None: no limit)."""

    code: str
    instance_type: str | None
    zone: str | None
    market: str | None
    share: float
    left: int | None

    def strikes(self, chance: Chance, instance: Instance) -> bool:
        """Tell whether *instance* dies of it."""
        asked = zip((self.instance_type, self.zone, self.market), instance.pool, strict=True)
        if self.left == 0 or any(want not in (None, has) for want, has in asked):
            return False
        return self.share >= 1 or chance.quirk("birth", self.code, instance.instance_id) < self.share


class Stillbirths:
    """The dooms of one world, oldest first."""

    def __init__(self) -> None:
        self._dooms: list[Doom] = []

    def add(self, doom: Doom) -> None:
        """Let some births to come fail.

        Raises:
            ValueError: a code that EC2 does not have for it.
        """
        if doom.code not in REASONS:
            raise ValueError(f"no instance dies at birth of {doom.code!r}")
        self._dooms.append(doom)

    def clear(self) -> None:
        """Let every birth succeed again."""
        self._dooms.clear()

    def reason(self, chance: Chance, instance: Instance) -> tuple[str, str] | None:
        """Return what *instance* dies of at birth, if it does."""
        for doom in self._dooms:
            if doom.strikes(chance, instance):
                doom.left = None if doom.left is None else doom.left - 1
                return doom.code, f"{doom.code}: {REASONS[doom.code]}"
        return None
