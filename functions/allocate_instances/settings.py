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
    api_role_id: str = ""
    """Unique id of serve_api's role: it alone may send for somebody else."""
    catalogue_bucket: str
    catalogue_key: str = "catalogue.json"
    parameter_prefix: str = "/railyard"
    lock: timedelta = timedelta(seconds=90)
    """A launch's lock outlives its holder, and nothing else."""
    call_margin: timedelta = timedelta(seconds=50)
    """A CreateFleet call is opened only with more time left than this: it may take 40 s."""
    repeat_window: timedelta = timedelta(minutes=60)
    visibility: timedelta = timedelta(seconds=300)
    """Longest time after which a started instance shows in a listing: an assumption, AWS gives no bound."""
    image_memory: timedelta = timedelta(seconds=60)
    image_trust: timedelta = timedelta(minutes=60)
    """A deployed image that EC2 confirmed longer ago is asked about again before a launch."""
    canary_pool: str = ""
    """The pool that launches a release while it is tried; empty: none."""
