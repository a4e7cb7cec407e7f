"""Everything random in the model, from one seed: ids, delays, and the fixed quirks of the world.

Ids and delays come from streams (the n-th call draws the n-th value). Quirks (how deep a capacity pool is,
which type a zone lacks) are hashes of their names, so they do not depend on who asked first.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from random import Random
from uuid import UUID

from local.ec2.timing import Seconds


class Chance:
    """The dice of one model."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._ids = Random(f"ids {seed}")
        self._delays = Random(f"delays {seed}")

    def id(self, prefix: str) -> str:
        """Return a new id in EC2's long form, such as ``i-0123456789abcdef0``."""
        return f"{prefix}-0{self._ids.getrandbits(64):016x}"

    def uuid(self) -> str:
        """Return a new identifier for an event or a fleet."""
        return str(UUID(int=self._ids.getrandbits(128), version=4))

    def delay(self, bounds: Seconds) -> timedelta:
        """Return a delay between *bounds*."""
        return timedelta(seconds=self._delays.uniform(*bounds))

    def quirk(self, *names: object) -> float:
        """Return the number in [0, 1) that belongs to *names* in this world, always the same one."""
        digest = hashlib.blake2b(repr((self._seed, names)).encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") / 2**64
