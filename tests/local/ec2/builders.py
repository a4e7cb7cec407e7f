"""A model with a clock that a test turns, and the builders for what does not matter to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any

import boto3
import pytest

from local.ec2 import PROMPT, Ec2, Ec2Error, Timing
from tests.local.ec2.ways import Ask, Boto3, Moto

REGION = "us-east-1"
START = datetime(2026, 11, 20, 9, tzinfo=UTC)
ARM, X86 = "ami-0f1a7ca5466655be0", "ami-0f1a7ca96f2b9cbce"
OWNER = "075585003325"
AGE = timedelta(minutes=1)
"""How old a world is when its test begins: what it was built with is known everywhere."""

ASK: Callable[[Ec2], Ask] | None = attrgetter("call")
"""How a world asks its model; None asks plain moto instead. See ``ways``."""


def an_image(image_id: str, architecture: str, **changes: Any) -> dict[str, Any]:
    """Return a Flatcar image in boto3's shape."""
    root = {
        "DeviceName": "/dev/xvda",
        "Ebs": {"VolumeSize": 16, "VolumeType": "gp2", "SnapshotId": "snap-0f1a7ca1"},
    }
    return {
        "ImageId": image_id,
        "Architecture": architecture,
        "Name": f"Flatcar-stable-4593.2.5-{architecture}-hvm",
        "OwnerId": OWNER,
        "RootDeviceName": "/dev/xvda",
        "RootDeviceType": "ebs",
        "VirtualizationType": "hvm",
        "Public": True,
        "CreationDate": "2026-08-13T12:00:00.000Z",
        "BlockDeviceMappings": [root, {"DeviceName": "/dev/xvdb", "VirtualName": "ephemeral0"}],
        **changes,
    }


@dataclass
class World:
    """A model, its clock and its events."""

    timing: Timing = PROMPT
    seed: int = 0
    now: datetime = START
    events: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Build the model with both images and the launch template ``arm``."""
        self.ec2: Any
        self.ask: Ask
        if ASK:
            self.ec2 = self._model()
            self.ask = ASK(self.ec2)
        else:
            self.ec2, self.ask = Moto(), Boto3(lambda region: boto3.client("ec2", region))
        for image in (an_image(ARM, "arm64"), an_image(X86, "x86_64")):
            self.ec2.add_image(REGION, image)
        self.now = START - AGE
        self.template("arm", ImageId=ARM)
        self.wait(AGE.total_seconds())

    def _model(self) -> Ec2:
        return Ec2(lambda: self.now, seed=self.seed, on_event=self.events.append, timing=self.timing)

    def call(self, operation: str, region: str = REGION, /, **parameters: Any) -> dict[str, Any]:
        """Call the model."""
        return self.ask(region, operation, parameters)

    def refused(self, operation: str, region: str = REGION, /, **parameters: Any) -> str:
        """Return the code with which the model refuses a call."""
        with pytest.raises(Ec2Error) as refusal:
            self.call(operation, region, **parameters)
        return refusal.value.code

    def wait(self, seconds: float) -> None:
        """Let time pass, and what is due in it happen."""
        self.now += timedelta(seconds=seconds)
        self.ec2.advance()

    def template(self, name: str, **data: Any) -> str:
        """Create a launch template and return its id."""
        answer = self.call("CreateLaunchTemplate", LaunchTemplateName=name, LaunchTemplateData=data)
        return str(answer["LaunchTemplate"]["LaunchTemplateId"])

    def fleet(self, *overrides: dict[str, Any], **changes: Any) -> dict[str, Any]:
        """Ask for a fleet of the template ``arm``; see ``fleet_request``."""
        return self.call("CreateFleet", **fleet_request(*overrides, **changes))

    def launch(self, count: int = 1, market: str = "on-demand", **changes: Any) -> list[str]:
        """Launch *count* c7g.large in us-east-1a, whatever the capacity was, and let them run."""
        if ASK:
            self.ec2.set_capacity("c7g.large", f"{REGION}a", market, count)
        ids = ids_of(self.fleet(count=count, market=market, **changes))
        assert len(ids) == count
        self.ec2.advance()
        return ids

    def state_of(self, instance_id: str) -> str:
        """Return the true state of an instance."""
        if not ASK:
            (instance,) = self.shown(InstanceIds=[instance_id])
            return str(instance["State"]["Name"])
        return str(self.ec2.instance(instance_id).state)

    def shown(self, **parameters: Any) -> list[dict[str, Any]]:
        """Return what one DescribeInstances call shows."""
        return members(self.call("DescribeInstances", **parameters))


def members(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the instances of a DescribeInstances answer."""
    return [instance for reservation in answer["Reservations"] for instance in reservation["Instances"]]


def ids_of(answer: dict[str, Any]) -> list[str]:
    """Return the instance ids of a CreateFleet answer."""
    return [instance_id for group in answer["Instances"] for instance_id in group["InstanceIds"]]


def codes_of(answer: dict[str, Any]) -> list[str]:
    """Return the error codes of a CreateFleet answer."""
    return [error["ErrorCode"] for error in answer["Errors"]]


def an_override(instance_type: str = "c7g.large", zone: str = "a", **more: Any) -> dict[str, Any]:
    """Return an override for one type in one zone."""
    return {"InstanceType": instance_type, "AvailabilityZone": f"{REGION}{zone}", **more}


def fleet_request(
    *overrides: dict[str, Any],
    count: int = 1,
    market: str = "on-demand",
    template: str = "arm",
    tags: dict[str, str] | None = None,
    **changes: Any,
) -> dict[str, Any]:
    """Return an instant CreateFleet request."""
    specification = {"LaunchTemplateName": template, "Version": "1"}
    listed = [{"Key": k, "Value": v} for k, v in (tags or {}).items()]
    return {
        "Type": "instant",
        "LaunchTemplateConfigs": [
            {"LaunchTemplateSpecification": specification, "Overrides": list(overrides) or [an_override()]}
        ],
        "TargetCapacitySpecification": {"TotalTargetCapacity": count, "DefaultTargetCapacityType": market},
        **({"TagSpecifications": [{"ResourceType": "instance", "Tags": listed}]} if listed else {}),
        **changes,
    }
