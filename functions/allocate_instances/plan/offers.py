"""Which machines fit a share, cheapest first."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from fnmatch import fnmatchcase

from railyard.model.catalogue import Catalogue, InstanceType
from railyard.model.instances import Room
from railyard.model.launches import Offering
from railyard.model.pools import Pool
from railyard.model.requests import Need

MAX_TYPES = 8
"""Types of one call: enough to dodge a shortage, few enough to keep the dearest close to the cheapest."""

MARKETS = {"on-demand": ("on-demand",), "spot": ("spot",), "spot-first": ("spot", "on-demand")}


def fitting(need: Need, pool: Pool, catalogue: Catalogue) -> list[InstanceType]:
    """Return the types of *pool* on which one share of *need* fits, cheapest first; types without a price are out."""
    fits = [each for each in catalogue.types if _allowed(each, need, pool) and _holds(each, need, pool)]
    return sorted(fits, key=lambda each: (each.usd_micros_per_hour or 0, each.name))


def offerings(
    need: Need, pool: Pool, market: str, types: Iterable[InstanceType], tried: Collection[str]
) -> tuple[Offering, ...]:
    """Return what one call may ask for: the cheapest types on the first market that still has any.

    *market* ``spot-first`` means on-demand once every spot offering is among *tried* (names of offerings).
    """
    for each in MARKETS[market]:
        found = [o for t in types for o in _offerings_of(t, need, pool, each) if o.name not in tried]
        if found:
            names = list(dict.fromkeys(offering.instance_type for offering in found))[:MAX_TYPES]
            return tuple(offering for offering in found if offering.instance_type in names)
    return ()


def largest(pool: Pool, catalogue: Catalogue) -> InstanceType | None:
    """Return the type of *pool* with the most vCPUs, for the message that says what would have fitted."""
    mine = [each for each in catalogue.types if _in_pool(each, pool)]
    return max(mine, key=lambda each: (each.vcpus, each.memory_mib), default=None)


def _offerings_of(each: InstanceType, need: Need, pool: Pool, market: str) -> list[Offering]:
    if market == "spot" and not each.spot:
        return []
    zones = [zone for zone in each.zones if zone in pool.subnets and (not need.zones or zone in need.zones)]
    return [
        Offering(
            instance_type=each.name,
            availability_zone=zone,
            market=market,
            usd_micros_per_hour=each.usd_micros_per_hour or 0,
            architecture=each.architecture,
            capacity=_capacity(each, need, pool),
        )
        for zone in zones
    ]


def _capacity(each: InstanceType, need: Need, pool: Pool) -> Room:
    return Room(
        vcpus=each.vcpus,
        memory_mib=pool.usable_memory_mib(each.memory_mib),
        disk_gib=disk_gib(need, pool),
        gpus=each.gpus,
    )


def disk_gib(need: Need, pool: Pool) -> int:
    """Return the size of the data disk that a machine launched for *need* gets."""
    return max(need.disk_gib, pool.disk.default_gib)


def _in_pool(each: InstanceType, pool: Pool) -> bool:
    return (
        each.usd_micros_per_hour is not None
        and each.architecture in pool.architectures
        and pool.allows(each.name)
    )


def _allowed(each: InstanceType, need: Need, pool: Pool) -> bool:
    return (
        _in_pool(each, pool)
        and need.architecture in (each.architecture, "any")
        and (not need.instance_types or any(fnmatchcase(each.name, glob) for glob in need.instance_types))
        and (need.gpu_name is None or need.gpu_name.lower() == each.gpu_name.lower())
        and bool(set(each.zones) & set(pool.subnets) & set(need.zones or each.zones))
    )


def _holds(each: InstanceType, need: Need, pool: Pool) -> bool:
    return _capacity(each, need, pool).holds(need.room) and each.local_disk_gib >= need.local_disk_gib
