"""The account's volumes, found by id or by instance, with what each type of them takes of its quota."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple

from local.ec2.volume import Volume


class Volumes(MutableMapping[str, Volume]):
    """All volumes by id, oldest first."""

    def __init__(self) -> None:
        self._volumes: dict[str, Volume] = {}
        self._at: dict[str, dict[str, None]] = {}
        self._gib: Counter[str] = Counter()
        self._moving_gib: Counter[str] = Counter()

    def __getitem__(self, volume_id: str) -> Volume:
        return self._volumes[volume_id]

    def __setitem__(self, volume_id: str, volume: Volume) -> None:
        self._count(self._volumes.get(volume_id), -1)
        self._volumes[volume_id] = volume
        self._count(volume, 1)

    def __delitem__(self, volume_id: str) -> None:
        self._count(self._volumes.pop(volume_id), -1)

    def __iter__(self) -> Iterator[str]:
        return iter(self._volumes)

    def __len__(self) -> int:
        return len(self._volumes)

    def _count(self, volume: Volume | None, sign: int) -> None:
        if volume is None:
            return
        self._gib[volume.claim.volume_type] += sign * volume.claim.size_gib
        if (last := volume.last) is not None:
            self._moving_gib[last.target.volume_type] += sign * last.running * last.target.size_gib
        if volume.attachment is not None:
            there = self._at.setdefault(volume.attachment.instance_id, {})
            there.pop(volume.volume_id, None)
            if sign > 0:
                there[volume.volume_id] = None

    def put(self, volume: Volume) -> Volume:
        """Store *volume* and return it."""
        self[volume.volume_id] = volume
        return volume

    def at(self, instance_id: str) -> list[Volume]:
        """Return the volumes at an instance."""
        return [self._volumes[volume_id] for volume_id in self._at.get(instance_id, ())]

    def gib(self, volume_type: str) -> int:
        """Return how many GiB all volumes of a type have together."""
        return self._gib[volume_type]

    def moving_gib(self, volume_type: str) -> int:
        """Return how many GiB are being modified, or into, a type."""
        return self._moving_gib[volume_type]


class Allowance(NamedTuple):
    """How many modifications of a volume may begin in a rolling window."""

    most: int
    window: timedelta


FOUR_A_DAY = Allowance(4, timedelta(hours=24))
"""Source: botocore 1.44.5, ModifyVolume. Before 2026-01-15 it was one in six hours."""


@dataclass(slots=True, kw_only=True)
class EbsRules:
    """What the world's hand has decided about EBS; empty means EC2's defaults."""

    storage_tib: dict[str, float] = field(default_factory=dict)
    modification_tib: dict[str, float] = field(default_factory=dict)
    allowance: Allowance = FOUR_A_DAY
    refusals: dict[tuple[str, str], str] = field(default_factory=dict)
    failing: set[str] = field(default_factory=set)
