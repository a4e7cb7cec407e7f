"""The catalogue: what machine types exist, where they are offered, and what they cost on demand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceType:
    """One machine type of a region. Prices are on-demand, Linux, shared tenancy, in millionths of a USD an hour."""

    name: str
    architecture: str
    vcpus: int
    memory_mib: int
    gpus: int = 0
    gpu_name: str = ""
    local_disk_gib: int = 0
    spot: bool = True
    zones: tuple[str, ...] = ()
    usd_micros_per_hour: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """All types of a region at one moment, cheapest first; types without a price come last."""

    region: str
    at: datetime
    types: tuple[InstanceType, ...]
