"""Knobs of track_instances."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Tables, the wake queue, and the role whose sessions may report as nodes."""

    requests_table: str
    instances_table: str
    pools_table: str
    wake_queue_url: str
    signals_queue_url: str
    visibility: timedelta = timedelta(seconds=300)
    """Longest time after which a started instance shows in a listing: an assumption, AWS gives no bound."""
    node_role_id: str = ""
    """Unique id (``AROA...``) of the node role; a report of anybody else is not believed."""
