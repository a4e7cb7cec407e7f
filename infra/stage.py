"""What differs between two deployments: ``railyard.toml``, changed by context values of the same names.

A context value replaces the key of its name; tables are merged one level deep, so the context value
``{"requesters": {"ci": {...}}}`` adds one requester. ``cdk -c`` carries text: a table is then given as JSON.
Everything is checked before any construct is made, and every defect is told at once.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from railyard.errors import InvalidSettings
from railyard.flatcar.forms import REGION
from railyard.flatcar.signature import SigningKey
from railyard.flatcar.sources import CHANNEL
from railyard.wire.decoding import defects
from railyard.wire.pools import Architecture, PoolDocument, RequesterDocument, pool_defects
from railyard.wire.requests import Name
from refresh_amis.settings import CANARY_SLACK

Channel = Annotated[str, Meta(pattern=rf"^({CHANNEL.pattern})$(?!\n)")]
Region = Annotated[str, Meta(pattern=rf"^{REGION}$(?!\n)")]
Arn = Annotated[str, Meta(pattern=r"^arn:aws[a-z-]*:")]


class Network(Struct, frozen=True, forbid_unknown_fields=True):
    """Where machines live; what is empty is found at deployment in the default VPC."""

    vpc_id: Annotated[str, Meta(pattern=r"^(vpc-[0-9a-f]{8,17})?$")] = ""
    subnets: tuple[Annotated[str, Meta(pattern=r"^subnet-[0-9a-f]{8,17}$")], ...] = ()
    security_groups: tuple[Annotated[str, Meta(pattern=r"^sg-[0-9a-f]{8,17}$")], ...] = ()


class Node(Struct, frozen=True, forbid_unknown_fields=True):
    """What the machines may do, beside reporting."""

    managed_policies: tuple[Arn, ...] = ()


class Alarms(Struct, frozen=True, forbid_unknown_fields=True):
    """Whom alarms tell: an SNS topic, or nobody."""

    topic_arn: Annotated[str, Meta(pattern=r"^(arn:aws[a-z-]*:sns:.+)?$")] = ""


class Images(Struct, frozen=True, forbid_unknown_fields=True):
    """Which Flatcar releases are kept fresh, from where, and what must be true of them.

    ``signing_key`` is a file, relative to the stage's own; ``fingerprint`` is empty for Flatcar's. A release that
    pools launch from first runs in ``canary_pool``, if there is one. With ``own_copies`` every image is copied into
    the account before.
    """

    channels: Annotated[tuple[Channel, ...], Meta(min_length=1)] = ("stable",)
    architectures: Annotated[tuple[Architecture, ...], Meta(min_length=1)] = ("amd64", "arm64")
    mirror_url: Annotated[str, Meta(pattern=r"^(https://.+)?$")] = ""
    regions_required: tuple[Region, ...] = ()
    canary_pool: str = ""
    bake_minutes: Annotated[int, Meta(ge=1, le=1200)] = 30
    allow_fallback: tuple[Literal["marketplace"], ...] = ()
    overrides: Literal["off", "validated", "verbatim"] = "off"
    dry_run: bool = False
    own_copies: bool = False
    signing_key: str = ""
    fingerprint: Annotated[str, Meta(pattern=r"^[0-9A-Fa-f ]*$")] = ""


class Stage(Struct, frozen=True, forbid_unknown_fields=True):
    """One deployment; every physical name starts with ``stage``."""

    stage: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,31}$")] = "railyard"
    parameter_prefix: Annotated[str, Meta(pattern=r"^(/[A-Za-z0-9_.-]+)+$")] = "/railyard"
    image_ids_allowed: bool = False
    pool_dry_run: bool = False
    reply_queues: tuple[Arn, ...] = ()
    log_retention_days: Literal[1, 7, 14, 30, 90, 180, 365] = 30
    network: Network = Network()
    node: Node = Node()
    alarms: Alarms = Alarms()
    images: Images = Images()
    pools: dict[str, dict[str, Any]] = {}
    requesters: dict[Name, RequesterDocument] = {}

    def reply_queue_arns(self) -> tuple[str, ...]:
        """Queues that answers may be sent to, each once: those of requesters, and those kept for the API's."""
        arns = {requester.reply_queue_arn for requester in self.requesters.values()} | {*self.reply_queues}
        return tuple(sorted(arns - {""}))


def read_stage(context: Callable[[str], object], root: Path) -> Stage:
    """Read the stage; *context* looks a context value up, relative paths start at *root*.

    Pools come back in the stage's network where they name none. Raises InvalidSettings with all defects.
    """
    config = root / str(context("config") or "railyard.toml")
    try:
        document: dict[str, Any] = tomllib.loads(config.read_text())
    except (OSError, tomllib.TOMLDecodeError) as wrong:
        raise InvalidSettings(f"{config.name}: {wrong}") from wrong
    for field in msgspec.structs.fields(Stage):
        if (given := context(field.name)) is not None:
            document[field.name] = _merged(document.get(field.name), given)
    wrong_images = _wrong_images(document.get("images", {}), config.parent)
    found = (
        *defects(document, Stage, ""),
        *_contradictions(document),
        *_wrong_canary(document),
        *wrong_images,
        *_wrong_pools(document),
    )
    if found:
        raise InvalidSettings(f"{config.name}:\n" + "\n".join(f"  {defect}" for defect in found))
    stage = msgspec.convert(document, Stage)
    network = {"subnets": list(stage.network.subnets), "security_groups": list(stage.network.security_groups)}
    pools = {name: network | pool for name, pool in sorted(stage.pools.items())}
    return msgspec.structs.replace(stage, pools=pools, images=_located(stage.images, config.parent))


def _merged(old: object, given: object) -> object:
    if isinstance(given, str) and not isinstance(old, str):
        try:
            given = json.loads(given)
        except ValueError:
            return given  # not JSON: its type is a defect, told with the others
    return {**old, **given} if isinstance(old, dict) and isinstance(given, dict) else given


def _contradictions(document: dict[str, Any]) -> Iterator[str]:
    network = document.get("network")
    if isinstance(network, dict) and network.get("vpc_id") and not network.get("subnets"):
        yield "network.subnets: needed with vpc_id; only a default VPC's subnets are found at deployment"


def _wrong_canary(document: dict[str, Any]) -> Iterator[str]:
    """Judge whether the canary pool, if there is one, will take the requests by which releases are tried."""
    try:
        images = msgspec.convert(document.get("images", {}), Images)
        pools = msgspec.convert(document.get("pools", {}), dict[str, PoolDocument])
    except msgspec.ValidationError:
        return  # told by its path
    if not images.canary_pool:
        return
    pool = pools.get(images.canary_pool)
    if pool is None:
        yield f"images.canary_pool: there is no [pools.{images.canary_pool}]"
        return
    where = f"pools.{images.canary_pool}"
    lacking = sorted(set(images.architectures) - set(pool.architectures))
    if lacking:
        yield f"{where}.architectures: releases for {', '.join(lacking)} could not be tried there"
    if "exclusive" not in pool.sharing:
        yield f"{where}.sharing: a canary has its machine for itself, so the pool must allow exclusive"
    if not {"*", "default"} & set(pool.requesters):
        yield f"{where}.requesters: refresh_amis asks as the requester default"
    lease = images.bake_minutes * 60 + int(CANARY_SLACK.total_seconds())
    if pool.lease.max_seconds < lease:
        yield f"{where}.lease.max_seconds: a trial of {images.bake_minutes} minutes holds its machine for {lease} s"


def _wrong_images(table: object, folder: Path) -> Iterator[str]:
    """Judge what rests on more than one key, and the key file itself."""
    try:
        images = msgspec.convert(table, Images)
    except msgspec.ValidationError:
        return  # told by its path
    varied = {"{board}": len(images.architectures) > 1, "{channel}": len(images.channels) > 1}
    varied["{folder}"] = any("-" in channel for channel in images.channels)
    for part, needed in varied.items():
        if images.mirror_url and needed and part not in images.mirror_url:
            yield f"images.mirror_url: has no {part}, so several lines would read one file"
    if images.fingerprint and not images.signing_key:
        yield "images.fingerprint: of no use without signing_key"
    if images.signing_key:
        try:
            SigningKey((folder / images.signing_key).read_bytes(), images.fingerprint)
        except (OSError, InvalidSettings) as wrong:
            yield f"images.signing_key: {wrong}"


def _located(images: Images, folder: Path) -> Images:
    if not images.signing_key:
        return images
    return msgspec.structs.replace(images, signing_key=str(folder / images.signing_key))


def _wrong_pools(document: dict[str, Any]) -> Iterator[str]:
    """Judge pools by the same rules as the deployment's function does."""
    pools = document.get("pools")
    for name, pool in pools.items() if isinstance(pools, dict) else ():
        if isinstance(pool, dict):
            yield from pool_defects(name, pool, image_ids_allowed=document.get("image_ids_allowed") is True)
