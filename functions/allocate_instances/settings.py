"""Knobs of allocate_instances. The bounds are those of ``docs/protocol.md``; a test holds them together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Tables, queue and catalogue, and how long things may take."""

    stack: str
    requests_table: str
    launches_table: str
    instances_table: str
    pools_table: str
    requesters_table: str
    wake_queue_url: str
    catalogue_bucket: str
    catalogue_key: str = "catalogue.json"
    parameter_prefix: str = "/railyard"
    node_profile_arn: str = ""
    function_timeout: timedelta = timedelta(seconds=90)
    lock: timedelta = timedelta(seconds=90)
    """A launch's lock outlives its holder, and nothing else."""
    call_margin: timedelta = timedelta(seconds=50)
    """A CreateFleet call is opened only with more time left than this: it may take 40 s."""
    repeat_window: timedelta = timedelta(minutes=60)
    wait: timedelta = timedelta(seconds=30)
    """How long a waiting request sleeps before its pool is looked at again."""
    image_memory: timedelta = timedelta(seconds=60)
