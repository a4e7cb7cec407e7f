"""DescribeInstanceTypes and DescribeInstanceTypeOfferings from the project's table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from local.ec2.catalogue import InstanceType, instance_types, on_demand_usd_per_hour
from local.ec2.chance import Chance
from local.ec2.errors import Ec2Error, invalid_value
from local.ec2.filters import Fields, matching
from local.ec2.paging import Limits, page
from local.ec2.state import Answer, Call
from local.ec2.world import COMPUTE_REGION, ZONES

TYPE_PAGES = Limits(lowest=5, highest=100, default=100)
OFFERING_PAGES = Limits(lowest=5, highest=1000, default=1000)
MISSING = 0.04
"""The share of type and zone pairs that a zone does not offer."""


def is_offered(chance: Chance, instance_type: str, zone: str) -> bool:
    """Tell whether *zone* has *instance_type*; a type without a price is sold nowhere."""
    return (
        instance_type in on_demand_usd_per_hour() and chance.quirk("offered", instance_type, zone) >= MISSING
    )


def zones_of(chance: Chance, instance_type: str) -> list[str]:
    """Return the zones that offer *instance_type*."""
    return [zone for zone in ZONES if is_offered(chance, instance_type, zone)]


_TYPE_FIELDS: Fields[InstanceType] = {
    "instance-type": lambda t: [t.name],
    "current-generation": lambda t: [_flag(t.row["current_generation"])],
    "bare-metal": lambda t: [_flag(t.row["bare_metal"])],
    "burstable-performance-supported": lambda t: [_flag(t.row["burstable"])],
    "hypervisor": lambda t: [t.row["hypervisor"]] if t.row["hypervisor"] else [],
    "instance-storage-supported": lambda t: [_flag(t.row["local_disk_count"])],
    "processor-info.supported-architecture": lambda t: t.architectures,
    "supported-usage-class": lambda t: t.markets,
    "supported-virtualization-type": lambda _: ["hvm"],
    "supported-root-device-type": lambda _: ["ebs"],
    "vcpu-info.default-vcpus": lambda t: [t.row["vcpu"]],
    "memory-info.size-in-mib": lambda t: [t.row["mem_mib"]],
}


def _flag(cell: str) -> str:
    return "true" if int(cell) else "false"


def describe_instance_types(call: Call) -> Answer:
    """List types in order of name; one unknown name fails the call."""
    known, asked = instance_types(), call.get("InstanceTypes", ())
    if unknown := [name for name in asked if name not in known]:
        message = f"The following supplied instance types do not exist: [{', '.join(unknown)}]"
        raise Ec2Error("InvalidInstanceType", message)
    keep = matching(call.get("Filters", ()), _TYPE_FIELDS)
    types = [known[name] for name in sorted(asked)] if asked else known.values()
    found, token = page(types, call.parameters, TYPE_PAGES, key=lambda t: t.name, keep=keep)
    return {"InstanceTypes": [_member(t) for t in found], **token}


def _member(kind: InstanceType) -> dict[str, Any]:
    row = kind.row
    member: dict[str, Any] = {
        "InstanceType": kind.name,
        "CurrentGeneration": row["current_generation"] == "1",
        "SupportedUsageClasses": list(kind.markets),
        "SupportedRootDeviceTypes": ["ebs"],
        "SupportedVirtualizationTypes": ["hvm"],
        "SupportedBootModes": row["boot_modes"].split("+"),
        "BareMetal": row["bare_metal"] == "1",
        "BurstablePerformanceSupported": row["burstable"] == "1",
        "ProcessorInfo": {"SupportedArchitectures": list(kind.architectures)},
        "VCpuInfo": {"DefaultVCpus": int(row["vcpu"])},
        "MemoryInfo": {"SizeInMiB": int(row["mem_mib"])},
        "InstanceStorageSupported": row["local_disk_count"] != "0",
        "EbsInfo": _ebs(row),
        "NetworkInfo": {"NetworkPerformance": row["network"], "EnaSupport": row["ena"]},
    }
    optional = {"Hypervisor": row["hypervisor"], "InstanceStorageInfo": _disks(row), "GpuInfo": _gpus(row)}
    return member | {name: value for name, value in optional.items() if value}


def _ebs(row: Mapping[str, str]) -> dict[str, Any]:
    info: dict[str, Any] = {
        "EbsOptimizedSupport": row["ebs_optimized"],
        "NvmeSupport": row["ebs_nvme"],
        "MaximumEbsAttachments": int(row["max_ebs_attachments"]),
        "AttachmentLimitType": row["ebs_attachment_limit_type"],
    }
    if row["ebs_max_mbps"] not in ("", "0"):
        info["EbsOptimizedInfo"] = {
            "BaselineBandwidthInMbps": int(row["ebs_baseline_mbps"]),
            "MaximumBandwidthInMbps": int(row["ebs_max_mbps"]),
            "MaximumIops": int(row["ebs_max_iops"]),
        }
    return info


def _disks(row: Mapping[str, str]) -> dict[str, Any]:
    count, total = int(row["local_disk_count"]), int(row["local_nvme_gb"])
    if not count:
        return {}
    disks = [{"SizeInGB": total // count, "Count": count, "Type": row["local_disk_type"]}]
    return {
        "TotalSizeInGB": total,
        "Disks": disks,
        "NvmeSupport": "required" if row["ena"] == "required" else "supported",
    }


def _gpus(row: Mapping[str, str]) -> dict[str, Any]:
    count, total = int(row["gpus"]), int(row["gpu_mem_mib"])
    if not count:
        return {}
    gpu = {"Name": row["gpu_name"], "Count": count, "MemoryInfo": {"SizeInMiB": total // count}}
    return {"Gpus": [gpu], "TotalGpuMemoryInMiB": total}


def describe_instance_type_offerings(call: Call) -> Answer:
    """List which types the region, or each of its zones, offers."""
    where = call.get("LocationType", "region")
    if where not in ("region", "availability-zone"):
        raise invalid_value("LocationType", where)
    pairs: list[tuple[str, str]] = []
    for name in instance_types():
        zones = zones_of(call.state.chance, name)
        pairs += (
            [(name, zone) for zone in zones] if where != "region" else [(name, COMPUTE_REGION)] * bool(zones)
        )
    fields: Fields[tuple[str, str]] = {"instance-type": lambda p: [p[0]], "location": lambda p: [p[1]]}
    keep = matching(call.get("Filters", ()), fields)
    found, token = page(
        sorted(pairs, key="\0".join), call.parameters, OFFERING_PAGES, key="\0".join, keep=keep
    )
    offered = [{"InstanceType": name, "LocationType": where, "Location": place} for name, place in found]
    return {"InstanceTypeOfferings": offered, **token}


OPERATIONS = {
    "DescribeInstanceTypes": describe_instance_types,
    "DescribeInstanceTypeOfferings": describe_instance_type_offerings,
}
