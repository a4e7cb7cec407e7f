"""What a requester is told about a share on a running machine."""

from __future__ import annotations

from railyard.model.instances import Instance, Tenant
from railyard.model.requests import Allocation


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
