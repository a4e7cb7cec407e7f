"""Pools: what a pool may launch, with which limits. Operators own these; requests only name them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

DEFINITION = "definition"
COUNTERS = "counters"
"""Sort keys of a pool's two items: what it is, and what is left of its limits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Ceilings of a pool. Dollars are millionths of a USD an hour."""

    instances: int
    pending_instances: int
    usd_micros_per_hour: int
    requester_instances: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """The disks of a pool's machines."""

    type: str = "gp3"
    root_gib: int = 16
    default_gib: int = 50
    iops: int | None = None
    throughput: int | None = None
    filesystem: str = "xfs"
    mount: str = "/mnt/data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """A pool as the functions use it: names resolved, defaults applied. *subnets* maps zone -> subnet id."""

    name: str
    generation: int
    architectures: tuple[str, ...]
    markets: tuple[str, ...]
    sharing: tuple[str, ...]
    allow: tuple[str, ...]
    deny: tuple[str, ...]
    subnets: dict[str, str]
    security_groups: tuple[str, ...]
    instance_profile: str
    key_name: str | None = None
    ssh_keys: tuple[str, ...] = ()
    limits: Limits
    requesters: tuple[str, ...] = ("*",)
    memory_percent: int = 5
    memory_mib: int = 0
    idle_seconds: int = 600
    boot_seconds: int = 600
    max_life_seconds: int = 604_800
    lease_default_seconds: int = 900
    lease_max_seconds: int = 86_400
    disk: Disk = Disk()
    agent: bool = False
    parameters: dict[str, tuple[str, bool]] = field(default_factory=dict)
    """Parameter name -> (pattern, required)."""
    tags: dict[str, str] = field(default_factory=dict)
    managed: str = "deployment"
    document: dict[str, Any] = field(default_factory=dict)
    """The pool as its operator wrote it, defaults applied: what the API reads back."""

    def usable_memory_mib(self, memory_mib: int) -> int:
        """Return what is left of a machine's memory after the system's reserve."""
        return memory_mib - memory_mib * self.memory_percent // 100 - self.memory_mib


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """What is left of a pool's limits. Below zero only blocks: lowering a limit kills nothing."""

    pool: str
    slots_free: int
    pending_free: int
    usd_micros_free: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Requester:
    """Who may ask which pools, and where answers go. *principals* are SQS sender ids, role ids or account ids."""

    name: str
    principals: tuple[str, ...]
    reply_queue_arn: str = ""
    pools: tuple[str, ...] = ("*",)

    def speaks_for(self, sender: str) -> bool:
        """Tell whether *sender* (``AROA...:session`` or a user's id) is one of its principals."""
        return sender in self.principals or sender.split(":", 1)[0] in self.principals


ANYBODY = "default"
"""The requester of a sender that is not registered."""


def requester_of(sender: str, requesters: tuple[Requester, ...]) -> Requester:
    """Return the registered requester that *sender* is, else ``default``, who may ask any pool that lets him."""
    unknown = Requester(name=ANYBODY, principals=())
    return next((each for each in requesters if each.speaks_for(sender)), unknown)
