"""What a volume may be, by type: sizes, rates and quotas from the table ``local/data/ebs-volume-limits.csv``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from local.ec2.catalogue import rows
from local.ec2.errors import Ec2Error, invalid_value, missing
from local.ec2.volume import Shape, Volume
from local.ec2.volume_store import EbsRules, Volumes

GIB_PER_TIB = 1024
GENEROSITY = 10
"""How many times AWS's own storage quota (in the table) an account has before anybody changes it."""

REFUSALS: Mapping[str, int] = {"InsufficientVolumeCapacity": 500, "VolumeTypeNotAvailableInZone": 400}
"""How a zone may refuse a volume, with the HTTP status. Source: EC2 API reference, "Error codes"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeLimits:
    """One row of the table. *iops* says whose they are: ``required``, ``default``, ``baseline`` or none's."""

    iops: str
    throughput: bool
    boot: bool
    modifiable: bool
    numbers: Mapping[str, float]


@cache
def limits_of(volume_type: str) -> TypeLimits:
    """Return the limits of a type; EC2 knows no others."""
    row = {r["type"]: r for r in rows("ebs-volume-limits.csv")}.get(volume_type)
    if row is None:
        raise invalid_value("volumeType", volume_type)
    flags = {name: row[name] == "1" for name in ("throughput", "boot", "modifiable")}
    numbers = {k: float(v) for k, v in row.items() if v and k not in {"type", "iops", "multi_attach", *flags}}
    return TypeLimits(iops=row["iops"], numbers=numbers, **flags)


def checked(
    volume_type: str, size_gib: int, iops: int | None = None, throughput_mibps: int | None = None
) -> Shape:
    """Return the shape that a request asks for, with EC2's defaults for what it leaves open.

    Raises:
        Ec2Error: what the type does not support, or beyond its limits.
    """
    limits = limits_of(volume_type)
    wanted = {
        "iops": iops is not None and limits.iops not in {"required", "default"},
        "throughput": throughput_mibps is not None and not limits.throughput,
    }
    for name in (name for name, unsupported in wanted.items() if unsupported):
        message = f"The parameter {name} is not supported for {volume_type} volumes."
        raise Ec2Error("InvalidParameterCombination", message)
    if iops is None and limits.iops == "required":
        raise missing(f"iops (for {volume_type} volumes)")
    usual = int(limits.numbers["min_throughput_mibps"]) if limits.throughput else None
    shape = Shape(
        volume_type=volume_type,
        size_gib=size_gib,
        iops=_usual_iops(limits, size_gib) if iops is None else iops,
        throughput_mibps=usual if throughput_mibps is None else throughput_mibps,
    )
    _check_bounds(shape, limits.numbers)
    return shape


def _usual_iops(limits: TypeLimits, size_gib: int) -> int | None:
    n = limits.numbers
    if limits.iops == "baseline":
        return int(min(max(n["min_iops"], n["iops_per_gib"] * size_gib), n["max_iops"]))
    return int(n["min_iops"]) if limits.iops == "default" else None


def _check_bounds(shape: Shape, n: Mapping[str, float]) -> None:
    for what, value, unit in (
        ("size", shape.size_gib, "gib"),
        ("iops", shape.iops, "iops"),
        ("throughput", shape.throughput_mibps, "throughput_mibps"),
    ):
        if value is not None and not n[f"min_{unit}"] <= value <= n[f"max_{unit}"]:
            bounds = f"{n[f'min_{unit}']:.0f} to {n[f'max_{unit}']:.0f}"
            raise invalid_value(what, value, f"Volumes of type {shape.volume_type} have {bounds}.")
    ceiling = max(n.get("min_iops", 0), n.get("iops_per_gib", 0) * shape.size_gib)
    if shape.iops is not None and shape.iops > ceiling:
        ratio = shape.iops / shape.size_gib
        message = f"Iops to volume size ratio of {ratio:f} is too high; maximum is {n['iops_per_gib']:f}"
        raise Ec2Error("InvalidParameterValue", message)
    if shape.throughput_mibps and shape.throughput_mibps > n["throughput_per_iops"] * (shape.iops or 0):
        ratio = shape.throughput_mibps / (shape.iops or 1)
        most = f"{n['throughput_per_iops']:f} MiBps per iops"
        message = f"Throughput (MiBps) to iops ratio of {ratio:f} is too high; maximum is {most}."
        raise Ec2Error("InvalidParameterValue", message)


def check_storage(volumes: Volumes, rules: EbsRules, shape: Shape, already_gib: int = 0) -> None:
    """Refuse what would take a type beyond the account's storage quota."""
    kind, quota_tib = shape.volume_type, _quota_tib(rules, shape.volume_type)
    if volumes.gib(kind) - already_gib + shape.size_gib > quota_tib * GIB_PER_TIB:
        message = (
            f"You have exceeded your maximum {kind} storage limit of {quota_tib:g} TiB in this region."
            " Please contact AWS Support to request an Elastic Block Store service limit increase."
        )
        raise Ec2Error("VolumeLimitExceeded", message)


def _quota_tib(rules: EbsRules, kind: str) -> float:
    return rules.storage_tib.get(kind, GENEROSITY * limits_of(kind).numbers["storage_quota_tib"])


def death_by_quota(volumes: Volumes, rules: EbsRules, born: Iterable[Volume]) -> tuple[str, str] | None:
    """Return what an instance dies of whose volumes, just counted, are beyond the storage quota."""
    code = "Client.VolumeLimitExceeded"
    for kind in {v.shape.volume_type for v in born}:
        if volumes.gib(kind) > _quota_tib(rules, kind) * GIB_PER_TIB:
            return code, f"{code}: Volume limit exceeded"
    return None


def check_place(rules: EbsRules, volume_type: str, zone: str) -> None:
    """Refuse a type that the world's hand says a zone does not have, or has no room for."""
    code = rules.refusals.get((volume_type, zone))
    if code is not None:
        raise Ec2Error(code, f"There is no place for a {volume_type} volume in {zone}.", REFUSALS[code])
