"""Pool and requester documents, as operators write them, and their way into the domain.

``pool_defects`` tells every defect that can be seen without asking AWS, all at once, each with its path.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from railyard.model.networks import Defaults, Network, zones_and_defects
from railyard.model.pools import DEPLOYED, Disk, Limits, Pool, Requester
from railyard.wire.decoding import check, defects
from railyard.wire.requests import Name

Architecture = Literal["amd64", "arm64"]
Positive = Annotated[int, Meta(ge=1)]
ImageId = Annotated[str, Meta(pattern=r"^ami-[0-9a-f]{8,17}$(?!\n)")]
MIGRATE = "images by id are off in this stage: make an AMI set of them and deploy it to the pool"


class Document(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an operator writes: a field that nobody knows is a mistake."""


class Types(Document, frozen=True, kw_only=True):
    """Machine types by glob: what is allowed, less what is denied."""

    allow: Annotated[tuple[str, ...], Meta(min_length=1)] = ("*",)
    deny: tuple[str, ...] = ()


class PerRequester(Document, frozen=True, kw_only=True):
    """Ceilings for one requester within the pool."""

    instances: Positive = 50


class LimitsDocument(Document, frozen=True, kw_only=True):
    """Ceilings of the pool."""

    instances: Annotated[int, Meta(ge=0, le=100_000)] = 100
    pending_instances: Annotated[int, Meta(ge=1, le=10_000)] = 50
    usd_per_hour: Annotated[float, Meta(ge=0)] = 10.0
    per_requester: PerRequester = PerRequester()


class Reserve(Document, frozen=True, kw_only=True):
    """Memory of a machine that no request gets."""

    memory_percent: Annotated[int, Meta(ge=0, le=90)] = 5
    memory_mib: Annotated[int, Meta(ge=0)] = 0


class Lease(Document, frozen=True, kw_only=True):
    """Length of leases."""

    default_seconds: Annotated[int, Meta(ge=60, le=86_400)] = 900
    max_seconds: Annotated[int, Meta(ge=60, le=86_400)] = 86_400


class DiskDocument(Document, frozen=True, kw_only=True):
    """Root and data disk of each machine."""

    type: Literal["gp3", "gp2", "io1", "io2"] = "gp3"
    root_gib: Annotated[int, Meta(ge=16, le=16_384)] = 16
    default_gib: Annotated[int, Meta(ge=0, le=16_384)] = 50
    slices: Literal[1] = 1
    iops: Annotated[int, Meta(ge=100, le=256_000)] | None = None
    throughput: Annotated[int, Meta(ge=125, le=2_000)] | None = None
    filesystem: Literal["xfs", "ext4"] = "xfs"
    mount: Annotated[str, Meta(pattern=r"^/[A-Za-z0-9/_-]{1,200}$(?!\n)")] = "/mnt/data"


class ImageIds(Document, frozen=True, kw_only=True):
    """Images by architecture, instead of the channel's."""

    amd64: ImageId | None = None
    arm64: ImageId | None = None

    def by_architecture(self) -> dict[str, str]:
        """Return those that are named."""
        return {name: image for name, image in msgspec.structs.asdict(self).items() if image}


class Parameter(Document, frozen=True, kw_only=True):
    """A typed parameter that requests may pass to the machine as a tag."""

    pattern: Annotated[str, Meta(max_length=200)]
    required: bool = False


class Node(Document, frozen=True, kw_only=True):
    """What runs on the machine."""

    agent: bool = False
    parameters: dict[Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$(?!\n)")], Parameter] = {}


class PoolDocument(Document, frozen=True, kw_only=True):
    """A pool as written in ``railyard.toml`` or sent to the API. Empty subnets: the default VPC's default subnets."""

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
    image_ids: ImageIds | None = None
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


class RequesterDocument(Document, frozen=True, kw_only=True):
    """Who may ask under this name, and which queue gets the answers."""

    principals: Annotated[tuple[str, ...], Meta(min_length=1)]
    reply_queue_arn: Annotated[
        str, Meta(pattern=r"^(?!\n)$|^arn:aws[a-z-]*:sqs:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_.-]{1,85}$(?!\n)")
    ] = ""
    pools: Annotated[tuple[str, ...], Meta(min_length=1)] = ("*",)


def pool_defects(name: str, value: object, *, image_ids_allowed: bool = False) -> tuple[str, ...]:
    """Return every defect of a pool document, each as ``path: what``; empty means sound."""
    where = f"pools.{name}"
    wrong = list(defects(value, PoolDocument, where))
    if not wrong:
        document = check(PoolDocument, value)
        wrong = [f"{where}.{each}" for each in _contradictions(document)]
        if document.image_ids and not image_ids_allowed:
            wrong.append(f"{where}.image_ids: {MIGRATE}")
    return (*defects(name, Name, where), *wrong)


def _contradictions(document: PoolDocument) -> Iterator[str]:
    """Yield what is wrong with fields that are each right."""
    if document.lease.default_seconds > document.lease.max_seconds:
        yield "lease.default_seconds: longer than max_seconds"
    if len(document.requesters) != len(set(document.requesters)):
        yield "requesters: a name appears twice"
    for tag in document.tags:
        if tag.startswith("railyard:"):
            yield f"tags.{tag}: the prefix railyard: is ours"
    for parameter, rule in document.node.parameters.items():
        try:
            re.compile(rule.pattern)
        except re.error as wrong:
            yield f"node.parameters.{parameter}.pattern: {wrong}"
    if document.image_ids:
        named = document.image_ids.by_architecture()
        for architecture in sorted(named.keys() ^ set(document.architectures)):
            what = "the pool has no such architecture" if architecture in named else "missing"
            yield f"image_ids.{architecture}: {what}"


def resolve_pool(
    name: str, document: PoolDocument, network: Network, defaults: Defaults, *, managed: str = DEPLOYED
) -> tuple[Pool, list[str]]:
    """Return the pool as functions use it, with zones, groups and profile filled in; and what EC2 has against it.

    It is of generation 1; ``railyard.model.pools.succeeding`` puts it after another.
    """
    zones, wrong = zones_and_defects(document.subnets, document.security_groups, network, defaults)
    pool = Pool(
        name=name,
        generation=1,
        managed=managed,
        architectures=document.architectures,
        markets=document.markets,
        sharing=document.sharing,
        allow=document.types.allow,
        deny=document.types.deny,
        subnets=zones,
        security_groups=document.security_groups or defaults.security_groups,
        instance_profile=document.instance_profile or defaults.instance_profile,
        key_name=document.key_name,
        ssh_keys=document.ssh_keys,
        image_ids=document.image_ids.by_architecture() if document.image_ids else {},
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
        disk=msgspec.convert(document.disk, Disk, from_attributes=True),
        agent=document.node.agent,
        parameters={key: (rule.pattern, rule.required) for key, rule in document.node.parameters.items()},
        tags=document.tags,
        document=msgspec.json.decode(msgspec.json.encode(document)),  # lists, as a table gives them back
    )
    return pool, wrong


def read_requester(name: str, value: Any, *, managed: str = DEPLOYED) -> Requester:
    """Return a checked requester; raises InvalidRequest with the path."""
    check(Name, name)
    document = check(RequesterDocument, value)
    return Requester(name=name, managed=managed, **msgspec.structs.asdict(document))
