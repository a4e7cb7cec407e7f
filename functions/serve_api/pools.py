"""Pools through the API: judged whole, against EC2 and the catalogue, before anything of them is written."""
# ruff: noqa: D102  # a port's methods are named in the domain's words

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from railyard.errors import RailyardError
from railyard.model.ami_sets import Deployment
from railyard.model.catalogue import Catalogue
from railyard.model.images import Image
from railyard.model.ledger import Known
from railyard.model.networks import Defaults, Network
from railyard.model.pools import BY_API, Counters, Pool, deployment_defects, succeeding
from railyard.wire.decoding import check, read_object
from railyard.wire.pools import PoolDocument, pool_defects, resolve_pool
from serve_api.ami_set_views import deployment_view
from serve_api.calls import Answer, Asked, error
from serve_api.changes import objection, refused, removed, tag, tried
from serve_api.pool_fitness import launchable, named_image_defects, node_defects, type_defects


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the stage says of pools. *launched* is the image of an architecture where a pool has no other."""

    defaults: Defaults
    image_ids_allowed: bool = False
    dry_run: bool = False
    launched: Mapping[str, str] = field(default_factory=dict)


class Records(Protocol):
    """Pools with their counters and deployments, written over what was read (Conflict); None closes one."""

    def look(self, name: str) -> Known: ...
    def write(self, seen: Pool | None, shall: Pool | None) -> None: ...


class Refusal(Protocol):
    """A launch that EC2 only tries: the code with which it refuses, or empty."""

    def __call__(self, pool: Pool, *, zone: str, instance_type: str, image_id: str) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolPorts:
    """What a change of a pool holds in its hands; *network* is asked with security groups, *images* with ids."""

    records: Records
    network: Callable[[Iterable[str]], Network]
    images: Callable[[Sequence[str]], Mapping[str, Image]]
    catalogue: Callable[[], Catalogue | None]
    refusal: Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class _World:
    """What was seen outside of our tables, once for a call."""

    network: Network
    catalogue: Catalogue | None
    images: Mapping[str, Image] | None
    warnings: tuple[str, ...]


def put_pool(name: str, asked: Asked, ports: PoolPorts, rules: Rules, now: datetime) -> Answer:
    """Make or change a pool: 201 if it is new, 200 if not, also if it is so already; 400 or 422 with every defect."""
    value = read_object(asked.body)
    wrong = [f"name: {name} in the path"] if value.pop("name", name) != name else []
    found = pool_defects(name, value, image_ids_allowed=rules.image_ids_allowed)
    wrong += [each.removeprefix(f"pools.{name}.") for each in found]
    if wrong:
        return refused(400, wrong)
    document = check(PoolDocument, value)
    world = _seen(document, ports, rules)
    return tried(name, lambda: _put(name, document, world, asked, ports, rules, now))


def delete_pool(name: str, asked: Asked, records: Records) -> Answer:
    """Close a pool: it takes no requests any more, and its machines end as they would. 204, also if there is none."""

    def once() -> Answer:
        known = records.look(name)
        if (deployed := known.deployments.get(name)) and name in known.pools:
            message = f"AMI set {deployed.ami_set} is deployed to {name}: withdraw that first"
            return objection(known.pools[name], asked) or error(409, "deployed", message)
        return removed(known.pools.get(name), asked, records.write)

    return tried(name, once)


def pool_view(pool: Pool, known: Known) -> dict[str, Any]:
    """Return a pool as it was written, with what was found for it, what is deployed to it and what is in use."""
    found = {"subnets": sorted(pool.subnets.values()), "security_groups": list(pool.security_groups)}
    about: dict[str, Any] = {"name": pool.name, "generation": pool.generation, "managed": pool.managed}
    deployed = known.deployments.get(pool.name)
    about["deployment"] = deployment_view(deployed) if deployed else None
    return pool.document | found | about | {"in_use": used(pool, known.counters.get(pool.name))}


def used(pool: Pool, counters: Counters | None) -> dict[str, Any]:
    """Return what is in use of the limits of *pool*."""
    if counters is None:
        return {}
    spent = pool.limits.usd_micros_per_hour - counters.usd_micros_free
    return {
        "instances": pool.limits.instances - counters.slots_free,
        "pending_instances": pool.limits.pending_instances - counters.pending_free,
        "usd_per_hour": spent / 1_000_000,
    }


def _seen(document: PoolDocument, ports: PoolPorts, rules: Rules) -> _World:
    """Look at what *document* names. The catalogue and images may be unknown: that refuses nothing, and is told."""
    catalogue, images, warnings = ports.catalogue(), None, []
    if catalogue is None:
        warnings.append("types: not checked, the catalogue is not there yet")
    if document.image_ids:
        try:
            images = ports.images(sorted(document.image_ids.by_architecture().values()))
        except RailyardError as silent:
            warnings.append(f"image_ids: not checked, {silent}")
    groups = document.security_groups or rules.defaults.security_groups
    return _World(network=ports.network(groups), catalogue=catalogue, images=images, warnings=tuple(warnings))


def _put(
    name: str,
    document: PoolDocument,
    world: _World,
    asked: Asked,
    ports: PoolPorts,
    rules: Rules,
    now: datetime,
) -> Answer:
    known = ports.records.look(name)
    seen, deployed = known.pools.get(name), known.deployments.get(name)
    if no := objection(seen, asked):
        return no
    pool, wrong = resolve_pool(name, document, world.network, rules.defaults, managed=BY_API)
    wrong += node_defects(pool)
    wrong += type_defects(pool, world.catalogue) if world.catalogue else ()
    wrong += named_image_defects(pool, world.images, now) if world.images is not None else ()
    if deployed and pool.image_ids:
        return error(409, "deployed", deployment_defects(pool, deployed)[-1], path="image_ids")
    wrong += deployment_defects(pool, deployed)
    shall = succeeding(pool, seen)
    if shall and not wrong and rules.dry_run and world.catalogue:
        wrong += _dry_run(pool, deployed, world.catalogue, ports, rules)
    if wrong:
        return refused(422, wrong)
    if shall:
        ports.records.write(seen, shall)
        known = ports.records.look(name)
    now_there = shall or seen or pool
    body = pool_view(now_there, known) | {"warnings": list(world.warnings)}
    return Answer(status=200 if seen else 201, body=body, headers={"ETag": tag(now_there)})


def _dry_run(
    pool: Pool, deployed: Deployment | None, catalogue: Catalogue, ports: PoolPorts, rules: Rules
) -> list[str]:
    """Have EC2 try one launch: the cheapest type of the first architecture, in the first zone that offers it."""
    architecture = pool.architectures[0]
    kind = launchable(pool, architecture, catalogue)[0]
    images = dict(rules.launched) | pool.image_ids | (deployed.images if deployed else {})
    if architecture not in images:
        return []
    zone = next(each for each in sorted(pool.subnets) if each in kind.zones)
    code = ports.refusal(pool, zone=zone, instance_type=kind.name, image_id=images[architecture])
    return [f"launch: EC2 refuses a {kind.name} in {zone}: {code}"] if code else []
