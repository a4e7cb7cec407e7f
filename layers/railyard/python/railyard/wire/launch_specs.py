"""Worker types of Taskcluster's aws-provisioner, and what becomes of them here: a pool and an AMI set.

A worker type says in three or four sections what a machine is: ``launchSpec`` for all, then by region, by availability
zone, by instance type; a later one overlays an earlier one key by key. A machine's spec is that overlay for its region,
zone and type. A pool says one thing for all its types: where the overlays of types differ in what a pool says, there is
no such pool. What has no counterpart here is named in a warning. Nothing is told of values: they may be secrets.

Source of the form: taskcluster/aws-provisioner, its schemas and worker-type.js (2019, the last).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import partial
from itertools import product
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from railyard.errors import InvalidRequest
from railyard.wire.ami_sets import read_ami_set
from railyard.wire.decoding import check, defects
from railyard.wire.pools import pool_defects
from railyard.wire.requests import Name
from railyard.wire.worker_types import (
    Device,
    Ebs,
    GroupId,
    Interface,
    RegionSection,
    RegionSpec,
    Spec,
    TypeSection,
    WorkerType,
    ZoneSection,
)

S = TypeVar("S", bound=Struct)

LISTED: Mapping[str, type[Struct]] = {"BlockDeviceMappings": Device, "NetworkInterfaces": Interface}
FORCED: Mapping[str, str] = {
    "KeyName": "the provisioner set it: leave it out, and name a key in the pool's key_name or ssh_keys",
    "InstanceType": "the provisioner set it: types are named in instanceTypes",
    "AvailabilityZone": "the provisioner set it: zones are named in availabilityZones",
    "UserData": "the provisioner set it: leave it out",
}
"""Keys that no launch spec may have, and what to do."""
UNSAID: Mapping[str, str] = {
    "userData": "what a job must know goes into the parameters of its request",
    "secrets": "a machine fetches secrets with its role, the pool's instance_profile",
    "scopes": "who may ask is in the pool's requesters",
    "scalingRatio": "machines are launched for requests, not for a share of what is pending",
    "minCapacity": "no machine is kept for nobody; an empty one lives for the pool's idle_seconds",
    "minPrice": "there are no bids, a spot machine costs what the market asks",
    "lastModified": "it is the provisioner's",
    "AddressingType": "the subnet decides about public addresses",
    "AssociatePublicIpAddress": "the subnet decides about public addresses",
    "EbsOptimized": "types of today always are",
    "MonitoringEnabled": "detailed monitoring stays off",
    "Tenancy": "machines run on shared hardware",
    "GroupName": "there are no placement groups",
    "SnapshotId": "the data disk begins empty, the root disk is the image's",
    "KmsKeyId": "disks are encrypted with the account's key for EBS",
    "DeleteOnTermination": "what belongs to a machine goes with it",
    **dict.fromkeys(
        (
            "Description",
            "Ipv6AddressCount",
            "Ipv6Addresses",
            "NetworkInterfaceId",
            "PrivateIpAddress",
            "PrivateIpAddresses",
            "SecondaryPrivateIpAddressCount",
        ),
        "EC2 and the subnet decide",
    ),
}
"""Fields without a counterpart, and what stands in for them."""
ROOT_DEVICE, OTHER_ROOTS = "/dev/xvda", ("/dev/sda1", "/dev/sda")
VOLUME_TYPES: Mapping[str, tuple[str, ...]] = {
    "gp3": ("iops", "throughput"),
    "gp2": (),
    "io1": ("iops",),
    "io2": ("iops",),
}
"""Types of a pool's data disk, and what each may be asked for."""
ROOT_GIB, MAX_INSTANCES, LONGEST_TEXT = 16, 100_000, 256
"""The smallest root disk and the highest ceiling of a pool; the longest description, and EC2's longest tag value."""
_GRAVITON = re.compile(r"^(a1|[a-z]+[0-9]+[a-z]*g[a-z]*)(-[a-z0-9]+)*\.")
"""Families with a ``g`` behind the generation are arm64. Source: EC2, instance type naming conventions (2026)."""
Overlay = Mapping[str, tuple[str, Any]]
"""Key of a launch spec -> (path, value)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What became of a worker type; no *pool* and no *ami_set* if there are *errors*. Those say ``path: what``."""

    name: str
    pool: dict[str, Any] = field(default_factory=dict)
    ami_set: dict[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Findings:
    """What is told of a document on the way through it."""

    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sections:
    """What of a worker type is sound: the document as a whole, its launch spec, and each section by its path."""

    whole: WorkerType | None
    general: Mapping[str, Any] | None
    region_names: tuple[str, ...]
    regions: dict[str, RegionSection]
    zones: dict[str, ZoneSection]
    types: dict[str, TypeSection]

    def overlays(self, region: str, types: Iterable[str]) -> Iterator[tuple[str, str, Overlay]]:
        """Yield (zone or "", type, spec) of each kind of machine in *region*; all are paths."""
        name = self.regions[region].region
        zones = [path for path, each in self.zones.items() if each.region == name]
        for zone, kind in product(zones or [""], types) if self.general is not None else ():
            layers = {"": self.general or {}, region: self.regions[region].launch_spec}
            layers |= {zone: self.zones[zone].launch_spec} if zone else {}
            layers |= {kind: self.types[kind].launch_spec}
            yield (
                zone,
                kind,
                {
                    key: (_under(path, f"launchSpec.{key}"), value)
                    for path, spec in layers.items()
                    for key, value in spec.items()
                },
            )


def import_worker_type(
    value: object, *, region: str, name: str = "", types: Sequence[str] = ("*",)
) -> Imported:
    """Return the pool that *value*, parsed JSON, means in *region*, and the AMI set of all its regions; never raises.

    *name* is that of both, the worker type's own if empty. *types* are globs: the instance types that the pool shall
    have, where one pool cannot have all of them.
    """
    told = _Findings()
    given = name or (value.get("workerType") if isinstance(value, Mapping) else None)
    told.errors.extend(_name_defects(given, "--name" if name else "workerType"))
    called = given if isinstance(given, str) else ""
    found = _read(value, told)
    chosen = [path for path, each in found.types.items() if _chosen(each.instance_type, types)]
    told.errors.extend(_contradictions(found, chosen, region))
    where = next((path for path, each in found.regions.items() if each.region == region), "")
    if not chosen and (found.types or not told.errors):
        told.errors.append("instanceTypes: none that is sound is among --types")
    fields = _fields(found, where, chosen, told) if where and chosen else {}
    if found.whole is None or told.errors:
        return Imported(name=called, errors=_located(told.errors))
    pool = _pool(found.whole, [found.types[path] for path in chosen], fields, told)
    ami_set = _ami_set(found, called, pool["architectures"][0], told)
    told.errors.extend(() if told.errors else _refusals(called, pool, ami_set))
    if told.errors:
        return Imported(name=called, errors=_located(told.errors))
    told.warnings.extend(_left(found, found.whole, where, chosen))
    return Imported(name=called, pool=pool, ami_set=ami_set, warnings=tuple(dict.fromkeys(told.warnings)))


def _located(errors: Iterable[str]) -> tuple[str, ...]:
    """Return each error once; what a document says under an empty key is wrong at its root."""
    return tuple(dict.fromkeys(f"${each}" if each.startswith(":") else each for each in errors))


def _chosen(instance_type: str, types: Sequence[str]) -> bool:
    return any(fnmatchcase(instance_type, glob) for glob in types)


def _under(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


# What is written, section by section


def _read(value: object, told: _Findings) -> _Sections:
    """Return what is sound, and tell every defect."""
    if not isinstance(value, Mapping):
        told.errors.append(f"$: a worker type is an object, this is a {type(value).__name__}")
        value = {}
        whole = None
    else:
        whole = _sound(WorkerType, value, "", told)
    general = value.get("launchSpec", {})
    listed = value.get("regions")
    names = (
        [each.get("region") for each in listed if isinstance(each, Mapping)]
        if isinstance(listed, list)
        else []
    )
    return _Sections(
        whole=whole,
        general=general if _spec_is_sound(general, "launchSpec", told) else None,
        region_names=tuple(each for each in names if isinstance(each, str)),
        regions=_each(RegionSection, value, "regions", "region", told),
        zones=_each(ZoneSection, value, "availabilityZones", "availabilityZone", told),
        types=_each(TypeSection, value, "instanceTypes", "instanceType", told),
    )


def _each(kind: type[S], value: Mapping[str, Any], key: str, called: str, told: _Findings) -> dict[str, S]:
    """Return the sound sections of a list by their paths; a name that came before is a defect."""
    sound: dict[str, S] = {}
    before: dict[str, str] = {}
    listed = value.get(key)
    for place, item in enumerate(listed if isinstance(listed, list) else ()):
        path = f"{key}[{place}]"
        section = _sound(kind, item, path, told)
        about = item if isinstance(item, Mapping) else {}
        name = about.get(called)
        if isinstance(name, str) and before.setdefault(name, path) != path:
            told.errors.append(f"{path}.{called}: {name} is there already, in {before[name]}")
            section = None
        spec = about.get("launchSpec", {})
        if _spec_is_sound(spec, f"{path}.launchSpec", told, whole=kind is RegionSection) and section:
            sound[path] = section
    return sound


def _spec_is_sound(spec: object, path: str, told: _Findings, *, whole: bool = False) -> bool:
    """Tell every defect of a launch spec, and whether there was none. *whole*: it names an image, others may not."""
    if not isinstance(spec, Mapping):
        return False  # its section says so
    wrong = [f"{path}.{key}: {what}" for key, what in FORCED.items() if key in spec]
    rest = {key: each for key, each in spec.items() if key not in FORCED}
    if isinstance(placement := spec.get("Placement"), Mapping) and "AvailabilityZone" in placement:
        wrong.append(f"{path}.Placement.AvailabilityZone: {FORCED['AvailabilityZone']}")
        rest["Placement"] = {key: each for key, each in placement.items() if key != "AvailabilityZone"}
    if "ImageId" in rest and not whole:
        wrong.append(f"{path}.ImageId: images are named in the launchSpec of each region, and nowhere else")
        del rest["ImageId"]
    for key, kind in LISTED.items():
        if isinstance(listed := rest.get(key), list):
            for place, item in enumerate(listed):
                wrong += defects(item, kind, f"{path}.{key}[{place}]")
            rest[key] = []
    wrong += defects(rest, RegionSpec if whole else Spec, path)
    told.errors.extend(wrong)
    return not wrong


def _sound(kind: type[S], value: object, path: str, told: _Findings) -> S | None:
    found = list(defects(value, kind, path))
    told.errors.extend(found)
    return None if found else check(kind, value)


def _name_defects(given: object, path: str) -> Iterator[str]:
    if given is None or given == "":
        yield f"{path}: missing: say --name, what the pool and the AMI set shall be called"
    elif isinstance(given, str) and any(defects(given, Name, path)):
        fit = re.sub(r"[^a-z0-9]+", "-", given.lower())[:63].strip("-") or "ci"
        yield f"{path}: not a pool's name, which has a-z, 0-9 and hyphens: say --name, such as {fit}"


# What is right by itself, and wrong beside something else


def _contradictions(found: _Sections, chosen: Sequence[str], region: str) -> Iterator[str]:
    if found.whole:
        yield from _whole_contradictions(found.whole)
    if found.region_names and region not in found.region_names:
        yield f"regions: {region} is not there; {', '.join(found.region_names)} are"
    for path, zone in found.zones.items():
        if zone.region not in found.region_names:
            yield f"{path}.region: {zone.region} is not among the regions"
        if not zone.availability_zone.startswith(zone.region):
            yield f"{path}.availabilityZone: {zone.availability_zone} is not in {zone.region}"
    first = found.types[chosen[0]].instance_type if chosen else ""
    for path in chosen:
        other = found.types[path].instance_type
        if _architecture(other) != _architecture(first):
            yield (
                f"{path}.instanceType: {other} is {_architecture(other)}, {first} is {_architecture(first)}, and a "
                "region has one image: import them apart, by --types"
            )
    for where in found.regions:
        for _, _, overlay in found.overlays(where, found.types):
            yield from _conflicts(overlay)


def _whole_contradictions(whole: WorkerType) -> Iterator[str]:
    if whole.min_capacity > whole.max_capacity:
        yield "minCapacity: more than maxCapacity"
    if whole.min_price > whole.max_price:
        yield "minPrice: more than maxPrice"
    if whole.can_use_spot is False and not whole.can_use_ondemand:
        yield "canUseSpot: neither spot nor on-demand machines are allowed"


def _conflicts(overlay: Overlay) -> Iterator[str]:
    """Yield what EC2 would not launch of the spec of one machine."""
    said = {key: path for key, (path, each) in overlay.items() if each}
    for key in ("SubnetId", "SecurityGroups", "SecurityGroupIds"):
        if key in said and "NetworkInterfaces" in said:
            yield f"{said['NetworkInterfaces']}: beside {said[key]}: EC2 takes one or the other"
    if "SubnetId" in said and "SecurityGroups" in said:
        yield f"{said['SecurityGroups']}: beside {said['SubnetId']}: groups in a subnet are SecurityGroupIds"
    for key in ("KernelId", "RamdiskId"):
        if key in said:
            yield f"{said[key]}: it is for paravirtual images, and pools launch hvm images alone"
    profile = overlay.get("IamInstanceProfile", ("", {}))[1]
    if profile.get("Arn") and profile.get("Name"):
        yield f"{said['IamInstanceProfile']}: both Arn and Name: EC2 takes one of them"
    for place, device in enumerate(overlay.get("BlockDeviceMappings", ("", ()))[1]):
        ebs = device.get("Ebs", {})
        if ebs.get("VolumeType") in ("io1", "io2") and ebs.get("Iops") is None:
            yield f"{said['BlockDeviceMappings']}[{place}].Ebs.Iops: missing, {ebs['VolumeType']} needs it"


# What a pool says of its machines


def _fields(found: _Sections, region: str, chosen: Sequence[str], told: _Findings) -> dict[str, Any]:
    """Return the fields of a pool that launch specs decide; tells where its machines would have to differ."""
    first: dict[str, tuple[Any, str]] = {}
    subnets: dict[str, tuple[str, ...]] = {}
    for zone, kind, overlay in found.overlays(region, chosen):
        said = _machine(overlay, told)
        first = first or said
        here = subnets.setdefault(zone, said["subnets"][0])
        for key, (value, path) in said.items():
            if value != (here if key == "subnets" else first[key][0]):
                at = max(path, first[key][1], f"{zone or region}.launchSpec", key=_rank)
                told.errors.append(f"{at}: {_difference(found, zone, kind, chosen[0], key)}")
    told.errors.extend(
        f"{zone}.launchSpec: has no SubnetId, and others have: a pool lists all of its subnets, or none"
        for zone, each in subnets.items()
        if not each and any(subnets.values())
    )
    told.warnings.extend(
        f"{zone}.availabilityZone: a pool without subnets uses every zone: list those of its zones there"
        for zone, each in subnets.items()
        if zone and not each
    )
    fields = {key: value for key, (value, _) in first.items()}
    return fields | {"subnets": tuple(dict.fromkeys(each for listed in subnets.values() for each in listed))}


def _difference(found: _Sections, zone: str, kind: str, first: str, key: str) -> str:
    if kind == first:
        name = found.zones[zone].availability_zone
        return f"{name} differs from zones before it in {key}: a pool says one thing of all its zones"
    names = found.types[first].instance_type, found.types[kind].instance_type
    return f"{names[0]} and {names[1]} differ in {key}: import them apart, by --types"


def _rank(path: str) -> int:
    """Tell how special the section of *path* is."""
    order = ("launchSpec", "regions", "availabilityZones", "instanceTypes")
    return max((place for place, each in enumerate(order) if path.startswith(each)), default=-1)


def _machine(overlay: Overlay, told: _Findings) -> dict[str, tuple[Any, str]]:
    """Return field of a pool -> (what the spec of a machine says of it, and where); ``disk.`` before those of disks."""
    spec = check(RegionSpec, {key: value for key, (_, value) in overlay.items()})
    at = {key: path for key, (path, _) in overlay.items()}
    told.warnings.extend(_unsaid(spec, at.__getitem__))
    told.warnings.extend(_unsaid(spec.placement, lambda key: f"{at['Placement']}.{key}"))
    if spec.iam_instance_profile.name:
        told.warnings.append(
            f"{at['IamInstanceProfile']}.Name: write its ARN into the pool's instance_profile, or "
            "machines have the stack's own role"
        )
    where = at.get("BlockDeviceMappings", "")
    disk = _disk(spec.block_device_mappings, where, told)
    return {
        **_network(spec, at, told),
        "instance_profile": (spec.iam_instance_profile.arn, at.get("IamInstanceProfile", "")),
        **{f"disk.{key}": (value, where) for key, value in disk.items()},
    }


def _network(spec: Spec, at: Mapping[str, str], told: _Findings) -> dict[str, tuple[Any, str]]:
    """Return subnets and security groups of a machine: those of its first interface, or its own."""
    path = at.get("NetworkInterfaces", "")
    ordered = sorted(enumerate(spec.network_interfaces), key=lambda each: each[1].device_index or 0)
    told.warnings.extend(
        f"{path}[{place}]: not taken: a machine has one interface" for place, _ in ordered[1:]
    )
    for place, each in ordered[:1]:
        told.warnings.extend(_unsaid(each, lambda key, place=place: f"{path}[{place}].{key}"))  # type: ignore[misc]
        subnet, groups = each.subnet_id, each.groups
        return {"subnets": ((subnet,) if subnet else (), path), "security_groups": (groups, path)}
    named = [each for each in spec.security_groups if any(defects(each, GroupId, ""))]
    told.warnings.extend(
        f"{at['SecurityGroups']}[{place}]: a name: list the group's id in the pool's security_groups, or "
        "machines have the stack's own group, without ingress"
        for place, each in enumerate(spec.security_groups)
        if each in named
    )
    ids = (*spec.security_group_ids, *(each for each in spec.security_groups if each not in named))
    return {
        "subnets": ((spec.subnet_id,) if spec.subnet_id else (), at.get("SubnetId", "")),
        "security_groups": (
            tuple(dict.fromkeys(ids)),
            at.get("SecurityGroupIds") or at.get("SecurityGroups", ""),
        ),
    }


def _disk(devices: Sequence[Device], path: str, told: _Findings) -> dict[str, Any]:
    """Return what a pool says of disks, None where the spec says nothing. A machine has a root and one data disk."""
    said: dict[str, Any] = dict.fromkeys(("root_gib", "type", "iops", "throughput")) | {"default_gib": 0}
    roots = data = 0
    for place, device in enumerate(devices):
        at = f"{path}[{place}]"
        if device.no_device is not None:
            told.warnings.append(f"{at}.NoDevice: not taken: a machine has all disks of its image")
        elif device.virtual_name:
            told.warnings.append(f"{at}.VirtualName: not taken: requests ask for local_disk_gib")
        elif device.device_name in (ROOT_DEVICE, *OTHER_ROOTS) and not roots:
            roots += 1
            said["root_gib"] = _root(device, at, told)
        elif not data:
            data += 1
            said |= _data(device.ebs, f"{at}.Ebs", told)
        else:
            told.warnings.append(f"{at}: not taken: a machine has one data disk")
    return said


def _root(device: Device, at: str, told: _Findings) -> int | None:
    """Return the size of the root disk, which is gp3 in every pool."""
    ebs, under = device.ebs, f"{at}.Ebs"
    told.warnings.extend(_unsaid(ebs, lambda key: f"{under}.{key}"))
    if device.device_name in OTHER_ROOTS:
        told.warnings.append(
            f"{at}.DeviceName: the image's root must be {ROOT_DEVICE}, as machines have it here"
        )
    if ebs.volume_type not in (None, "gp3"):
        told.warnings.append(f"{under}.VolumeType: not taken: root disks are gp3")
    for key, value in (("Iops", ebs.iops), ("Throughput", ebs.throughput)):
        if value is not None:
            told.warnings.append(f"{under}.{key}: not taken: root disks have gp3's own")
    if ebs.volume_size is not None and ebs.volume_size < ROOT_GIB:
        told.warnings.append(f"{under}.VolumeSize: {ROOT_GIB} instead, the smallest root disk of a pool")
    return max(ROOT_GIB, ebs.volume_size) if ebs.volume_size else None


def _data(ebs: Ebs, at: str, told: _Findings) -> dict[str, Any]:
    """Return what a pool says of the data disk."""
    told.warnings.extend(_unsaid(ebs, lambda key: f"{at}.{key}"))
    if ebs.volume_size is None:
        told.errors.append(f"{at}.VolumeSize: missing: a data disk has a size")
    if ebs.volume_type not in (None, *VOLUME_TYPES):
        told.warnings.append(f"{at}.VolumeType: gp3 instead; a pool has {', '.join(VOLUME_TYPES)}")
    kind = ebs.volume_type if ebs.volume_type in VOLUME_TYPES else None
    said: dict[str, Any] = {"default_gib": ebs.volume_size, "type": kind}
    for key, name, value in (("iops", "Iops", ebs.iops), ("throughput", "Throughput", ebs.throughput)):
        if value is not None and key in VOLUME_TYPES.get(ebs.volume_type or "", ()):
            said[key] = value
        elif value is not None:
            told.warnings.append(
                f"{at}.{name}: not taken: {ebs.volume_type or 'its type'} has none to choose"
            )
    return said


def _unsaid(section: Struct, at: Callable[[str], str]) -> Iterator[str]:
    """Yield a warning for each field that says something and has no counterpart; *at* gives its path."""
    for each in msgspec.structs.fields(section):
        key, value = each.encode_name, getattr(section, each.name)
        silent = value is not False if key == "DeleteOnTermination" else not value or value == "default"
        if key in UNSAID and not silent:
            yield f"{at(key)}: not taken: {UNSAID[key]}"


# The documents


def _pool(
    whole: WorkerType, types: Sequence[TypeSection], fields: Mapping[str, Any], told: _Findings
) -> dict[str, Any]:
    """Return the pool's document, without what is as it is by default."""
    alone = all(each.capacity == 1 for each in types)
    instances = _instances(whole, types, told)
    dearest = max(each.utility for each in types) * whole.max_price
    told.warnings.append(
        "maxPrice: a ceiling of each machine there; here limits.usd_per_hour is one of the sum, counted in on-demand "
        "prices"
    )
    disk = {key.removeprefix("disk."): fields[key] for key in fields if key.startswith("disk.")}
    said = {
        "architectures": [_architecture(types[0].instance_type)],
        "markets": list(_markets(whole, told)),
        "sharing": ["exclusive" if alone else "requester"],
        "types": {"allow": [each.instance_type for each in types]},
        "subnets": list(fields["subnets"]),
        "security_groups": list(fields["security_groups"]),
        "instance_profile": fields["instance_profile"],
        "limits": {
            "instances": instances,
            "usd_per_hour": round(instances * dearest, 6),
            "per_requester": {"instances": max(1, instances)},
        },
        "disk": {key: value for key, value in disk.items() if value is not None},
        "tags": _tags(whole, told),
    }
    return {key: value for key, value in said.items() if value}


def _instances(whole: WorkerType, types: Sequence[TypeSection], told: _Findings) -> int:
    """Return the machines that the worker type may have had: as many as its smallest type needs for its capacity."""
    instances = math.ceil(whole.max_capacity / min(each.capacity for each in types))
    if instances > MAX_INSTANCES:
        told.errors.append(f"maxCapacity: {instances} machines, a pool has at most {MAX_INSTANCES}")
    if len({each.capacity for each in types}) > 1:
        told.warnings.append(
            "maxCapacity: tasks there, machines here: as many as the smallest type needs for it"
        )
    return instances


def _markets(whole: WorkerType, told: _Findings) -> tuple[str, ...]:
    """Return the markets, the usual one first. The provisioner itself knew spot alone, whatever was written."""
    if not whole.can_use_ondemand:
        return ("spot",)
    told.warnings.append("canUseOndemand: taken at its word; the provisioner launched spot machines alone")
    return ("on-demand",) if whole.can_use_spot is False else ("spot-first", "spot", "on-demand")


def _tags(whole: WorkerType, told: _Findings) -> dict[str, str]:
    if not whole.owner:
        return {}
    if len(whole.owner) > LONGEST_TEXT or not whole.owner.isprintable():
        told.warnings.append(
            f"owner: not taken: a tag has {LONGEST_TEXT} characters, none of them for control"
        )
        return {}
    return {"owner": whole.owner}


def _architecture(instance_type: str) -> str:
    return "arm64" if _GRAVITON.match(instance_type) else "amd64"


def _ami_set(found: _Sections, name: str, architecture: str, told: _Findings) -> dict[str, Any]:
    """Return the document of the set: the image of each region."""
    text = (found.whole.description if found.whole else None) or f"Images of the worker type {name}"
    if len(text) > LONGEST_TEXT:
        told.warnings.append(f"description: cut: an AMI set's has {LONGEST_TEXT} characters")
    images = [
        {
            "region": each.region,
            "architecture": architecture,
            "virtualization": "hvm",
            "image_id": each.launch_spec["ImageId"],
        }
        for each in found.regions.values()
    ]
    return {"id": name, "description": text[:LONGEST_TEXT], "images": images}


def _left(found: _Sections, whole: WorkerType, region: str, chosen: Sequence[str]) -> Iterator[str]:
    """Yield a warning for each section, and each field beside launch specs, that is in neither document."""
    name = found.regions[region].region
    yield from _unsaid(whole, str)
    for path, each in found.regions.items():
        if path == region:
            yield from _unsaid(each, partial(_under, path))
        else:
            yield f"{path}: its image is in the set; import it again with --region {each.region} for its pool"
    if len(found.regions) > 1:
        yield f"maxCapacity: for all {len(found.regions)} regions there; here for this pool alone"
    for path, zone in found.zones.items():
        if zone.region == name:
            yield from _unsaid(zone, partial(_under, path))
    several = len({found.types[path].utility for path in chosen}) > 1
    for path, kind in found.types.items():
        if path not in chosen:
            yield f"{path}: not among --types"
            continue
        yield from _unsaid(kind, partial(_under, path))
        if several:
            yield f"{path}.utility: not taken: of the types that fit a request the cheapest is launched"
        if kind.capacity != 1:
            yield f"{path}.capacity: not taken: a machine holds as many shares as fit by vCPUs, memory and disk"


def _refusals(name: str, pool: dict[str, Any], ami_set: dict[str, Any]) -> Iterator[str]:
    """Yield what those who read the documents have against them; nothing, unless they have become stricter."""
    yield from pool_defects(name, pool)
    try:
        read_ami_set(name, ami_set)
    except InvalidRequest as refused:
        yield f"{refused.path or '$'}: {refused}"
