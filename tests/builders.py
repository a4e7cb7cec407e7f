"""Values for tests: valid by default, a keyword for what matters."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from railyard.model.catalogue import Catalogue, InstanceType
from railyard.model.instances import Instance, InstanceState, Room, Sighting, Tenant
from railyard.model.launches import Launch, LaunchPlan, Offering, Slot
from railyard.model.messages import Message
from railyard.model.pools import Counters, Limits, Pool
from railyard.model.requests import Need, Request, RequestState, Share

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
ZONES = ("us-east-1a", "us-east-1b", "us-east-1c")


def a_type(name: str = "m7i.large", **changes: Any) -> InstanceType:
    """A type with 2 vCPUs and 8 GiB at ten cents an hour, in three zones."""
    base = InstanceType(
        name=name, architecture="amd64", vcpus=2, memory_mib=8192, zones=ZONES, usd_micros_per_hour=100_000
    )
    return replace(base, **changes)


def a_catalogue(*types: InstanceType) -> Catalogue:
    """A catalogue of *types*, or of three that double in size and price."""
    made = types or (
        a_type("m7i.large"),
        a_type("m7i.xlarge", vcpus=4, memory_mib=16_384, usd_micros_per_hour=200_000),
        a_type("m7i.2xlarge", vcpus=8, memory_mib=32_768, usd_micros_per_hour=400_000),
        a_type("m7g.large", architecture="arm64", usd_micros_per_hour=80_000),
    )
    return Catalogue(region="us-east-1", at=NOW, types=tuple(made))


def a_pool(name: str = "default", **changes: Any) -> Pool:
    """A pool of ten machines and ten dollars an hour."""
    base = Pool(
        name=name,
        generation=1,
        architectures=("amd64", "arm64"),
        markets=("on-demand", "spot", "spot-first"),
        sharing=("requester", "exclusive", "pool"),
        allow=("*",),
        deny=("*.metal",),
        subnets={zone: f"subnet-{i}" for i, zone in enumerate(ZONES)},
        security_groups=("sg-1",),
        instance_profile="arn:aws:iam::123456789012:instance-profile/node",
        key_name=None,
        ssh_keys=(),
        limits=Limits(
            instances=10, pending_instances=10, usd_micros_per_hour=10_000_000, requester_instances=10
        ),
    )
    return replace(base, **changes)


def counters(pool: Pool, **changes: Any) -> Counters:
    """Counters of *pool* with nothing in use."""
    limits = pool.limits
    base = Counters(
        pool=pool.name,
        slots_free=limits.instances,
        pending_free=limits.pending_instances,
        usd_micros_free=limits.usd_micros_per_hour,
    )
    return replace(base, **changes)


def a_request(request_id: str = "ci-1", **changes: Any) -> Request:
    """A request for one share of 2 vCPUs and 4 GiB that waits in the pool ``default``."""
    base = Request(
        request_id=request_id,
        state=RequestState.REQUESTED,
        requester="ci",
        reply_to="ci",
        pool="default",
        content="hash",
        need=Need(vcpus=2, memory_mib=4096),
        since=NOW,
        deadline=NOW + timedelta(minutes=15),
        waiting="default",
    )
    made = replace(base, **changes)
    return made if made.shares or not made.unanswered else made.opened()


def a_tenant(request_id: str = "ci-1", index: int = 0, **changes: Any) -> Tenant:
    """One share of 2 vCPUs and 4 GiB."""
    base = Tenant(
        request_id=request_id,
        index=index,
        requester="ci",
        sharing="requester",
        room=Room(vcpus=2, memory_mib=4096),
    )
    return replace(base, **changes)


def an_instance(instance_id: str = "i-0000000000000001", *tenants: Tenant, **changes: Any) -> Instance:
    """A READY machine of 4 vCPUs and 16 GiB with those *tenants*."""
    capacity = Room(vcpus=4, memory_mib=15_565, disk_gib=50)
    free = capacity
    for tenant in tenants:
        free = free.minus(tenant.room)
    base = Instance(
        instance_id=instance_id,
        state=InstanceState.READY,
        pool="default",
        launch_id="l-1",
        architecture="amd64",
        instance_type="m7i.xlarge",
        availability_zone="us-east-1a",
        market="on-demand",
        image_id="ami-1",
        template="railyard-default-1",
        usd_micros_per_hour=200_000,
        capacity=capacity,
        free=free,
        tenants=tenants,
        launched_at=NOW - timedelta(hours=1),
        ends_at=NOW + timedelta(days=7),
        ready_at=NOW - timedelta(minutes=59),
        idle_since=None if tenants else NOW - timedelta(minutes=1),
        private_ip="10.0.0.1",
        private_dns_name="ip-10-0-0-1.ec2.internal",
    )
    return replace(base, **changes)


def a_sighting(instance_id: str = "i-0000000000000001", **changes: Any) -> Sighting:
    """A running machine as EC2 shows it."""
    base = Sighting(
        instance_id=instance_id,
        state="running",
        instance_type="m7i.xlarge",
        availability_zone="us-east-1a",
        image_id="ami-1",
        market="on-demand",
        architecture="amd64",
        launched_at=NOW - timedelta(hours=1),
        private_ip="10.0.0.1",
        private_dns_name="ip-10-0-0-1.ec2.internal",
    )
    return replace(base, **changes)


def an_offering(name: str = "m7i.xlarge", zone: str = "us-east-1a", **changes: Any) -> Offering:
    """A type in a zone, on demand."""
    base = Offering(
        instance_type=name,
        availability_zone=zone,
        market="on-demand",
        usd_micros_per_hour=200_000,
        architecture="amd64",
        capacity=Room(vcpus=4, memory_mib=15_565, disk_gib=50),
    )
    return replace(base, **changes)


def a_launch(*tenants: Tenant, **changes: Any) -> Launch:
    """A launch in INTENT with one slot for each of *tenants*."""
    offering = an_offering()
    base = Launch(
        launch_id="l-1",
        open="open",
        pool="default",
        plan=LaunchPlan(
            template="railyard-default-1",
            images={"amd64": "ami-1"},
            market="on-demand",
            offerings=(offering,),
            subnets={"us-east-1a": "subnet-0"},
            root_gib=16,
            disk_gib=50,
            disk_type="gp3",
            disk_iops=None,
            disk_throughput=None,
            tags={"railyard:launch": "l-1"},
            ends_at=NOW + timedelta(days=7),
        ),
        slots=tuple(Slot(number=i, tenant=tenant) for i, tenant in enumerate(tenants)),
        deadline=NOW + timedelta(minutes=15),
        opened_at=NOW,
        first_call_at=NOW,
        lock_until=NOW + timedelta(seconds=90),
        reserved_usd_micros=300_000,
    )
    return replace(base, **changes)


def reserved(request: Request, launch_id: str = "l-1") -> Request:
    """*request* with all its shares in a launch."""
    return request.reserved(launch_id, frozenset(share.index for share in request.shares))


def fulfilled(request_id: str = "ci-1", instance_id: str = "i-0000000000000001", **changes: Any) -> Request:
    """A request FULFILLED a minute ago with one share on *instance_id*."""
    from railyard.model.allocations import allocation

    ready = an_instance(instance_id, a_tenant(request_id))
    request = reserved(a_request(request_id)).bound({0: instance_id})
    done = request.ready({0: allocation(ready, ready.tenants[0])}).fulfilled(NOW - timedelta(minutes=1))
    return replace(done, **changes)


def a_share(index: int = 0, **changes: Any) -> Share:
    """A share that is nowhere yet."""
    return replace(Share(index=index), **changes)


def a_message(body: str, message_id: str = "m-1", sender: str = "AROACI:session", **changes: Any) -> Message:
    """A message as SQS delivers it."""
    return replace(Message(message_id=message_id, body=body, sender=sender, sent_at=NOW), **changes)
