"""The hand of the world on volumes: quotas, places without room, keys, failures, and what the guest holds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import datetime, timedelta

from local.ec2 import attachments
from local.ec2.state import State
from local.ec2.volume import Volume
from local.ec2.volume_life import key_arn
from local.ec2.volume_limits import REFUSALS, limits_of
from local.ec2.volume_store import Allowance


class EbsHand(ABC):
    """The part of Ec2 that changes what EBS does."""

    _state: State

    @abstractmethod
    def advance(self) -> datetime | None:
        """Apply every effect due by now."""

    def volume(self, volume_id: str) -> Volume:
        """Return the truth about a volume, visible or not; KeyError if there is none."""
        self.advance()
        return self._state.volumes[volume_id]

    def volumes_of(self, instance_id: str) -> tuple[Volume, ...]:
        """Return the truth about what is at an instance, first attached first; nothing at an unknown one."""
        self.advance()
        return tuple(self._state.volumes[volume_id] for volume_id in self._state.volumes.at(instance_id))

    def set_volume_quota(self, volume_type: str, tib: float) -> None:
        """Say how many TiB all volumes of a type may have; what launches beyond dies at birth."""
        limits_of(volume_type)
        self._state.ebs.storage_tib[volume_type] = tib

    def set_modification_quota(self, volume_type: str, tib: float) -> None:
        """Say how many TiB of a type may be under modification at once."""
        limits_of(volume_type)
        self._state.ebs.modification_tib[volume_type] = tib

    def set_modification_allowance(self, count: int, window: timedelta) -> None:
        """Say how many modifications of a volume may begin in *window*: (1, 6 h) is the rule before 2026."""
        if count < 1:
            raise ValueError(f"no allowance of {count}")
        self._state.ebs.allowance = Allowance(count, window)

    def refuse_volumes(self, volume_type: str, zone: str, code: str | None) -> None:
        """Let a zone refuse new volumes of a type with one of ``REFUSALS``; None lets them in again."""
        limits_of(volume_type)
        if code is None:
            self._state.ebs.refusals.pop((volume_type, zone), None)
        elif code in REFUSALS:
            self._state.ebs.refusals[volume_type, zone] = code
        else:
            raise ValueError(f"no volume is refused with {code!r}")

    def break_key(self, key: str, why: str = "is disabled.") -> None:
        """Take a KMS key away: volumes fail to be created with it, and to be attached."""
        arn = key_arn(self._state, key)
        self._state.ebs.broken_keys[arn] = f"{arn} {why}"

    def mend_key(self, key: str) -> None:
        """Let a KMS key be used again."""
        self._state.ebs.broken_keys.pop(key_arn(self._state, key), None)

    def fail_modification(self, volume_id: str) -> None:
        """Let the modification that is ``modifying``, or else the next one, fail."""
        self._state.ebs.failing.add(self.volume(volume_id).volume_id)

    def hold_volume(self, volume_id: str) -> None:
        """Let the guest hold a volume: it stays ``busy`` when it is to be detached."""
        self._state.ebs.held.add(self.volume(volume_id).volume_id)

    def let_go_of_volume(self, volume_id: str) -> None:
        """Let the guest unmount a volume; a detachment that it held up goes on."""
        self.volume(volume_id)
        attachments.let_go(self._state, volume_id, self._state.agenda.now)

    def impair_volume(self, volume_id: str, *, impaired: bool = True) -> None:
        """Let a volume's status check fail, or pass again."""
        self.volume(volume_id)
        self._state.ebs.impaired.pop(volume_id, None)
        if impaired:
            self._state.ebs.impaired[volume_id] = self._state.chance.id("evol")
