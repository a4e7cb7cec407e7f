"""The kinds of things that have ids: what EC2 calls them, and how it answers an id that it does not know."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from local.ec2.errors import Ec2Error

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind: how its ids begin, its name, the parameter that lists ids, and the codes for wrong ones."""

    prefix: str
    name: str
    asked: str = ""
    unknown: str = "InvalidID"
    malformed: str = ""


INSTANCE = Kind("i", "instance", "InstanceIds", "InvalidInstanceID.NotFound", "InvalidInstanceID.Malformed")
VOLUME = Kind("vol", "volume", "VolumeIds", "InvalidVolume.NotFound", "InvalidParameterValue")
MODIFICATION = Kind("vol", "modification", "VolumeIds", "InvalidVolumeModification.NotFound")
SNAPSHOT = Kind("snap", "snapshot", "SnapshotIds", "InvalidSnapshot.NotFound", "InvalidParameterValue")
IMAGE = Kind("ami", "image", "ImageIds", "InvalidAMIID.NotFound", "InvalidAMIID.Malformed")
INTERFACE = Kind(
    *("eni", "network-interface", "NetworkInterfaceIds"),
    *("InvalidNetworkInterfaceID.NotFound", "InvalidNetworkInterfaceId.Malformed"),
)
GROUP = Kind("sg", "security-group", "GroupIds", "InvalidGroup.NotFound")
SUBNET = Kind("subnet", "subnet", "SubnetIds", "InvalidSubnetID.NotFound")
VPC = Kind("vpc", "vpc", "VpcIds", "InvalidVpcID.NotFound")
FLEET = Kind("fleet", "fleet", "FleetIds", "InvalidFleetId.NotFound")
TEMPLATE = Kind(
    *("lt", "launch-template", "LaunchTemplateIds"),
    *("InvalidLaunchTemplateId.NotFound", "InvalidLaunchTemplateId.Malformed"),
)
REGION = Kind("", "region", "RegionNames", "InvalidParameterValue")
ZONE = Kind("", "availability zone", "ZoneNames", "InvalidParameterValue")
TYPE = Kind("", "instance type", "InstanceTypes", "InvalidInstanceType")
NAMELESS = Kind("", "resource")
_TAGGED = (INSTANCE, VOLUME, SNAPSHOT, IMAGE, INTERFACE, GROUP, SUBNET, VPC, FLEET, TEMPLATE)
BY_PREFIX = {kind.prefix: kind for kind in (*_TAGGED, Kind("sir", "spot-instances-request"))}


def find(kind: Kind, ids: Iterable[str], get: Callable[[str], T | None]) -> list[T]:
    """Return what *get* knows by *ids*, each once; one that it does not know fails the call.

    Raises:
        Ec2Error: the code of the kind.
    """
    found, absent = [], []
    for one in dict.fromkeys(ids):
        if kind.malformed and not re.fullmatch(rf"{kind.prefix}-[0-9a-f]{{8}}([0-9a-f]{{9}})?", one):
            raise Ec2Error(kind.malformed, f'Invalid id: "{one}" (expecting "{kind.prefix}-...")')
        thing = get(one)
        if thing is None:
            absent.append(one)
        else:
            found.append(thing)
    if absent:
        raise unknown(kind, *absent)
    return found


def unknown(kind: Kind, *ids: str) -> Ec2Error:
    """Return what EC2 says about ids that it does not know."""
    many, name = len(ids) > 1, kind.name.replace("-", " ")
    what = f"IDs '{', '.join(ids)}' do" if many else f"ID '{ids[0]}' does"
    return Ec2Error(kind.unknown, f"The {name} {what} not exist")
