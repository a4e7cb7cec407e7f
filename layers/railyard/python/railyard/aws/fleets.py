"""CreateFleet ``instant`` and the launch templates that it needs.

One call, one token, many offerings. EC2 answers in parts: instances and refusals in one response.
Source: EC2 API reference, CreateFleet (2026 model).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from railyard.aws.errors import meaning, translated
from railyard.errors import RailyardError
from railyard.model import ownership
from railyard.model.fleets import FleetAnswer, Refused
from railyard.model.instances import Machine
from railyard.model.launches import Launch, LaunchPlan, Offering
from railyard.model.pools import Pool
from railyard.node.ignition import DATA_DEVICE, user_data

ROOT_DEVICE = "/dev/xvda"
_ALREADY = "InvalidLaunchTemplateName.AlreadyExistsException"


class Fleets:
    """Launches, by stored plan."""

    def __init__(self, ec2: Any, stack: str) -> None:
        """*ec2* must be a client without retries."""
        self._ec2 = ec2
        self._stack = stack
        self._made: set[str] = set()

    def template(self, pool: Pool) -> str:
        """Return the name of the launch template of *pool*, made on first need.

        The name holds the hash of its content, so a template never changes and never needs a version.
        """
        data = _template_data(pool)
        digest = hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:16]
        name = f"{self._stack}-{pool.name}-{digest}"
        if name not in self._made:
            self._make(name, data)
            self._made.add(name)
        return name

    def launch(self, launch: Launch) -> FleetAnswer:
        """Make the call of *launch*; the launch id is the token, so a repeat returns the same fleet."""
        plan = launch.plan
        with translated("CreateFleet"):
            answer = self._ec2.create_fleet(
                ClientToken=launch.launch_id,
                Type="instant",
                TargetCapacitySpecification={
                    "TotalTargetCapacity": len(launch.slots),
                    "DefaultTargetCapacityType": plan.market,
                },
                LaunchTemplateConfigs=[
                    {
                        "LaunchTemplateSpecification": {"LaunchTemplateName": plan.template, "Version": "1"},
                        "Overrides": [_override(plan, offering) for offering in plan.offerings],
                    }
                ],
                TagSpecifications=[
                    _tags(kind, plan.tags) for kind in ("fleet", "instance", "volume", "network-interface")
                ],
                **_strategy(plan.market),
            )
        return _answer(answer, plan)

    def forget(self, template: str) -> None:
        """Drop what is remembered about *template*: EC2 says that it does not exist."""
        self._made.discard(template)

    def _make(self, name: str, data: dict[str, Any]) -> None:
        try:
            with translated("CreateLaunchTemplate"):
                self._ec2.create_launch_template(
                    LaunchTemplateName=name,
                    LaunchTemplateData=data,
                    TagSpecifications=[_tags("launch-template", {ownership.STACK: self._stack})],
                )
        except RailyardError as error:
            if error.code != _ALREADY:
                raise


def _template_data(pool: Pool) -> dict[str, Any]:
    data: dict[str, Any] = {
        "SecurityGroupIds": list(pool.security_groups),
        "IamInstanceProfile": {"Arn": pool.instance_profile},
        "InstanceInitiatedShutdownBehavior": "terminate",
        "MetadataOptions": {
            "HttpTokens": "required",
            "HttpEndpoint": "enabled",
            "InstanceMetadataTags": "enabled",
        },
        "UserData": user_data(pool),
    }
    if pool.key_name:
        data["KeyName"] = pool.key_name
    return data


def _strategy(market: str) -> dict[str, Any]:
    if market == "spot":
        return {"SpotOptions": {"AllocationStrategy": "price-capacity-optimized"}}
    return {"OnDemandOptions": {"AllocationStrategy": "lowest-price"}}


def _override(plan: LaunchPlan, offering: Offering) -> dict[str, Any]:
    return {
        "InstanceType": offering.instance_type,
        "SubnetId": plan.subnets[offering.availability_zone],
        "ImageId": plan.images[offering.architecture],
        "BlockDeviceMappings": _disks(plan),
    }


def _disks(plan: LaunchPlan) -> list[dict[str, Any]]:
    def disk(device: str, gib: int, kind: str, **more: int) -> dict[str, Any]:
        ebs = {"VolumeSize": gib, "VolumeType": kind, "Encrypted": True, "DeleteOnTermination": True, **more}
        return {"DeviceName": device, "Ebs": ebs}

    disks = [disk(ROOT_DEVICE, plan.root_gib, "gp3")]
    if plan.disk_gib:
        asked = {"Iops": plan.disk_iops, "Throughput": plan.disk_throughput}
        more = {name: value for name, value in asked.items() if value is not None}
        disks.append(disk(DATA_DEVICE, plan.disk_gib, plan.disk_type, **more))
    return disks


def _tags(kind: str, tags: Mapping[str, str]) -> dict[str, Any]:
    return {
        "ResourceType": kind,
        "Tags": [{"Key": key, "Value": value} for key, value in sorted(tags.items())],
    }


def _answer(answer: Mapping[str, Any], plan: LaunchPlan) -> FleetAnswer:
    zones = {subnet: zone for zone, subnet in plan.subnets.items()}
    return FleetAnswer(
        machines=tuple(
            Machine(
                instance_id=instance_id,
                instance_type=group["InstanceType"],
                availability_zone=_zone(group, zones),
                market=group.get("Lifecycle", plan.market),
            )
            for group in answer.get("Instances", [])
            for instance_id in group["InstanceIds"]
        ),
        refused=tuple(_refused(error, zones, plan.market) for error in answer.get("Errors", [])),
    )


def _refused(error: Mapping[str, Any], zones: Mapping[str, str], market: str) -> Refused:
    instance_type = error["LaunchTemplateAndOverrides"]["Overrides"].get("InstanceType", "")
    return Refused(
        kind=meaning(error["ErrorCode"]),
        code=error["ErrorCode"],
        message=error.get("ErrorMessage", ""),
        offering=f"{instance_type}#{_zone(error, zones)}#{market}",
    )


def _zone(entry: Mapping[str, Any], zones: Mapping[str, str]) -> str:
    overrides = entry.get("LaunchTemplateAndOverrides", {}).get("Overrides", {})
    return str(overrides.get("AvailabilityZone") or zones.get(overrides.get("SubnetId", ""), ""))
