"""The one call that launches: every field of it, and both halves of its answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from railyard.aws.fleets import Fleets
from railyard.errors import Ambiguous, CapacityUnavailable, Denied, QuotaExceeded
from railyard.model.instances import Machine
from railyard.model.launches import Launch
from railyard.node.ignition import user_data
from tests.builders import a_launch, a_pool, a_tenant, an_offering
from tests.railyard.aws.stubs import Recorder, refused

SUBNETS = {"us-east-1a": "subnet-0", "us-east-1b": "subnet-1"}


def two_slots(**changes: Any) -> Launch:
    """A launch of two slots over an amd64 and an arm64 offering in two zones."""
    base = a_launch(a_tenant("ci-1"), a_tenant("ci-2"))
    arm = an_offering("m7g.xlarge", "us-east-1b", architecture="arm64")
    plan = replace(
        base.plan,
        offerings=(base.plan.offerings[0], arm),
        images={"amd64": "ami-1", "arm64": "ami-2"},
        subnets=SUBNETS,
        tags={"railyard:stack": "railyard", "railyard:launch": "l-1"},
        **changes,
    )
    return replace(base, plan=plan)


def disk(device: str, gib: int, kind: str = "gp3", **more: int) -> dict[str, Any]:
    ebs = {"VolumeSize": gib, "VolumeType": kind, "Encrypted": True, "DeleteOnTermination": True, **more}
    return {"DeviceName": device, "Ebs": ebs}


def test_a_launch_is_one_call_that_says_everything() -> None:
    client = Recorder(lambda _, __: {"FleetId": "fleet-1"})
    Fleets(client, "railyard").launch(two_slots(disk_iops=4_000))
    disks = [disk("/dev/xvda", 16), disk("/dev/xvdf", 50, Iops=4_000)]
    tags = [
        {"Key": "railyard:launch", "Value": "l-1"},
        {"Key": "railyard:stack", "Value": "railyard"},
    ]
    assert client.calls == [
        (
            "create_fleet",
            {
                "ClientToken": "l-1",
                "Type": "instant",
                "TargetCapacitySpecification": {
                    "TotalTargetCapacity": 2,
                    "DefaultTargetCapacityType": "on-demand",
                },
                "OnDemandOptions": {"AllocationStrategy": "lowest-price"},
                "LaunchTemplateConfigs": [
                    {
                        "LaunchTemplateSpecification": {
                            "LaunchTemplateName": "railyard-default-1",
                            "Version": "1",
                        },
                        "Overrides": [
                            {
                                "InstanceType": "m7i.xlarge",
                                "SubnetId": "subnet-0",
                                "ImageId": "ami-1",
                                "BlockDeviceMappings": disks,
                            },
                            {
                                "InstanceType": "m7g.xlarge",
                                "SubnetId": "subnet-1",
                                "ImageId": "ami-2",
                                "BlockDeviceMappings": disks,
                            },
                        ],
                    }
                ],
                "TagSpecifications": [
                    {"ResourceType": kind, "Tags": tags}
                    for kind in ("fleet", "instance", "volume", "network-interface")
                ],
            },
        )
    ]


def test_spot_is_asked_for_where_the_price_and_the_capacity_are_good() -> None:
    client = Recorder(lambda _, __: {})
    Fleets(client, "railyard").launch(two_slots(market="spot"))
    ((_, asked),) = client.calls
    assert asked["SpotOptions"] == {"AllocationStrategy": "price-capacity-optimized"}
    assert asked["TargetCapacitySpecification"]["DefaultTargetCapacityType"] == "spot"
    assert "OnDemandOptions" not in asked


def test_without_a_data_disk_only_the_root_is_asked_for() -> None:
    client = Recorder(lambda _, __: {})
    Fleets(client, "railyard").launch(two_slots(disk_gib=0))
    overrides = client.calls[0][1]["LaunchTemplateConfigs"][0]["Overrides"]
    assert [each["BlockDeviceMappings"] for each in overrides] == [[disk("/dev/xvda", 16)]] * 2


def override(instance_type: str, **where: str) -> dict[str, Any]:
    return {"LaunchTemplateAndOverrides": {"Overrides": {"InstanceType": instance_type, **where}}}


def test_an_answer_in_parts_is_read_in_both_parts() -> None:
    answer = {
        "FleetId": "fleet-1",
        "Instances": [
            override("m7i.xlarge", SubnetId="subnet-0")
            | {"InstanceIds": ["i-1", "i-2"], "InstanceType": "m7i.xlarge", "Lifecycle": "spot"},
            override("m7g.xlarge", AvailabilityZone="us-east-1c")
            | {"InstanceIds": ["i-3"], "InstanceType": "m7g.xlarge"},
        ],
        "Errors": [
            override("m7g.xlarge", SubnetId="subnet-1")
            | {"ErrorCode": "InsufficientInstanceCapacity", "ErrorMessage": "none left"},
            override("m7i.xlarge", SubnetId="subnet-0") | {"ErrorCode": "VcpuLimitExceeded"},
        ],
    }
    read = Fleets(Recorder(lambda _, __: answer), "railyard").launch(two_slots())
    first = Machine(
        instance_id="i-1", instance_type="m7i.xlarge", availability_zone="us-east-1a", market="spot"
    )
    assert read.machines[:2] == (first, replace(first, instance_id="i-2"))
    assert (read.machines[2].availability_zone, read.machines[2].market) == ("us-east-1c", "on-demand")
    capacity, quota = read.refused
    assert (capacity.kind, capacity.offering) == (CapacityUnavailable, "m7g.xlarge#us-east-1b#on-demand")
    assert (capacity.code, capacity.message) == ("InsufficientInstanceCapacity", "none left")
    assert (quota.kind, quota.offering) == (QuotaExceeded, "m7i.xlarge#us-east-1a#on-demand")


def test_a_call_that_ec2_could_not_finish_is_ambiguous() -> None:
    with pytest.raises(Ambiguous):
        Fleets(Recorder(lambda _, __: refused("InternalError", status=500)), "railyard").launch(two_slots())


def test_a_template_is_named_after_its_content_and_made_once() -> None:
    client = Recorder(lambda _, __: {})
    fleets = Fleets(client, "railyard")
    name = fleets.template(a_pool())
    assert fleets.template(a_pool(generation=7, tags={"team": "a"})) == name
    assert name.startswith("railyard-default-")
    assert len(client.calls) == 1
    assert fleets.template(a_pool(security_groups=("sg-2",))) != name
    assert Fleets(client, "railyard").template(a_pool()) == name


def test_a_template_holds_what_the_pool_owns_and_asks_for_the_second_metadata_version() -> None:
    client = Recorder(lambda _, __: {})
    pool = a_pool(key_name="ops")
    Fleets(client, "railyard").template(pool)
    ((operation, asked),) = client.calls
    assert operation == "create_launch_template"
    assert asked["LaunchTemplateData"] == {
        "SecurityGroupIds": ["sg-1"],
        "IamInstanceProfile": {"Arn": pool.instance_profile},
        "InstanceInitiatedShutdownBehavior": "terminate",
        "MetadataOptions": {
            "HttpTokens": "required",
            "HttpEndpoint": "enabled",
            "InstanceMetadataTags": "enabled",
        },
        "UserData": user_data(pool),
        "KeyName": "ops",
    }
    (tags,) = asked["TagSpecifications"]
    assert tags["Tags"] == [{"Key": "railyard:stack", "Value": "railyard"}]


def test_a_template_that_exists_already_is_as_good_as_made() -> None:
    client = Recorder(lambda _, __: refused("InvalidLaunchTemplateName.AlreadyExistsException"))
    fleets = Fleets(client, "railyard")
    assert fleets.template(a_pool()) == fleets.template(a_pool())
    assert len(client.calls) == 1


def test_a_template_that_could_not_be_made_is_tried_again() -> None:
    client = Recorder(lambda _, __: refused("UnauthorizedOperation"))
    fleets = Fleets(client, "railyard")
    for _ in range(2):
        with pytest.raises(Denied):
            fleets.template(a_pool())
    assert len(client.calls) == 2


def test_a_template_that_is_forgotten_is_made_anew() -> None:
    client = Recorder(lambda _, __: {})
    fleets = Fleets(client, "railyard")
    fleets.forget(fleets.template(a_pool()))
    fleets.template(a_pool())
    assert len(client.calls) == 2
