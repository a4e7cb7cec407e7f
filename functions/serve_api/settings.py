"""Knobs of serve_api."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Tables to read, queues to forward to, the function that carries out what was asked of release lines."""

    requests_table: str
    instances_table: str
    pools_table: str
    releases_table: str
    ami_sets_table: str
    request_queue_url: str
    lease_queue_url: str
    refresh_function: str
