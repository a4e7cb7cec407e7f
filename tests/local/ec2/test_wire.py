"""The model behind HTTP: unmodified boto3, EC2's error bodies, moto's serializer as judge of our writer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError
from botocore.parsers import create_parser
from moto.core.serialize import EC2Serializer

from local.ec2 import wire
from tests.local.ec2.builders import ARM, REGION, START, World, an_override, fleet_request, ids_of, members
from tests.local.ec2.serving import Served

pytestmark = pytest.mark.ways("direct")


@pytest.fixture
def ec2(world: World, served: Served) -> Any:
    """Return a boto3 client of *world*."""
    return served.client(world.ec2)


def test_boto3_launches_finds_and_terminates(world: World, ec2: Any) -> None:
    world.ec2.set_capacity("c7g.large", f"{REGION}a", "spot", 2)
    request = fleet_request(count=3, market="spot", tags={"railyard:pool": "p&<q>"}, ClientToken="one")
    answer = ec2.create_fleet(**request)
    assert ec2.create_fleet(**request)["FleetId"] == answer["FleetId"]
    assert [e["ErrorCode"] for e in answer["Errors"]] == ["UnfulfillableCapacity"]
    found = ec2.describe_instances(Filters=[{"Name": "tag:railyard:pool", "Values": ["p&<q>"]}])
    assert [i["InstanceId"] for i in members(found)] == ids_of(answer)
    assert members(found)[0]["LaunchTime"] == START
    ended = ec2.terminate_instances(InstanceIds=ids_of(answer))["TerminatingInstances"]
    assert {i["CurrentState"]["Name"] for i in ended} == {"shutting-down"}


def test_errors_have_ec2s_body_code_and_status(ec2: Any) -> None:
    with pytest.raises(ClientError) as caught:
        ec2.describe_images(ImageIds=["ami-0123456789abcdef0"])
    assert caught.value.response["Error"]["Code"] == "InvalidAMIID.NotFound"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert caught.value.response["ResponseMetadata"]["RequestId"]
    with pytest.raises(ClientError) as caught:
        ec2.describe_images(ImageIds=[ARM], DryRun=True)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 412


@pytest.mark.parametrize("body", [b"Action=LaunchRockets", b"", b"Action=DescribeInstances&MaxResults=many"])
def test_what_ec2_does_not_know_is_a_400(world: World, body: bytes) -> None:
    status, _, text = wire.respond(world.ec2, method="POST", url="/", headers={}, body=body, region=REGION)
    assert status == 400
    assert b"<RequestID>" in text


def test_an_unsigned_request_is_refused(world: World) -> None:
    body = b"Action=DescribeRegions"
    assert wire.respond(world.ec2, method="POST", url="/", headers={}, body=body)[0] == 401


def test_a_price_list_page_reaches_boto3(world: World, served: Served) -> None:
    page = served.client(world.ec2, "pricing").get_products(ServiceCode="AmazonEC2", MaxResults=7)
    assert len(page["PriceList"]) == 7


def questions(world: World) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return every operation that has something to show, with its parameters."""
    yield "CreateFleet", fleet_request(count=100, tags={"a": "b"}, ClientToken="all")
    instance_id = world.launch(2, market="spot", tags={"a": "b"})[0]
    profile: dict[str, Any] = {
        "KeyName": "k",
        "IamInstanceProfile": {"Name": "node"},
        "MetadataOptions": {"HttpTokens": "required"},
    }
    disk = {"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 9, "VolumeType": "gp3"}}
    world.ec2.set_capacity("c7g.large", f"{REGION}a", "on-demand", 1)
    everything = an_override(**profile, BlockDeviceMappings=[disk], Priority=1.0, MaxPrice="9")
    fleet_id = world.fleet(everything, count=2)["FleetId"]
    yield "CreateFleet", fleet_request(everything)
    yield from (
        (f"Describe{name}", {})
        for name in (
            *(
                "Images",
                "Regions",
                "AvailabilityZones",
                "Vpcs",
                "Subnets",
                "SecurityGroups",
                "LaunchTemplates",
            ),
            *("Instances", "InstanceStatus", "Volumes", "Tags", "InstanceTypes", "InstanceTypeOfferings"),
        )
    )
    yield "DescribeSpotPriceHistory", {"StartTime": world.now}
    yield "DescribeFleets", {"FleetIds": [fleet_id]}
    version = {"LaunchTemplateName": "arm", "LaunchTemplateData": {"ImageId": ARM, **profile}}
    yield from [("CreateLaunchTemplateVersion", version)] * 2
    yield "ModifyLaunchTemplate", {"LaunchTemplateName": "arm", "DefaultVersion": "2"}
    yield "DescribeLaunchTemplateVersions", {"LaunchTemplateName": "arm"}
    yield "DeleteLaunchTemplateVersions", {"LaunchTemplateName": "arm", "Versions": ["2", "3"]}
    counts = {"MinCount": 1, "MaxCount": 2, "ImageId": ARM, "InstanceType": "c7g.8xlarge"}
    yield "RunInstances", {**counts, **profile, "ClientToken": "run"}
    instance_ids = {"InstanceIds": ids_of(world.fleet(an_override("m7g.large")))}
    world.ec2.schedule_event(instance_id, "system-reboot", world.now)
    world.ec2.impair(instance_id)
    yield "DescribeInstanceStatus", {}
    yield "DescribeNetworkInterfaces", {}
    yield "GetConsoleOutput", {"InstanceId": instance_id}
    yield "DescribeInstanceAttribute", {"InstanceId": instance_id, "Attribute": "groupSet"}
    yield "StopInstances", instance_ids
    yield "StartInstances", instance_ids
    yield "DescribeInstanceAttribute", {"InstanceId": instance_id, "Attribute": "disableApiTermination"}
    yield "CreateVolume", {"AvailabilityZone": f"{REGION}a", "VolumeType": "gp3", "Size": 10}
    volume_id = world.call("DescribeVolumes")["Volumes"][-1]["VolumeId"]
    attach = {"VolumeId": volume_id, "InstanceId": instance_id, "Device": "/dev/sdg"}
    yield "AttachVolume", attach
    yield "ModifyVolume", {"VolumeId": volume_id, "Size": 20}
    yield "CreateSnapshot", {"VolumeId": volume_id}
    yield from ((f"Describe{name}", {}) for name in ("Volumes", "VolumesModifications", "Snapshots"))
    yield "DetachVolume", {"VolumeId": volume_id}
    yield "DeleteVolume", {"VolumeId": volume_id}
    yield "TerminateInstances", {"InstanceIds": [instance_id]}
    yield "DeleteFleets", {"FleetIds": [fleet_id, "fleet-x"], "TerminateInstances": True}
    yield "DescribeInstances", {}


def test_our_writer_says_what_motos_serializer_says(world: World) -> None:
    service = botocore.session.get_session().get_service_model("ec2")
    parser: Any = create_parser("ec2")
    for operation, parameters in questions(world):
        answer = world.call(operation, **parameters)
        ours, theirs = (
            wire._xml(operation, answer, "id"),
            EC2Serializer(wire._operation(operation)).serialize(answer),
        )
        shape = service.operation_model(operation).output_shape
        read = [
            parser.parse({"body": body, "headers": {}, "status_code": 200}, shape)
            for body in (ours, str(theirs["body"]).encode())
        ]
        for one in read:
            one.pop("ResponseMetadata")
        assert read[0] == read[1], operation


def test_a_member_that_ec2_does_not_have_fails() -> None:
    with pytest.raises(KeyError):
        wire._xml("DescribeRegions", {"Regions": [{"Nonsense": 1}]}, "id")


def test_ten_thousand_instances_are_listed_in_five_seconds(world: World) -> None:
    tags = {"railyard:stack": "s", "railyard:pool": "p", "railyard:launch": "l", "railyard:ends-at": "x"}
    for zone in "abcd":
        world.ec2.set_capacity("c7g.large", f"{REGION}{zone}", "on-demand", 2500)
        place = {"InstanceType": "c7g.large", "AvailabilityZone": f"{REGION}{zone}"}
        assert len(ids_of(world.fleet(place, count=2500, tags=tags))) == 2500
    world.ec2.advance()
    form = "Action=DescribeInstances&MaxResults=1000&Filter.1.Name=tag:railyard:stack&Filter.1.Value.1=s"
    # CPU time of the server's side: the client's parsing is botocore's affair, and a busy machine nobody's.
    began, pages, token = time.process_time(), 0, ""
    while True:
        body = (form + token).encode()
        _, _, text = wire.respond(world.ec2, method="POST", url="/", headers={}, body=body, region=REGION)
        pages += 1
        if b"<nextToken>" not in text:
            break
        token = f"&NextToken={text.split(b'<nextToken>')[1].split(b'</nextToken>')[0].decode()}"
    assert pages == 10
    assert time.process_time() - began < 5
