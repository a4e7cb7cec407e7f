"""What a requester is told about a share on a running machine."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from railyard.model.instances import Instance, Tenant


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """Where one share runs and what it has there. Field by field as in the answer: the contract."""

    index: int
    instance_id: str
    instance_type: str
    availability_zone: str
    market: str
    private_ip: str
    private_dns_name: str
    image_id: str
    usd_per_hour: float
    launched_at: datetime
    ends_at: datetime
    vcpus: int
    memory_mib: int
    disk_gib: int
    gpus: int


def allocation(instance: Instance, tenant: Tenant) -> Allocation:
    """Return the allocation of *tenant* on *instance*, which is READY."""
    return Allocation(
        index=tenant.index,
        instance_id=instance.instance_id,
        instance_type=instance.instance_type,
        availability_zone=instance.availability_zone,
        market=instance.market,
        private_ip=instance.private_ip,
        private_dns_name=instance.private_dns_name,
        image_id=instance.image_id,
        usd_per_hour=instance.usd_micros_per_hour / 1_000_000,
        launched_at=instance.launched_at,
        ends_at=instance.ends_at,
        vcpus=tenant.room.vcpus,
        memory_mib=tenant.room.memory_mib,
        disk_gib=tenant.room.disk_gib,
        gpus=tenant.room.gpus,
    )
