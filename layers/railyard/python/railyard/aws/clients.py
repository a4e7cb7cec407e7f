"""Clients of AWS: one session, made lazily, one client per service and region, timeouts that fit a Lambda."""

from __future__ import annotations

import logging
from functools import cache
from typing import Any

import boto3
from botocore.config import Config

logging.getLogger("botocore").setLevel(logging.WARNING)  # Lambda would log where each credential was found

ORDINARY = Config(
    connect_timeout=3,
    read_timeout=20,
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=32,
    user_agent_extra="railyard",
)

ONCE = ORDINARY.merge(Config(read_timeout=40, retries={"mode": "standard", "total_max_attempts": 1}))
"""For CreateFleet: the protocol decides about a repeat, never the SDK. ``docs/protocol.md`` rule 6."""


@cache
def _session() -> boto3.Session:
    return boto3.Session()


@cache
def client(service: str, region: str | None = None, config: Config = ORDINARY) -> Any:
    """Return the client of *service* in *region* (the function's own by default)."""
    return _session().client(service, region_name=region, config=config)  # type: ignore[call-overload]


def home_region() -> str:
    """Return the region that this function runs in."""
    return str(_session().region_name)
