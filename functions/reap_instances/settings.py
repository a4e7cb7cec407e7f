"""Knobs of reap_instances."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Tables and queues, budgets and grace."""

    stack: str
    requests_table: str
    launches_table: str
    instances_table: str
    pools_table: str
    wake_queue_url: str
    signals_queue_url: str
    max_terminations: int = 100
    clock_tolerance: timedelta = timedelta(seconds=30)
    visibility: timedelta = timedelta(seconds=300)
    """Longest time after which a started instance shows in a listing: an assumption, AWS gives no bound."""
    close_wait: timedelta = timedelta(seconds=690)
    """Allocator timeout + in-flight bound + visibility bound: only then may an unanswered launch be closed."""
    orphan_grace: timedelta = timedelta(minutes=15)
