"""Knobs of publish_events."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where answers go."""

    bus_name: str
    requesters_table: str
