"""Worker types of Taskcluster's aws-provisioner, as documents: their sections, and the specs of machines in them.

Source of the form: taskcluster/aws-provisioner, its schemas (2019, the last).
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from railyard.wire.ami_sets import LARGEST, ImageId, Region
from railyard.wire.pools import Document

SubnetId = Annotated[str, Meta(pattern=r"^subnet-[0-9a-f]{8,17}$(?!\n)")]
GroupId = Annotated[str, Meta(pattern=r"^sg-[0-9a-f]{8,17}$(?!\n)")]
ProfileArn = Annotated[str, Meta(pattern=r"^arn:aws[a-z-]*:iam::[0-9]{12}:instance-profile/[!-~]+$(?!\n)")]
Zone = Annotated[str, Meta(pattern=r"^[a-z]{2}(-[a-z0-9]+)+[a-z]$(?!\n)", max_length=32)]
InstanceTypeName = Annotated[str, Meta(pattern=r"^[a-z0-9-]+\.[a-z0-9-]+$(?!\n)", max_length=64)]
Count = Annotated[float, Meta(ge=0, le=1_000_000)]
Dollars = Annotated[float, Meta(ge=0, le=10_000)]
Factor = Annotated[float, Meta(gt=0, le=10_000)]


class Section(Document, frozen=True, kw_only=True, rename="camel"):
    """What every section may say."""

    launch_spec: dict[str, Any] = msgspec.field(default_factory=dict)
    user_data: Any = None
    secrets: Any = None
    scopes: Any = None


class WorkerType(Section, frozen=True, kw_only=True, rename="camel"):
    """The document, without the contents of its sections."""

    worker_type: str | None = None
    description: str | None = None
    owner: str | None = None
    last_modified: Any = None
    min_capacity: Count = 0
    max_capacity: Count
    scaling_ratio: Any = None
    min_price: Dollars = 0
    max_price: Dollars
    can_use_ondemand: bool | None = None
    can_use_spot: bool | None = None
    regions: Annotated[list[Any], Meta(min_length=1, max_length=LARGEST)]
    availability_zones: tuple[Any, ...] = ()
    instance_types: Annotated[list[Any], Meta(min_length=1)]


class RegionSection(Section, frozen=True, kw_only=True, rename="camel"):
    """A region, with its image."""

    region: Region
    launch_spec: dict[str, Any]


class ZoneSection(Section, frozen=True, kw_only=True, rename="camel"):
    """An availability zone. If any are named, machines run in those alone."""

    region: Region
    availability_zone: Zone


class TypeSection(Section, frozen=True, kw_only=True, rename="camel"):
    """An instance type. *capacity*: tasks at once; *utility*: what it is worth beside others of the same price."""

    instance_type: InstanceTypeName
    capacity: Annotated[float, Meta(ge=1, le=10_000)]
    utility: Factor


class Ebs(Document, frozen=True, kw_only=True, rename="pascal"):
    """A volume."""

    volume_size: Annotated[int, Meta(ge=1, le=16_384)] | None = None
    volume_type: str | None = None
    iops: Annotated[int, Meta(ge=100, le=256_000)] | None = None
    throughput: Annotated[int, Meta(ge=125, le=2_000)] | None = None
    delete_on_termination: bool | None = None
    encrypted: bool | None = None
    snapshot_id: str | None = None
    kms_key_id: str | None = None


class Device(Document, frozen=True, kw_only=True, rename="pascal"):
    """A block device mapping."""

    device_name: Annotated[str, Meta(min_length=1)]
    virtual_name: str | None = None
    no_device: str | None = None
    ebs: Ebs = Ebs()


class Interface(Document, frozen=True, kw_only=True, rename="pascal"):
    """A network interface; the first one's subnet and groups are the machine's."""

    device_index: int | None = None
    subnet_id: SubnetId | None = None
    groups: tuple[GroupId, ...] = ()
    associate_public_ip_address: Any = None
    delete_on_termination: Any = None
    description: Any = None
    ipv6_address_count: Any = None
    ipv6_addresses: Any = None
    network_interface_id: Any = None
    private_ip_address: Any = None
    private_ip_addresses: Any = None
    secondary_private_ip_address_count: Any = None


class Profile(Document, frozen=True, kw_only=True, rename="pascal"):
    """The machine's role, by one of both."""

    arn: ProfileArn | None = None
    name: str | None = None


class Placement(Document, frozen=True, kw_only=True, rename="pascal"):
    """Where on Amazon's floor."""

    tenancy: Any = None
    group_name: Any = None


class Spec(Document, frozen=True, kw_only=True, rename="pascal"):
    """The keys that the provisioner let into a launch spec, less those that it set itself."""

    security_groups: tuple[str, ...] = ()
    security_group_ids: tuple[GroupId, ...] = ()
    addressing_type: Any = None
    block_device_mappings: tuple[Device, ...] = ()
    ebs_optimized: Any = None
    iam_instance_profile: Profile = Profile()
    kernel_id: Any = None
    monitoring_enabled: Any = None
    network_interfaces: tuple[Interface, ...] = ()
    placement: Placement = Placement()
    ramdisk_id: Any = None
    subnet_id: SubnetId | None = None


class RegionSpec(Spec, frozen=True, kw_only=True, rename="pascal"):
    """A region's launch spec, and a whole one: with an image."""

    image_id: ImageId
