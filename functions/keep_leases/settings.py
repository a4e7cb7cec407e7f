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
    api_role_id: str = ""
    """Unique id of serve_api's role: it alone may send for somebody else."""
