"""Knobs of track_instances."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Tables, the wake queue, and the role whose sessions may report as nodes."""

    requests_table: str
    instances_table: str
    pools_table: str
    wake_queue_url: str
    node_role_id: str = ""
    """Unique id (``AROA...``) of the node role; a report of anybody else is not believed."""
