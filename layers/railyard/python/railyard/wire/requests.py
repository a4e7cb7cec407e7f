r"""Bodies of the request queue and the lease queue, as the contract writes them.

A pattern ends in ``$(?!\n)``: alone, ``$`` lets a last line break through.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

RequestId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$(?!\n)")]
Name = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$(?!\n)")]
Seconds = Annotated[int, Meta(ge=60, le=86_400)]
Labels = Annotated[
    dict[Annotated[str, Meta(max_length=128)], Annotated[str, Meta(max_length=256)]], Meta(max_length=20)
]
Parameters = Annotated[
    dict[Annotated[str, Meta(max_length=64)], Annotated[str, Meta(max_length=256)]], Meta(max_length=10)
]


class Requirements(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one share needs; everything but vCPUs and memory narrows the pool, nothing widens it."""

    vcpus: Annotated[int, Meta(ge=1, le=1024)]
    memory_mib: Annotated[int, Meta(ge=128, le=67_108_864)]
    disk_gib: Annotated[int, Meta(ge=0, le=16_384)] = 0
    gpus: Annotated[int, Meta(ge=0, le=16)] = 0
    architecture: Literal["amd64", "arm64", "any"] = "amd64"
    local_disk_gib: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    gpu_name: Annotated[str, Meta(max_length=64)] | None = None
    zones: Annotated[tuple[Annotated[str, Meta(max_length=32)], ...], Meta(max_length=20)] = ()
    instance_types: Annotated[tuple[Annotated[str, Meta(max_length=64)], ...], Meta(max_length=50)] = ()


class Body(Struct, frozen=True, kw_only=True):
    """What every message of ours begins with."""

    version: int
    action: str
    request_id: RequestId


class Allocate(Body, frozen=True, kw_only=True):
    """``allocate``: machines for a while."""

    pool: Name
    requirements: Requirements
    count: Annotated[int, Meta(ge=1, le=100)] = 1
    minimum_count: Annotated[int, Meta(ge=1, le=100)] | None = None
    market: Literal["on-demand", "spot", "spot-first"] | None = None
    sharing: Literal["exclusive", "requester", "pool"] | None = None
    lease_seconds: Seconds | None = None
    timeout_seconds: Annotated[int, Meta(ge=30, le=86_400)] | None = None
    deadline: Annotated[datetime, Meta(tz=True)] | None = None
    labels: Labels = {}
    reply_to: Name | None = None
    parameters: Parameters = {}


class Renew(Body, frozen=True, kw_only=True):
    """``renew``: the lease again, from the moment that this was sent."""

    epoch: Annotated[int, Meta(ge=1)]
    lease_seconds: Seconds | None = None
    acknowledge: bool = False


class Release(Body, frozen=True, kw_only=True):
    """``release``: give shares back, all of them when *indexes* is absent."""

    epoch: Annotated[int, Meta(ge=1)]
    indexes: (
        Annotated[tuple[Annotated[int, Meta(ge=0, le=99)], ...], Meta(min_length=1, max_length=100)] | None
    ) = None


class Cancel(Body, frozen=True, kw_only=True):
    """``cancel``: never mind, also before the request itself has been seen."""
