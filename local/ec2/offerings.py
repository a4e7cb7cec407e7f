"""DescribeInstanceTypes and DescribeInstanceTypeOfferings from the project's table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from local.ec2.catalogue import InstanceType, instance_types, on_demand_usd_per_hour
from local.ec2.chance import Chance
from local.ec2.errors import invalid_value
from local.ec2.kinds import TYPE
from local.ec2.listing import Listing
from local.ec2.paging import Limits, Member
from local.ec2.state import Call, Operation
from local.ec2.world import COMPUTE_REGION, ZONES

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


def _shown(_: Call, kind: InstanceType) -> Member:
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


def _offered(call: Call) -> dict[str, Member]:
    """Return which types the region, or each of its zones, offers."""
    where = call.get("LocationType", "region")
    if where not in ("region", "availability-zone"):
        raise invalid_value("LocationType", where)
    zones = {name: zones_of(call.state.chance, name) for name in instance_types()}
    places = zones if where != "region" else {name: [COMPUTE_REGION] for name, of in zones.items() if of}
    return {
        f"{name}\0{place}": {"InstanceType": name, "LocationType": where, "Location": place}
        for name, of in places.items()
        for place in of
    }


OPERATIONS: dict[str, Operation] = {
    "DescribeInstanceTypes": Listing[InstanceType](
        member="InstanceTypes",
        store=lambda _: instance_types(),
        show=_shown,
        kind=TYPE,
        limits=Limits(5, 100),
        tagged=False,
        filters="instance-type current-generation bare-metal burstable-performance-supported hypervisor"
        " instance-storage-supported memory-info.size-in-mib=MemoryInfo.SizeInMiB"
        " processor-info.supported-architecture=ProcessorInfo.SupportedArchitectures"
        " supported-usage-class=SupportedUsageClasses vcpu-info.default-vcpus=VCpuInfo.DefaultVCpus"
        " supported-virtualization-type=SupportedVirtualizationTypes"
        " supported-root-device-type=SupportedRootDeviceTypes",
    ),
    "DescribeInstanceTypeOfferings": Listing[Member](
        member="InstanceTypeOfferings",
        store=_offered,
        show=lambda _, offer: offer,
        tagged=False,
        filters="instance-type location",
    ),
}
