"""A region's network, and launches that EC2 only tries."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from moto import mock_aws

from railyard.aws.network import Ec2Network
from tests.builders import a_pool
from tests.railyard.aws.stubs import Recorder, refused


def test_subnets_are_those_of_the_region_with_the_default_ones_marked() -> None:
    with mock_aws():
        network = Ec2Network(boto3.client("ec2", region_name="us-east-1")).look([])
        assert {each.zone for each in network.subnets} >= {"us-east-1a", "us-east-1b"}
        assert all(each.default and each.vpc_id and each.subnet_id for each in network.subnets)
        assert network.groups == {}


def test_groups_are_those_that_exist_with_their_vpc() -> None:
    with mock_aws():
        ec2 = boto3.client("ec2", region_name="us-east-1")
        (there,) = ec2.describe_security_groups()["SecurityGroups"]
        asked = [there["GroupId"], "sg-0000000f", there["GroupId"]]
        assert Ec2Network(ec2).look(asked).groups == {there["GroupId"]: there["VpcId"]}


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("DryRunOperation", ""),
        ("UnauthorizedOperation", ""),
        ("InsufficientInstanceCapacity", ""),
        ("VcpuLimitExceeded", ""),
        ("RequestLimitExceeded", ""),
        ("InternalError", ""),
        ("InvalidKeyPair.NotFound", "InvalidKeyPair.NotFound"),
        ("InvalidParameterValue", "InvalidParameterValue"),
        ("OptInRequired", "OptInRequired"),
        ("InvalidAMIID.NotFound", "InvalidAMIID.NotFound"),
    ],
)
def test_a_refusal_is_told_only_if_it_is_about_the_pool(code: str, told: str) -> None:
    pool = a_pool(key_name="ops")
    ec2 = Recorder(lambda _, __: refused(code))
    said = Ec2Network(ec2).refusal(pool, zone="us-east-1b", instance_type="m7i.large", image_id="ami-1")
    assert said == told
    ((operation, asked),) = ec2.calls
    expected: dict[str, Any] = {
        "ImageId": "ami-1",
        "InstanceType": "m7i.large",
        "SubnetId": pool.subnets["us-east-1b"],
        "SecurityGroupIds": ["sg-1"],
        "IamInstanceProfile": {"Arn": pool.instance_profile},
        "KeyName": "ops",
        "MinCount": 1,
        "MaxCount": 1,
        "DryRun": True,
    }
    assert (operation, asked) == ("run_instances", expected)
