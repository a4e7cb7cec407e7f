"""Pool and requester documents, as operators write them, and their way into the domain.

``read_pool`` reports every defect that can be seen without asking AWS, all at once, each with its path.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from railyard.errors import InvalidRequest
from railyard.model.pools import Disk, Limits, Pool, Requester
from railyard.wire.decoding import check
from railyard.wire.requests import Name

Architecture = Literal["amd64", "arm64"]
Positive = Annotated[int, Meta(ge=1)]


class Types(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Machine types by glob: what is allowed, less what is denied."""

    allow: Annotated[tuple[str, ...], Meta(min_length=1)] = ("*",)
    deny: tuple[str, ...] = ()


class PerRequester(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ceilings for one requester within the pool."""

    instances: Positive = 50


class LimitsDocument(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ceilings of the pool."""

    instances: Annotated[int, Meta(ge=0, le=100_000)] = 100
    pending_instances: Annotated[int, Meta(ge=1, le=10_000)] = 50
    usd_per_hour: Annotated[float, Meta(ge=0)] = 10.0
    per_requester: PerRequester = PerRequester()


class Reserve(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Memory of a machine that no request gets."""

    memory_percent: Annotated[int, Meta(ge=0, le=90)] = 5
    memory_mib: Annotated[int, Meta(ge=0)] = 0


class Lease(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Length of leases."""

    default_seconds: Annotated[int, Meta(ge=60, le=86_400)] = 900
    max_seconds: Annotated[int, Meta(ge=60, le=86_400)] = 86_400


class DiskDocument(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Root and data disk of each machine."""

    type: Literal["gp3", "gp2", "io1", "io2"] = "gp3"
    root_gib: Annotated[int, Meta(ge=16, le=16_384)] = 16
    default_gib: Annotated[int, Meta(ge=0, le=16_384)] = 50
    slices: Literal[1] = 1
    iops: Annotated[int, Meta(ge=100, le=256_000)] | None = None
    throughput: Annotated[int, Meta(ge=125, le=2_000)] | None = None
    filesystem: Literal["xfs", "ext4"] = "xfs"
    mount: Annotated[str, Meta(pattern=r"^/[A-Za-z0-9/_-]{1,200}$(?!\n)")] = "/mnt/data"


class Parameter(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A typed parameter that requests may pass to the machine as a tag."""

    pattern: Annotated[str, Meta(max_length=200)]
    required: bool = False


class Node(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What runs on the machine."""

    agent: bool = False
    parameters: dict[Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$(?!\n)")], Parameter] = {}


class PoolDocument(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A pool as written in ``railyard.toml``. Empty subnets: the default VPC's default subnets."""

    architectures: Annotated[tuple[Architecture, ...], Meta(min_length=1)] = ("amd64",)
    markets: Annotated[tuple[Literal["on-demand", "spot", "spot-first"], ...], Meta(min_length=1)] = (
        "on-demand",
    )
    sharing: Annotated[tuple[Literal["exclusive", "requester", "pool"], ...], Meta(min_length=1)] = (
        "requester",
    )
    types: Types = Types()
    subnets: tuple[Annotated[str, Meta(pattern=r"^subnet-[0-9a-f]{8,17}$(?!\n)")], ...] = ()
    security_groups: tuple[Annotated[str, Meta(pattern=r"^sg-[0-9a-f]{8,17}$(?!\n)")], ...] = ()
    instance_profile: str | None = None
    key_name: Annotated[str, Meta(max_length=255)] | None = None
    ssh_keys: tuple[str, ...] = ()
    limits: LimitsDocument = LimitsDocument()
    requesters: Annotated[tuple[str, ...], Meta(min_length=1)] = ("*",)
    reserve: Reserve = Reserve()
    idle_seconds: Annotated[int, Meta(ge=0, le=86_400)] = 600
    boot_seconds: Annotated[int, Meta(ge=60, le=3_600)] = 600
    max_life_seconds: Annotated[int, Meta(ge=600, le=31_536_000)] = 604_800
    lease: Lease = Lease()
    disk: DiskDocument = DiskDocument()
    node: Node = Node()
    tags: Annotated[dict[str, str], Meta(max_length=20)] = {}


class RequesterDocument(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who may ask under this name, and which queue gets the answers."""

    principals: Annotated[tuple[str, ...], Meta(min_length=1)]
    reply_queue_arn: Annotated[
        str, Meta(pattern=r"^(?!\n)$|^arn:aws[a-z-]*:sqs:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_.-]{1,85}$(?!\n)")
    ] = ""
    pools: Annotated[tuple[str, ...], Meta(min_length=1)] = ("*",)


def pool_defects(name: str, value: object) -> tuple[str, ...]:
    """Return every defect of a pool document, each as ``path: what``; empty means sound."""
    defects = [f"pools.{name}: {wrong}" for wrong in _name_defects(name)]
    try:
        document = check(PoolDocument, value)
    except InvalidRequest as wrong:
        return (*defects, *_each_defect(name, value, wrong))
    if document.lease.default_seconds > document.lease.max_seconds:
        defects.append(f"pools.{name}.lease.default_seconds: longer than max_seconds")
    if len(document.requesters) != len(set(document.requesters)):
        defects.append(f"pools.{name}.requesters: a name appears twice")
    defects += [
        f"pools.{name}.tags.{tag}: the prefix railyard: is ours"
        for tag in document.tags
        if tag.startswith("railyard:")
    ]
    for parameter, rule in document.node.parameters.items():
        try:
            re.compile(rule.pattern)
        except re.error as wrong_pattern:
            defects.append(f"pools.{name}.node.parameters.{parameter}.pattern: {wrong_pattern}")
    return tuple(defects)


def _each_defect(name: str, value: object, first: InvalidRequest) -> tuple[str, ...]:
    """msgspec stops at the first defect; ask for each top-level field by itself to see the others."""
    if not isinstance(value, Mapping):
        return (f"pools.{name}: {first}",)
    found = []
    for field, content in value.items():
        try:
            check(PoolDocument, {field: content})
        except InvalidRequest as wrong:
            found.append(f"pools.{name}.{wrong.path or field}: {wrong}")
    return tuple(found) or (f"pools.{name}.{first.path}: {first}",)


def _name_defects(name: str) -> tuple[str, ...]:
    return () if re.fullmatch(r"[a-z0-9][a-z0-9-]{0,62}", name) else ("names are [a-z0-9][a-z0-9-]{0,62}",)


def read_pool(name: str, value: object) -> PoolDocument:
    """Return the checked document; raises InvalidRequest that lists every defect."""
    defects = pool_defects(name, value)
    if defects:
        raise InvalidRequest("; ".join(defects), path=f"pools.{name}")
    return check(PoolDocument, value)


def resolve_pool(
    name: str,
    document: PoolDocument,
    *,
    generation: int,
    subnets: Mapping[str, str],
    security_group: str,
    instance_profile: str,
) -> Pool:
    """Return the pool as functions use it, with zones, group and profile filled in."""
    return Pool(
        name=name,
        generation=generation,
        architectures=document.architectures,
        markets=document.markets,
        sharing=document.sharing,
        allow=document.types.allow,
        deny=document.types.deny,
        subnets=dict(subnets),
        security_groups=document.security_groups or (security_group,),
        instance_profile=document.instance_profile or instance_profile,
        key_name=document.key_name,
        ssh_keys=document.ssh_keys,
        limits=Limits(
            instances=document.limits.instances,
            pending_instances=document.limits.pending_instances,
            usd_micros_per_hour=round(document.limits.usd_per_hour * 1_000_000),
            requester_instances=document.limits.per_requester.instances,
        ),
        requesters=document.requesters,
        memory_percent=document.reserve.memory_percent,
        memory_mib=document.reserve.memory_mib,
        idle_seconds=document.idle_seconds,
        boot_seconds=document.boot_seconds,
        max_life_seconds=document.max_life_seconds,
        lease_default_seconds=document.lease.default_seconds,
        lease_max_seconds=document.lease.max_seconds,
        disk=Disk(
            type=document.disk.type,
            root_gib=document.disk.root_gib,
            default_gib=document.disk.default_gib,
            iops=document.disk.iops,
            throughput=document.disk.throughput,
            filesystem=document.disk.filesystem,
            mount=document.disk.mount,
        ),
        agent=document.node.agent,
        parameters={key: (rule.pattern, rule.required) for key, rule in document.node.parameters.items()},
        tags=document.tags,
        document=msgspec.json.decode(msgspec.json.encode(document)),  # lists, as a table gives them back
    )


def read_requester(name: str, value: Any) -> Requester:
    """Return a checked requester; raises InvalidRequest with the path."""
    check(Name, name)
    document = check(RequesterDocument, value)
    return Requester(
        name=name,
        principals=document.principals,
        reply_queue_arn=document.reply_queue_arn,
        pools=document.pools,
    )
