"""Pools: what a pool may launch, with which limits. Operators own these; requests only name them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any, TypeVar

from railyard.model.ami_sets import Deployment

DEPLOYED, BY_API = "deployment", "api"
"""Who made a pool or a requester, and alone may change it: a deployment of the stack, or people through the API."""
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
    image_ids: dict[str, str] = field(default_factory=dict)
    """Architecture -> the image that it launches instead of its channel's."""
    managed: str = DEPLOYED
    document: dict[str, Any] = field(default_factory=dict)
    """The pool as its operator wrote it, defaults applied: what the API reads back."""

    def allows(self, instance_type: str) -> bool:
        """Tell whether it may launch machines of that type: a glob allows it, and none denies it."""
        allowed = any(fnmatchcase(instance_type, glob) for glob in self.allow)
        return allowed and not any(fnmatchcase(instance_type, glob) for glob in self.deny)

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
    generation: int = 1
    principals: tuple[str, ...]
    reply_queue_arn: str = ""
    pools: tuple[str, ...] = ("*",)
    managed: str = DEPLOYED

    def speaks_for(self, sender: str) -> bool:
        """Tell whether *sender* (``AROA...:session`` or a user's id) is one of its principals."""
        return sender in self.principals or sender.split(":", 1)[0] in self.principals


def deployment_defects(pool: Pool, deployed: Deployment | None) -> list[str]:
    """Return what speaks against *pool* beside the AMI set that is *deployed* to it, each as ``path: what``."""
    if deployed is None:
        return []
    version = f"AMI set {deployed.ami_set}, version {deployed.number},"
    lacking = sorted(set(pool.architectures) - deployed.images.keys())
    wrong = [f"architectures: {version} which is deployed to it, has no image for {each}" for each in lacking]
    return wrong + (
        [f"image_ids: {version} is deployed to it: withdraw that first"] if pool.image_ids else []
    )


D = TypeVar("D", Pool, Requester)


def succeeding(shall: D, seen: D | None) -> D | None:
    """Return *shall* as the generation that follows *seen*, the first if there is none; None if it says nothing new."""
    if seen is None:
        return replace(shall, generation=1)
    if replace(shall, generation=seen.generation) == seen:
        return None
    return replace(shall, generation=seen.generation + 1)


ANYBODY = "default"
"""The requester of a sender that is not registered."""


def requester_of(sender: str, requesters: tuple[Requester, ...]) -> Requester:
    """Return the registered requester that *sender* is, else ``default``, who may ask any pool that lets him."""
    unknown = Requester(name=ANYBODY, principals=())
    return next((each for each in requesters if each.speaks_for(sender)), unknown)
