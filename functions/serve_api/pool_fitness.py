"""What the catalogue and EC2 have against a pool, each as ``path: what``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from railyard.model.answers import stamp
from railyard.model.catalogue import Catalogue, InstanceType
from railyard.model.images import Image, image_defects
from railyard.model.pools import Pool
from railyard.node.ignition import user_data

WILD = frozenset("*?[")


def type_defects(pool: Pool, catalogue: Catalogue) -> Iterator[str]:
    """Yield types that are named and do not exist, and architectures that have no type left."""
    known = {each.name for each in catalogue.types}
    for field, names in (("allow", pool.allow), ("deny", pool.deny)):
        for name in names:
            if not WILD & set(name) and name not in known:
                yield f"types.{field}: {name} does not exist here"
    for architecture in pool.architectures:
        if not launchable(pool, architecture, catalogue):
            zones = ", ".join(sorted(pool.subnets)) or "any zone"
            yield f"types: no type for {architecture} that is allowed and has a price is offered in {zones}"


def launchable(pool: Pool, architecture: str, catalogue: Catalogue) -> list[InstanceType]:
    """Return the types of *architecture* that *pool* may launch somewhere, cheapest first."""
    return [
        each
        for each in catalogue.types
        if each.architecture == architecture
        and each.usd_micros_per_hour is not None
        and pool.allows(each.name)
        and (not pool.subnets or set(each.zones) & pool.subnets.keys())
    ]


def named_image_defects(pool: Pool, shown: Mapping[str, Image], now: datetime) -> Iterator[str]:
    """Yield what is wrong with the images that *pool* names, as EC2 has *shown* them."""
    for architecture, image_id in sorted(pool.image_ids.items()):
        found = image_defects(shown.get(image_id), architecture=architecture, now=stamp(now))
        if found:
            yield f"image_ids.{architecture}: {image_id}: {', '.join(found)}"


def node_defects(pool: Pool) -> Iterator[str]:
    """Yield what machines of *pool* could not be told at their first boot."""
    try:
        user_data(pool)
    except ValueError as wrong:
        yield f"ssh_keys: {wrong}"
