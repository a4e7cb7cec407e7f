"""How many more instances fit: one finite pool for each instance type, zone and market."""

from __future__ import annotations

from typing import NamedTuple

from local.ec2.chance import Chance


class Pool(NamedTuple):
    """Where capacity is counted. *market* is ``on-demand`` or ``spot``."""

    instance_type: str
    zone: str
    market: str


SHALLOWEST, DEEPEST = 5, 40


class Capacity:
    """Free places by pool, never below zero."""

    def __init__(self, chance: Chance) -> None:
        self._chance = chance
        self._free: dict[Pool, int] = {}

    def depth(self, pool: Pool) -> int:
        """Return how deep *pool* is by nature. Spot allocation forecasts with this, and may be wrong."""
        return SHALLOWEST + int(self._chance.quirk("depth", *pool) * (DEEPEST - SHALLOWEST + 1))

    def available(self, pool: Pool) -> int:
        """Return the places free now."""
        return self._free.get(pool, self.depth(pool))

    def set(self, pool: Pool, available: int | None) -> None:
        """Say how many places are free from now on; None gives the pool its natural depth again."""
        if available is None:
            self._free.pop(pool, None)
        elif available < 0:
            raise ValueError(f"capacity of {pool} cannot be {available}")
        else:
            self._free[pool] = available

    def take(self, pool: Pool, wanted: int) -> int:
        """Take up to *wanted* places and return how many it were."""
        free = self.available(pool)
        taken = min(free, wanted)
        self._free[pool] = free - taken
        return taken

    def give_back(self, pool: Pool, count: int = 1) -> None:
        """Return places whose instances are terminated, or were not launched after all."""
        self._free[pool] = self.available(pool) + count
