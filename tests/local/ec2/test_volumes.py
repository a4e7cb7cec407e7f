"""CreateVolume, DeleteVolume, DescribeVolumes, DescribeVolumeStatus: limits, delays, quotas, pages."""

from __future__ import annotations

import time
from typing import Any

import pytest

from local.ec2 import wire
from tests.local.ec2.builders import REGION, World, codes_of
from tests.local.ec2.ebs import (
    HERE,
    UNKNOWN,
    a_volume,
    attach,
    found,
    slow,
    state_of,
    tagged,
    the_volume,
    told,
    where,
)


def refusals(world: World, *requests: dict[str, Any]) -> list[str]:
    """Return the codes with which CreateVolume refuses *requests*, each of 10 GiB in us-east-1a."""
    usual = {"AvailabilityZone": HERE, "Size": 10}
    return [world.refused("CreateVolume", **{**usual, **request}) for request in requests]


def test_a_volume_is_creating_and_then_available() -> None:
    world = World(timing=slow(volume_creating=(10, 10)))
    volume_id = a_volume(world)
    assert state_of(world, volume_id) == ("creating", [])
    assert world.refused("DeleteVolume", VolumeId=volume_id) == "IncorrectState"
    world.wait(10)
    assert state_of(world, volume_id) == ("available", [])
    assert told(world, volume_id) == [("createVolume", "available")]


def test_a_fresh_volume_is_unknown_for_some_seconds() -> None:
    world = World(timing=slow(visibility=(5, 5)))
    volume_id = a_volume(world)
    assert found(world) == []
    for operation in ("DeleteVolume", "ModifyVolume", "CreateSnapshot", "DetachVolume"):
        assert world.refused(operation, VolumeId=volume_id) == "InvalidVolume.NotFound"
    world.wait(5)
    assert found(world, VolumeIds=[volume_id]) == [volume_id]


def test_a_volume_may_show_before_its_tags() -> None:
    world = World(timing=slow(tag_visibility=(5, 5)))
    volume_id = a_volume(world, TagSpecifications=tagged("volume", role="data"))
    assert the_volume(world, volume_id).get("Tags", []) == []
    assert found(world, Filters=where(tag_key="role")) == []
    world.wait(5)
    assert found(world, Filters=[{"Name": "tag:role", "Values": ["data"]}]) == [volume_id]


def test_a_repeated_token_makes_one_volume(world: World) -> None:
    once = a_volume(world, ClientToken="one")
    assert a_volume(world, ClientToken="one") == once
    assert found(world) == [once]


def test_a_volumes_token_with_other_parameters_is_a_mismatch(world: World) -> None:
    a_volume(world, ClientToken="one")
    (code,) = refusals(world, {"VolumeType": "gp3", "Size": 11, "ClientToken": "one"})
    assert code == "IdempotentParameterMismatch"


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("gp3", {"Size": 65536, "Iops": 80000, "Throughput": 2000}, {"Size": 65537}),
        ("gp3", {"Size": 12, "Iops": 6000}, {"Size": 11, "Iops": 6000}),
        ("gp3", {"Iops": 4000, "Throughput": 1000}, {"Iops": 4000, "Throughput": 1001}),
        ("gp3", {"Throughput": 125}, {"Throughput": 124}),
        ("gp2", {"Size": 1}, {"Size": 16385}),
        ("io1", {"Size": 4, "Iops": 200}, {"Size": 4, "Iops": 201}),
        ("io2", {"Size": 100, "Iops": 100000}, {"Size": 3, "Iops": 100}),
        ("st1", {"Size": 125}, {"Size": 124}),
        ("standard", {"Size": 1024}, {"Size": 1025}),
        ("gp3", {"Size": 1}, {"Size": 0}),
    ],
)
def test_a_volume_keeps_the_limits_of_its_type(
    world: World, kind: str, good: dict[str, int], bad: dict[str, int]
) -> None:
    a_volume(world, None, VolumeType=kind, **{"Size": 10, **good})
    assert refusals(world, {"VolumeType": kind, **bad}) == ["InvalidParameterValue"]


def test_rates_are_for_the_types_that_have_them(world: World) -> None:
    assert refusals(
        world,
        {"VolumeType": "gp2", "Iops": 3000},
        {"VolumeType": "st1", "Size": 125, "Iops": 500},
        {"VolumeType": "io2", "Iops": 3000, "Throughput": 125},
        {"VolumeType": "io1"},
        {"VolumeType": "gp9"},
    ) == [
        *["InvalidParameterCombination"] * 3,
        "MissingParameter",
        "InvalidParameterValue",
    ]


def test_a_volume_has_the_usual_rates_of_its_type(world: World) -> None:
    volumes = [
        the_volume(world, a_volume(world, size, VolumeType=kind))
        for kind, size in (("gp3", 10), ("gp2", 10), ("gp2", 1000), ("gp2", 16000), ("st1", 125))
    ]
    assert [(v.get("Iops"), v.get("Throughput")) for v in volumes] == [
        (3000, 125),
        (100, None),
        (3000, None),
        (16000, None),
        (None, None),
    ]
    assert {(v["Encrypted"], v["MultiAttachEnabled"], v["SnapshotId"]) for v in volumes} == {
        (False, False, "")
    }


def test_a_volume_has_one_zone_that_exists(world: World) -> None:
    answer = world.call("CreateVolume", AvailabilityZoneId="use1-az2", Size=1)
    assert answer["AvailabilityZone"] == f"{REGION}b"
    assert refusals(world, {"AvailabilityZone": "us-east-1z"}, {"AvailabilityZoneId": "use1-az1"}) == [
        "InvalidZone.NotFound",
        "InvalidParameterCombination",
    ]
    assert world.refused("CreateVolume", Size=1) == "MissingParameter"


def test_a_volume_needs_a_size_or_a_snapshot(world: World) -> None:
    assert world.refused("CreateVolume", AvailabilityZone=HERE) == "MissingParameter"


def test_a_volume_has_a_key_only_if_it_is_encrypted(world: World) -> None:
    key = f"arn:aws:kms:{REGION}:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    plain, usual, ours = (
        the_volume(world, a_volume(world, **changes))
        for changes in ({}, {"Encrypted": True}, {"Encrypted": True, "KmsKeyId": key.rpartition("/")[2]})
    )
    assert [v.get("KmsKeyId") for v in (plain, ours)] == [None, key]
    assert usual["KmsKeyId"].startswith(key.rpartition("/")[0])
    assert refusals(world, {"KmsKeyId": key}) == ["InvalidParameterDependency"]


def test_all_volumes_of_a_type_have_a_quota(world: World) -> None:
    world.ec2.set_volume_quota("gp3", 1)
    first = a_volume(world, 1000)
    assert refusals(world, {"VolumeType": "gp3", "Size": 25}) == ["VolumeLimitExceeded"]
    a_volume(world, 25, VolumeType="gp2")
    a_volume(world, 24)
    world.call("DeleteVolume", VolumeId=first)
    world.ec2.advance()
    a_volume(world, 1000)


def test_a_launch_beyond_the_storage_quota_dies_at_birth(world: World) -> None:
    world.ec2.set_volume_quota("gp2", 40 / 1024)
    launched = world.launch(3)
    shown = world.shown(InstanceIds=launched)
    assert [i["State"]["Name"] for i in shown] == ["running", "running", "terminated"]
    assert shown[2]["StateReason"]["Code"] == "Client.VolumeLimitExceeded"
    assert len(found(world)) == 2


def test_a_zone_may_have_no_room_for_a_volume(world: World) -> None:
    world.ec2.refuse_volumes("io2", HERE, "VolumeTypeNotAvailableInZone")
    world.ec2.refuse_volumes("gp3", HERE, "InsufficientVolumeCapacity")
    requests = {"VolumeType": "io2", "Iops": 100}, {"VolumeType": "gp3"}
    assert refusals(world, *requests) == ["VolumeTypeNotAvailableInZone", "InsufficientVolumeCapacity"]
    a_volume(world, AvailabilityZone=f"{REGION}b")
    world.ec2.refuse_volumes("gp3", HERE, None)
    a_volume(world)


def test_a_volume_in_use_is_not_deleted(world: World) -> None:
    volume_id = a_volume(world)
    attach(world, volume_id, world.launch()[0])
    assert world.refused("DeleteVolume", VolumeId=volume_id) == "VolumeInUse"
    assert state_of(world, volume_id) == ("in-use", ["attached"])


def test_a_volume_is_deleting_and_then_unknown() -> None:
    world = World(timing=slow(volume_deleting=(10, 10)))
    volume_id = a_volume(world, TagSpecifications=tagged("volume", role="data"))
    world.call("DeleteVolume", VolumeId=volume_id)
    assert state_of(world, volume_id) == ("deleting", [])
    assert world.refused("DeleteVolume", VolumeId=volume_id) == "IncorrectState"
    world.wait(10)
    assert world.refused("DeleteVolume", VolumeId=volume_id) == "InvalidVolume.NotFound"
    assert found(world, Filters=where(tag_key="role")) == []
    assert told(world, volume_id)[-1] == ("deleteVolume", "deleted")


def test_an_unknown_volume_fails_the_call(world: World) -> None:
    known = a_volume(world)
    assert world.refused("DescribeVolumes", VolumeIds=[known, UNKNOWN]) == "InvalidVolume.NotFound"
    assert world.refused("DescribeVolumes", VolumeIds=["vol-x"]) == "InvalidParameterValue"


def test_volumes_are_found_by_what_they_are(world: World) -> None:
    tags = tagged("volume", role="data")
    one = a_volume(world, 20, VolumeType="io2", Iops=100, TagSpecifications=tags)
    created = the_volume(world, one)["CreateTime"].strftime("%Y-%m-%dT%H:%M:%S.000Z")
    world.wait(60)
    two = a_volume(world, Encrypted=True, AvailabilityZone=f"{REGION}b")
    answers = [
        found(world, Filters=where(**{name: value}))
        for name, value in (
            ("volume_type", "io2"),
            ("size", "20"),
            ("create_time", created),
            ("tag:role", "da*"),
            ("volume_id", one),
            ("encrypted", "true"),
            ("availability_zone", f"{REGION}b"),
            ("status", "available"),
            ("status", "in-use"),
        )
    ]
    assert answers == [*[[one]] * 5, [two], [two], [one, two], []]
    assert world.refused("DescribeVolumes", Filters=where(colour="red")) == "InvalidParameterValue"


def test_volumes_are_found_by_where_they_are_attached(world: World) -> None:
    instance_id, other = world.launch(2)
    volume_id = a_volume(world)
    attach(world, volume_id, instance_id)
    answers = [
        found(world, Filters=where(attachment__device="/dev/sdf", **{name: value}))
        for name, value in (
            ("attachment__instance_id", instance_id),
            ("attachment__status", "attached"),
            ("attachment__delete_on_termination", "false"),
            ("attachment__instance_id", other),
        )
    ]
    assert answers == [*[[volume_id]] * 3, []]
    assert len(found(world, Filters=where(attachment__instance_id=instance_id))) == 2


def test_pages_of_volumes_are_a_partition(world: World) -> None:
    made = [a_volume(world, TagSpecifications=tagged("volume", n=str(i % 2))) for i in range(23)]
    for filters, wanted in (([], made), (where(**{"tag:n": "1"}), made[1::2])):
        seen: list[str] = []
        token: dict[str, str] = {}
        while True:
            answer = world.call("DescribeVolumes", MaxResults=5, Filters=filters, **token)
            seen += [v["VolumeId"] for v in answer["Volumes"]]
            assert len(answer["Volumes"]) <= 5
            if not answer.get("NextToken"):
                break
            token = {"NextToken": answer["NextToken"]}
        assert seen == wanted


def test_a_page_has_5_to_1000_volumes_and_no_ids(world: World) -> None:
    volume_id = a_volume(world)
    codes = [
        world.refused("DescribeVolumes", **question)
        for question in ({"MaxResults": 4}, {"MaxResults": 1001}, {"MaxResults": 5, "VolumeIds": [volume_id]})
    ]
    assert codes == ["InvalidParameterValue", "InvalidParameterValue", "InvalidParameterCombination"]


@pytest.mark.ways("direct")
def test_ten_thousand_volumes_are_listed_in_five_seconds_and_200_by_id_at_once(world: World) -> None:
    tags = tagged("volume", stack="s", pool="p", launch="l", ends="x")
    request = {"AvailabilityZone": HERE, "VolumeType": "gp3", "Size": 10, "TagSpecifications": tags}
    made = [world.ec2.call(REGION, "CreateVolume", request)["VolumeId"] for _ in range(10_000)]
    world.ec2.advance()

    def ask(form: str) -> bytes:
        _, _, text = wire.respond(
            world.ec2, method="POST", url="/", headers={}, body=form.encode(), region=REGION
        )
        return text

    form = "Action=DescribeVolumes&MaxResults=1000&Filter.1.Name=tag:stack&Filter.1.Value.1=s"
    # CPU time of the server's side: the client's parsing is botocore's affair, and a busy machine nobody's.
    began, pages, token = time.process_time(), 0, ""
    while True:
        text = ask(form + token)
        pages += 1
        if b"<nextToken>" not in text:
            break
        token = f"&NextToken={text.split(b'<nextToken>')[1].split(b'</nextToken>')[0].decode()}"
    assert pages == 10
    listing = time.process_time() - began
    assert listing < 5
    some = "".join(f"&VolumeId.{n}={volume_id}" for n, volume_id in enumerate(made[::50], 1))
    lookups = []
    for _ in range(5):
        began = time.process_time()
        assert ask(f"Action=DescribeVolumes{some}").count(b"<volumeId>") == 200
        lookups.append(time.process_time() - began)
    assert min(lookups) < listing / 25  # it is a fiftieth of the volumes


@pytest.mark.parametrize(
    ("ebs", "code"),
    [
        ({"VolumeType": "gp3", "Throughput": 2001}, "InvalidParameterValue"),
        ({"Iops": 3000}, "InvalidParameterCombination"),
        ({"VolumeType": "st1", "VolumeSize": 125}, "InvalidBlockDeviceMapping"),
        ({"SnapshotId": "snap-0123456789abcdef0"}, "InvalidSnapshot.NotFound"),
    ],
)
def test_the_disks_of_a_launch_keep_the_limits_too(world: World, ebs: dict[str, Any], code: str) -> None:
    world.template(
        "odd", ImageId="ami-0f1a7ca5466655be0", BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": ebs}]
    )
    assert codes_of(world.fleet(template="odd")) == [code]


def test_what_ebs_can_do_and_this_model_cannot_says_so(world: World) -> None:
    asked = (
        {"VolumeInitializationRate": 100},
        {"VolumeType": "io2", "Iops": 100, "MultiAttachEnabled": True},
    )
    assert refusals(world, *asked) == ["UnsupportedOperation"] * 2
    assert world.refused("EnableVolumeIO", VolumeId=a_volume(world)) == "UnsupportedOperation"


def test_a_launch_has_no_more_disks_than_its_type_can_have(world: World) -> None:
    disks = [
        {"DeviceName": f"/dev/sd{one}{two}", "Ebs": {"VolumeSize": 1}}
        for one in "bc"
        for two in "abcdefghijklmnop"
    ]
    world.template("disks", ImageId="ami-0f1a7ca5466655be0", BlockDeviceMappings=disks)
    assert codes_of(world.fleet(template="disks")) == ["AttachmentLimitExceeded"]
