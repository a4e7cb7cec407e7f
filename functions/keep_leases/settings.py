"""Knobs of keep_leases."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Tables, and the queue that wakes a pool's waiting requests."""

    requests_table: str
    instances_table: str
    pools_table: str
    requesters_table: str
    wake_queue_url: str
