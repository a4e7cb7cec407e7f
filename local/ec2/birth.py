"""How an instance comes to be: its address, volumes, tags and all that EC2 says about it from then on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local.ec2.devices import block_devices, make_volumes
from local.ec2.instance import Instance
from local.ec2.interfaces import with_public_address
from local.ec2.launching import Place
from local.ec2.life import begin
from local.ec2.state import Call, State
from local.ec2.templates import group_ids
from local.ec2.volume import Volume
from local.ec2.volume_limits import death_by_quota


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """What all instances of one launch have in common.

    *client_token* is what the caller said; the instances of a fleet have tokens of their own.
    """

    place: Place
    image: Mapping[str, Any]
    fleet_id: str = ""
    client_token: str = ""

    @property
    def data(self) -> Mapping[str, Any]:
        """What the template says, with the request over it."""
        return self.place.data


def launch(call: Call, plan: Launch, count: int, first_number: int) -> list[str]:
    """Launch *count* instances in one reservation and return their ids. The capacity is already taken."""
    reservation_id = call.state.chance.id("r")
    return [_launch_one(call, plan, reservation_id, i, first_number + i) for i in range(count)]


def _launch_one(call: Call, plan: Launch, reservation_id: str, index: int, number: int) -> str:
    state, data = call.state, plan.data
    instance_id = state.appears_late(state.chance.id("i"), state.timing.visibility)
    devices = block_devices(call, plan.image, data)
    volumes = make_volumes(call, devices, instance_id, plan.place.zone)
    state.appear_at.update({volume.volume_id: state.appear_at[instance_id] for volume in volumes})
    birth = _birth(call, plan) | {
        "InstanceId": instance_id,
        "AmiLaunchIndex": index,
        "LaunchTime": state.second,
        "ClientToken": plan.client_token or f"{plan.fleet_id}-{number}",
    }
    public = bool((data.get("NetworkInterfaces") or [{}])[0].get("AssociatePublicIpAddress", True))
    instance = Instance(
        instance_id=instance_id,
        sequence=next(state.sequence),
        reservation_id=reservation_id,
        pool=plan.place.pool,
        birth=with_public_address(birth, state.public_address() if public else None),
        user_data=data.get("UserData", ""),
        shutdown_behavior=data.get("InstanceInitiatedShutdownBehavior", "stop"),
        protected=bool(data.get("DisableApiTermination")),
        stop_protected=bool(data.get("DisableApiStop")),
        public=public,
        booted_at=state.second,
    )
    _enter(state, plan.place, instance, volumes)
    return instance_id


def _enter(state: State, place: Place, instance: Instance, volumes: list[Volume]) -> None:
    """Take a new instance, its volumes and the tags of all of them into the account."""
    tags_visible_at = state.soon(state.timing.tag_visibility)
    for volume in volumes:
        state.volumes.put(volume)
        state.tags.put(volume.volume_id, place.tags.get("volume", {}), tags_visible_at)
    interface_id = instance.interface["NetworkInterfaceId"]
    state.tags.put(interface_id, place.tags.get("network-interface", {}))
    if request_id := instance.birth.get("SpotInstanceRequestId"):
        state.tags.put(request_id, place.tags.get("spot-instances-request", {}))
    state.tags.put(instance.instance_id, place.tags.get("instance", {}), tags_visible_at)
    death = state.stillbirths.reason(state.chance, instance)
    begin(state, instance, death or death_by_quota(state.volumes, state.ebs, volumes))


def _birth(call: Call, plan: Launch) -> dict[str, Any]:
    data, image, state = plan.data, plan.image, call.state
    address = state.subnets[plan.place.subnet_id].take()
    ids = group_ids(data) or (_default_group(call),)
    groups = [{"GroupId": i, "GroupName": state.groups[i]["GroupName"]} for i in ids]
    host = f"ip-{address.replace('.', '-')}.ec2.internal"
    options = {
        "KeyName": data.get("KeyName"),
        "BootMode": image.get("BootMode"),
        "IamInstanceProfile": _profile(state.account, data.get("IamInstanceProfile") or {}),
    }
    if plan.place.market == "spot":
        options |= {"InstanceLifecycle": "spot", "SpotInstanceRequestId": state.chance.id("sir")[:12]}
    return {
        "ImageId": image["ImageId"],
        "InstanceType": plan.place.instance_type,
        "Architecture": image["Architecture"],
        "VirtualizationType": image.get("VirtualizationType", "hvm"),
        "Hypervisor": image.get("Hypervisor", "xen"),
        "PlatformDetails": image.get("PlatformDetails", "Linux/UNIX"),
        "RootDeviceName": image["RootDeviceName"],
        "RootDeviceType": image.get("RootDeviceType", "ebs"),
        "EnaSupport": image.get("EnaSupport", True),
        "EbsOptimized": bool(data.get("EbsOptimized", False)),
        "SubnetId": plan.place.subnet_id,
        "VpcId": state.vpc_id,
        "PrivateIpAddress": address,
        "PrivateDnsName": host,
        "PublicDnsName": "",
        "SourceDestCheck": True,
        "Monitoring": {"State": "enabled" if (data.get("Monitoring") or {}).get("Enabled") else "disabled"},
        "SecurityGroups": groups,
        "NetworkInterfaces": [_interface(call, plan, address, groups)],
        "MetadataOptions": _metadata_options(data.get("MetadataOptions") or {}),
        **{name: value for name, value in options.items() if value},
    }


def _default_group(call: Call) -> str:
    return next(i for i, group in call.state.groups.items() if group["GroupName"] == "default")


def _profile(account: str, profile: Mapping[str, str]) -> dict[str, str]:
    arn = profile.get("Arn") or f"arn:aws:iam::{account}:instance-profile/{profile.get('Name')}"
    known = {"Arn": arn, "Id": f"AIPA{hashlib.sha256(arn.encode()).hexdigest()[:17].upper()}"}
    return known if profile else {}


def _metadata_options(asked: Mapping[str, Any]) -> dict[str, Any]:
    default = {"HttpTokens": "optional", "HttpPutResponseHopLimit": 1, "HttpEndpoint": "enabled"}
    more = {"HttpProtocolIpv6": "disabled", "InstanceMetadataTags": "disabled"}
    return {**default, **more, **asked, "State": "applied"}


def _interface(call: Call, plan: Launch, address: str, groups: list[dict[str, str]]) -> dict[str, Any]:
    number = sum(int(part) << 8 * i for i, part in enumerate(reversed(address.split("."))))
    return {
        "NetworkInterfaceId": call.state.chance.id("eni"),
        "SubnetId": plan.place.subnet_id,
        "VpcId": call.state.vpc_id,
        "OwnerId": call.state.account,
        "Description": (plan.data.get("NetworkInterfaces") or [{}])[0].get("Description", ""),
        "InterfaceType": "interface",
        "MacAddress": ":".join(f"0e1f{number:08x}"[i : i + 2] for i in range(0, 12, 2)),
        "PrivateIpAddress": address,
        "PrivateDnsName": f"ip-{address.replace('.', '-')}.ec2.internal",
        "PrivateIpAddresses": [{"Primary": True, "PrivateIpAddress": address}],
        "SourceDestCheck": True,
        "Status": "in-use",
        "Groups": groups,
        "Attachment": {
            "AttachmentId": call.state.chance.id("eni-attach"),
            "AttachTime": call.state.second,
            "DeleteOnTermination": True,
            "DeviceIndex": 0,
            "Status": "attached",
        },
    }
