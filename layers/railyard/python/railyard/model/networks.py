"""Subnets and security groups of a region, and what a pool may make of them: one subnet a zone, all in one VPC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Subnet:
    """A subnet as EC2 shows it."""

    subnet_id: str
    zone: str
    vpc_id: str
    default: bool


@dataclass(frozen=True, slots=True)
class Network:
    """Every subnet of the region, and the VPC of each security group that was asked about and exists."""

    subnets: tuple[Subnet, ...]
    groups: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """What a pool gets that names none. Without subnets: the default VPC's default ones."""

    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...]
    instance_profile: str


def zones_and_defects(
    subnets: Sequence[str], groups: Sequence[str], network: Network, defaults: Defaults
) -> tuple[dict[str, str], list[str]]:
    """Return zone -> subnet of a pool that names *subnets* and *groups*; and each defect as ``path: what``."""
    by_id = {each.subnet_id: each for each in network.subnets}
    named = subnets or defaults.subnets
    if named:
        defects = [f"subnets: {each} does not exist here" for each in named if each not in by_id]
        found = [by_id[each] for each in named if each in by_id]
    else:
        found = sorted((each for each in network.subnets if each.default), key=lambda each: each.subnet_id)
        none = "subnets: none given, and the account has no default VPC with default subnets here"
        defects = [] if found else [none]
    zones: dict[str, str] = {}
    for subnet in found:
        if subnet.zone in zones:
            defects.append(f"subnets: {subnet.subnet_id} and {zones[subnet.zone]} are both in {subnet.zone}")
        zones[subnet.zone] = subnet.subnet_id
    vpcs = {each.vpc_id for each in found}
    if len(vpcs) > 1:
        defects.append("subnets: they lie in more than one VPC")
    return zones, defects + _group_defects(groups, network.groups, vpcs, defaults)


def _group_defects(
    named: Sequence[str], known: Mapping[str, str], vpcs: set[str], defaults: Defaults
) -> list[str]:
    """Judge the pool's groups. The stack's own may be so new that EC2 does not show it yet."""
    defects = []
    for group in named or defaults.security_groups:
        if group not in known:
            defects += [f"security_groups: {group} does not exist here"] if named else []
        elif len(vpcs) == 1 and known[group] not in vpcs:
            defects.append(f"security_groups: {group} lies in {known[group]}, the subnets in {min(vpcs)}")
    return defects
