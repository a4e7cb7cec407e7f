"""Knobs of validate_ami_sets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where sets, pools and release lines are, and how long a version must have been valid to be followed late."""

    ami_sets_table: str
    pools_table: str
    releases_table: str
    bus_name: str
    parameter_prefix: str = "/railyard"
    architectures: tuple[str, ...] = ("amd64", "arm64")
    bake: timedelta = timedelta(minutes=30)
