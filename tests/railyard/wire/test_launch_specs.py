"""Worker types of aws-provisioner: what they become here, what is lost on the way, and what cannot come."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from railyard.errors import InvalidRequest
from railyard.wire import launch_specs
from railyard.wire.ami_sets import read_ami_set
from railyard.wire.launch_specs import Imported, import_worker_type
from railyard.wire.pools import pool_defects

ARN = "arn:aws:iam::123456789012:instance-profile/worker"
IMAGES = {"us-west-2": "ami-0123456789abcdef0", "us-east-1": "ami-0123abcd"}


def a_spec(**more: Any) -> dict[str, Any]:
    return dict(more)


def a_region(region: str = "us-west-2", *, spec: Any = None, **more: Any) -> dict[str, Any]:
    image = {"ImageId": IMAGES.get(region, "ami-0123abcd")}
    return {
        "region": region,
        "launchSpec": image | (spec or {}),
        "secrets": {},
        "scopes": [],
        "userData": {},
    } | more


def a_type(name: str = "m5.large", *, spec: Any = None, **more: Any) -> dict[str, Any]:
    empty: dict[str, Any] = {"secrets": {}, "scopes": [], "userData": {}}
    return {"instanceType": name, "capacity": 1, "utility": 1, "launchSpec": spec or {}} | empty | more


def a_zone(name: str, *, spec: Any = None, **more: Any) -> dict[str, Any]:
    return {"availabilityZone": name, "region": name[:-1], "launchSpec": spec or {}} | more


def a_worker_type(**more: Any) -> dict[str, Any]:
    return {
        "workerType": "ci",
        "launchSpec": {},
        "regions": [a_region()],
        "instanceTypes": [a_type()],
        "minCapacity": 0,
        "maxCapacity": 10,
        "minPrice": 0,
        "maxPrice": 0.5,
        "canUseSpot": True,
        "canUseOndemand": False,
        "userData": {},
        "secrets": {},
        "scopes": [],
        "scalingRatio": 0,
    } | more


def a_disk(name: str = "/dev/xvdb", **ebs: Any) -> dict[str, Any]:
    return {"DeviceName": name, "Ebs": ebs}


def imported(region: str = "us-west-2", **more: Any) -> Imported:
    done = import_worker_type(a_worker_type(**more), region=region)
    assert done.errors == ()
    assert pool_defects(done.name, done.pool) == ()
    assert read_ami_set(done.name, done.ami_set).images
    return done


def pool(**more: Any) -> dict[str, Any]:
    return imported(**more).pool


def paths(findings: tuple[str, ...]) -> list[str]:
    return [each.partition(": ")[0] for each in findings]


def errors(**more: Any) -> list[str]:
    return paths(import_worker_type(a_worker_type(**more), region="us-west-2").errors)


def test_a_small_worker_type_becomes_a_pool_and_a_set() -> None:
    done = imported()
    assert done.name == "ci"
    assert done.pool == {
        "architectures": ["amd64"],
        "markets": ["spot"],
        "sharing": ["exclusive"],
        "types": {"allow": ["m5.large"]},
        "limits": {"instances": 10, "usd_per_hour": 5.0, "per_requester": {"instances": 10}},
        "disk": {"default_gib": 0},
    }
    (image,) = done.ami_set["images"]
    assert image == {
        "region": "us-west-2",
        "architecture": "amd64",
        "virtualization": "hvm",
        "image_id": IMAGES["us-west-2"],
    }
    assert paths(done.warnings) == ["maxPrice"]


def test_all_that_a_launch_spec_says_and_a_pool_can_say_arrives() -> None:
    general = a_spec(
        IamInstanceProfile={"Arn": ARN},
        SecurityGroupIds=["sg-0123abcd"],
        BlockDeviceMappings=[
            a_disk("/dev/xvda", VolumeSize=30, VolumeType="gp3", DeleteOnTermination=True),
            a_disk(VolumeSize=120, VolumeType="io1", Iops=2_000),
        ],
    )
    found = imported(
        launchSpec=general, regions=[a_region(spec={"SubnetId": "subnet-0123abcd"})], owner="ci@example.com"
    )
    assert found.pool["instance_profile"] == ARN
    assert found.pool["security_groups"] == ["sg-0123abcd"]
    assert found.pool["subnets"] == ["subnet-0123abcd"]
    assert found.pool["disk"] == {"root_gib": 30, "default_gib": 120, "type": "io1", "iops": 2_000}
    assert found.pool["tags"] == {"owner": "ci@example.com"}
    assert paths(found.warnings) == ["maxPrice"]


def test_the_set_has_the_image_of_every_region_and_the_pool_is_of_the_one_asked() -> None:
    regions = [
        a_region("us-east-1", spec={"SubnetId": "subnet-0000000a"}),
        a_region(spec={"SubnetId": "subnet-0000000b"}),
    ]
    found = imported(regions=regions, description="Builders")
    assert {each["region"]: each["image_id"] for each in found.ami_set["images"]} == IMAGES
    assert found.ami_set["description"] == "Builders"
    assert found.pool["subnets"] == ["subnet-0000000b"]
    assert paths(found.warnings) == ["maxPrice", "regions[0]", "maxCapacity"]


def test_a_later_section_overlays_an_earlier_one_key_by_key() -> None:
    general = {"SecurityGroupIds": ["sg-0000000a"], "IamInstanceProfile": {"Arn": ARN}}
    region = a_region(spec={"SecurityGroupIds": ["sg-0000000b"]})
    assert pool(launchSpec=general, regions=[region])["security_groups"] == ["sg-0000000b"]
    special = [a_type(spec={"SecurityGroupIds": ["sg-0000000c"]})]
    found = pool(launchSpec=general, regions=[region], instanceTypes=special)
    assert (found["security_groups"], found["instance_profile"]) == (["sg-0000000c"], ARN)
    zones = [a_zone("us-west-2a", spec={"SecurityGroupIds": ["sg-0000000d"]})]
    assert pool(launchSpec=general, regions=[region], availabilityZones=zones)["security_groups"] == [
        "sg-0000000d"
    ]


def test_zones_bring_their_subnets() -> None:
    zones = [
        a_zone("us-west-2a", spec={"SubnetId": "subnet-0000000a"}),
        a_zone("us-west-2b", spec={"SubnetId": "subnet-0000000b"}),
        a_zone("us-east-1a", spec={"SubnetId": "subnet-0000000c"}),
    ]
    regions = [a_region(), a_region("us-east-1")]
    assert pool(availabilityZones=zones, regions=regions)["subnets"] == ["subnet-0000000a", "subnet-0000000b"]


def test_zones_without_subnets_are_a_warning_for_a_pool_cannot_name_them() -> None:
    assert "availabilityZones[0].availabilityZone" in paths(
        imported(availabilityZones=[a_zone("us-west-2a")]).warnings
    )


def test_a_first_interface_is_the_machines_network() -> None:
    interface = {
        "DeviceIndex": 0,
        "SubnetId": "subnet-0123abcd",
        "Groups": ["sg-0123abcd"],
        "AssociatePublicIpAddress": True,
    }
    found = imported(launchSpec={"NetworkInterfaces": [{"DeviceIndex": 1}, interface]})
    assert (found.pool["subnets"], found.pool["security_groups"]) == (["subnet-0123abcd"], ["sg-0123abcd"])
    assert paths(found.warnings)[:2] == [
        "launchSpec.NetworkInterfaces[0]",
        "launchSpec.NetworkInterfaces[1].AssociatePublicIpAddress",
    ]


@pytest.mark.parametrize(
    ("spot", "ondemand", "markets"),
    [
        (True, False, ["spot"]),
        (None, None, ["spot"]),
        (True, True, ["spot-first", "spot", "on-demand"]),
        (None, True, ["spot-first", "spot", "on-demand"]),
        (False, True, ["on-demand"]),
    ],
)
def test_markets_are_what_the_worker_type_may_use(spot: Any, ondemand: Any, markets: list[str]) -> None:
    assert pool(canUseSpot=spot, canUseOndemand=ondemand)["markets"] == markets


def test_the_ceiling_lets_as_many_machines_run_as_there_could_have_been() -> None:
    types = [a_type("m5.large", capacity=2, utility=1), a_type("m5.xlarge", capacity=4, utility=3)]
    found = imported(instanceTypes=types, maxCapacity=9, maxPrice=0.5)
    assert found.pool["limits"] == {"instances": 5, "usd_per_hour": 7.5, "per_requester": {"instances": 5}}
    assert found.pool["sharing"] == ["requester"]
    assert paths(found.warnings) == [
        "maxCapacity",
        "maxPrice",
        "instanceTypes[0].utility",
        "instanceTypes[0].capacity",
        "instanceTypes[1].utility",
        "instanceTypes[1].capacity",
    ]


def test_a_worker_type_that_was_turned_off_stays_off() -> None:
    assert pool(maxCapacity=0)["limits"]["instances"] == 0


@pytest.mark.parametrize(
    ("name", "architecture"),
    [
        ("c7g.large", "arm64"),
        ("m6gd.xlarge", "arm64"),
        ("im4gn.large", "arm64"),
        ("a1.medium", "arm64"),
        ("x2gd.large", "arm64"),
        ("g5.xlarge", "amd64"),
        ("g4dn.xlarge", "amd64"),
        ("m7i-flex.large", "amd64"),
        ("gr6.4xlarge", "amd64"),
        ("u-6tb1.metal", "amd64"),
    ],
)
def test_the_types_say_for_which_architecture_the_images_are(name: str, architecture: str) -> None:
    found = imported(instanceTypes=[a_type(name)])
    assert found.pool["architectures"] == [architecture]
    assert found.ami_set["images"][0]["architecture"] == architecture


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"userData": {"a": 1}}, "userData"),
        ({"secrets": {"token": "x"}}, "secrets"),
        ({"scopes": ["a:b"]}, "scopes"),
        ({"scalingRatio": 0.2}, "scalingRatio"),
        ({"minCapacity": 1}, "minCapacity"),
        ({"minPrice": 0.1}, "minPrice"),
        ({"lastModified": "2018-01-01T00:00:00Z"}, "lastModified"),
        ({"canUseOndemand": True}, "canUseOndemand"),
        ({"owner": "a\nb"}, "owner"),
        ({"owner": "a" * 257}, "owner"),
        ({"description": "a" * 257}, "description"),
        ({"regions": [a_region(userData={"a": 1})]}, "regions[0].userData"),
        ({"regions": [a_region(secrets={"a": 1})]}, "regions[0].secrets"),
        ({"instanceTypes": [a_type(scopes=["a"])]}, "instanceTypes[0].scopes"),
        ({"instanceTypes": [a_type(capacity=3)]}, "instanceTypes[0].capacity"),
        ({"launchSpec": {"SecurityGroups": ["default"]}}, "launchSpec.SecurityGroups[0]"),
        ({"launchSpec": {"IamInstanceProfile": {"Name": "w"}}}, "launchSpec.IamInstanceProfile.Name"),
        ({"launchSpec": {"EbsOptimized": True}}, "launchSpec.EbsOptimized"),
        ({"launchSpec": {"MonitoringEnabled": True}}, "launchSpec.MonitoringEnabled"),
        ({"launchSpec": {"AddressingType": "public"}}, "launchSpec.AddressingType"),
        ({"launchSpec": {"Placement": {"Tenancy": "dedicated"}}}, "launchSpec.Placement.Tenancy"),
        ({"launchSpec": {"Placement": {"GroupName": "g"}}}, "launchSpec.Placement.GroupName"),
    ],
)
def test_what_has_no_counterpart_is_named_with_its_path(document: dict[str, Any], path: str) -> None:
    assert path in paths(imported(**document).warnings)


@pytest.mark.parametrize(
    ("device", "path"),
    [
        ({"DeviceName": "/dev/xvdb", "VirtualName": "ephemeral0"}, "VirtualName"),
        ({"DeviceName": "/dev/xvdb", "NoDevice": ""}, "NoDevice"),
        (a_disk("/dev/sda1", VolumeSize=20), "DeviceName"),
        (a_disk("/dev/xvda", VolumeSize=8), "Ebs.VolumeSize"),
        (a_disk("/dev/xvda", VolumeType="gp2"), "Ebs.VolumeType"),
        (a_disk("/dev/xvda", VolumeType="io1", Iops=200), "Ebs.Iops"),
        (a_disk(VolumeSize=50, VolumeType="st1"), "Ebs.VolumeType"),
        (a_disk(VolumeSize=50, VolumeType="gp2", Iops=200), "Ebs.Iops"),
        (a_disk(VolumeSize=50, SnapshotId="snap-1"), "Ebs.SnapshotId"),
        (a_disk(VolumeSize=50, DeleteOnTermination=False), "Ebs.DeleteOnTermination"),
        (a_disk(VolumeSize=50, KmsKeyId="k"), "Ebs.KmsKeyId"),
    ],
)
def test_what_a_pools_disks_cannot_be_is_named_with_its_path(device: dict[str, Any], path: str) -> None:
    found = imported(launchSpec={"BlockDeviceMappings": [device]})
    assert f"launchSpec.BlockDeviceMappings[0].{path}" in paths(found.warnings)


def test_a_second_data_volume_is_not_taken() -> None:
    found = imported(
        launchSpec={"BlockDeviceMappings": [a_disk(VolumeSize=50), a_disk("/dev/xvdc", VolumeSize=60)]}
    )
    assert found.pool["disk"]["default_gib"] == 50
    assert "launchSpec.BlockDeviceMappings[1]" in paths(found.warnings)


def test_what_says_nothing_is_not_warned_of() -> None:
    quiet: dict[str, Any] = {
        "KernelId": "",
        "RamdiskId": None,
        "EbsOptimized": False,
        "Placement": {"Tenancy": "default"},
        "SecurityGroups": [],
    }
    assert paths(imported(launchSpec=quiet).warnings) == ["maxPrice"]


def test_no_value_of_a_secret_is_told() -> None:
    hidden = {"password": "hunter2"}
    document = a_worker_type(secrets=hidden, userData=hidden, regions=[a_region(secrets=hidden)])
    told = import_worker_type(document, region="us-west-2")
    told_wrong = import_worker_type(document | {"secrets": "hunter2"}, region="us-east-1")
    assert "hunter2" not in repr(told) + repr(told_wrong)


@pytest.mark.parametrize(
    ("document", "path"),
    [
        *(
            (document, f"{path}.{key}")
            for key in ("KeyName", "InstanceType", "UserData", "AvailabilityZone")
            for document, path in (
                ({"launchSpec": {key: "x"}}, "launchSpec"),
                ({"regions": [a_region(spec={key: "x"})]}, "regions[0].launchSpec"),
                ({"instanceTypes": [a_type(spec={key: "x"})]}, "instanceTypes[0].launchSpec"),
                ({"availabilityZones": [a_zone("us-west-2a", spec={key: "x"})]}, "availabilityZones[0].launchSpec"),
            )
        ),
        ({"launchSpec": {"Placement": {"AvailabilityZone": "x"}}}, "launchSpec.Placement.AvailabilityZone"),
        ({"launchSpec": {"ImageId": "ami-0123abcd"}}, "launchSpec.ImageId"),
        ({"instanceTypes": [a_type(spec={"ImageId": "ami-0123abcd"})]}, "instanceTypes[0].launchSpec.ImageId"),
        ({"availabilityZones": [a_zone("us-west-2a", spec={"ImageId": "ami-0123abcd"})]}, "availabilityZones[0].launchSpec.ImageId"),
        ({"regions": [a_region(launchSpec={})]}, "regions[0].launchSpec.ImageId"),
        ({"regions": [a_region(spec={"ImageId": "ami-xx"})]}, "regions[0].launchSpec.ImageId"),
        ({"regions": [a_region(spec={"ImageId": ""})]}, "regions[0].launchSpec.ImageId"),
        ({"regions": [a_region(), a_region()]}, "regions[1].region"),
        ({"regions": [a_region(), {"region": "us-west-2"}]}, "regions[1].region"),
        ({"regions": [a_region("us-east-1")]}, "regions"),
        ({"regions": [a_region(), a_region("moon")]}, "regions[1].region"),
        ({"regions": []}, "regions"),
        ({"regions": [a_region(f"us-west-{each}") for each in range(10)] * 21}, "regions"),
        ({"regions": [a_region(), 7]}, "regions[1]"),
        ({"regions": [a_region(launchSpec=[])]}, "regions[0].launchSpec"),
        ({"instanceTypes": []}, "instanceTypes"),
        ({"instanceTypes": [a_type(), a_type()]}, "instanceTypes[1].instanceType"),
        ({"instanceTypes": [a_type("m5")]}, "instanceTypes[0].instanceType"),
        ({"instanceTypes": [a_type(capacity=0)]}, "instanceTypes[0].capacity"),
        ({"instanceTypes": [a_type(utility=0)]}, "instanceTypes[0].utility"),
        ({"instanceTypes": [a_type(), a_type("m6g.large")]}, "instanceTypes[1].instanceType"),
        ({"availabilityZones": [a_zone("us-west-2a"), a_zone("us-west-2a")]}, "availabilityZones[1].availabilityZone"),
        ({"availabilityZones": [a_zone("eu-west-1a")]}, "availabilityZones[0].region"),
        ({"availabilityZones": [a_zone("us-west-2a", region="us-west-2"), a_zone("us-east-1a", region="us-west-2")]}, "availabilityZones[1].availabilityZone"),
        ({"launchSpec": {"Colour": 1}}, "launchSpec.Colour"),
        ({"colour": 1}, "colour"),
        ({"launchSpecification": {}}, "launchSpecification"),
        ({"launchSpec": None}, "launchSpec"),
        ({"launchSpec": {"SubnetId": "subnet-1"}}, "launchSpec.SubnetId"),
        ({"launchSpec": {"SecurityGroupIds": ["sg-x"]}}, "launchSpec.SecurityGroupIds[0]"),
        ({"launchSpec": {"IamInstanceProfile": {"Arn": "x"}}}, "launchSpec.IamInstanceProfile.Arn"),
        ({"launchSpec": {"IamInstanceProfile": {"Arn": ARN, "Name": "x"}}}, "launchSpec.IamInstanceProfile"),
        ({"launchSpec": {"KernelId": "aki-1"}}, "launchSpec.KernelId"),
        ({"launchSpec": {"RamdiskId": "ari-1"}}, "launchSpec.RamdiskId"),
        ({"launchSpec": {"BlockDeviceMappings": [a_disk(VolumeSize="x")]}}, "launchSpec.BlockDeviceMappings[0].Ebs.VolumeSize"),
        ({"launchSpec": {"BlockDeviceMappings": [a_disk(Colour=1)]}}, "launchSpec.BlockDeviceMappings[0].Ebs.Colour"),
        ({"launchSpec": {"BlockDeviceMappings": [a_disk(VolumeType="gp2")]}}, "launchSpec.BlockDeviceMappings[0].Ebs.VolumeSize"),
        ({"launchSpec": {"BlockDeviceMappings": [a_disk(VolumeSize=9, VolumeType="io1")]}}, "launchSpec.BlockDeviceMappings[0].Ebs.Iops"),
        ({"launchSpec": {"BlockDeviceMappings": {}}}, "launchSpec.BlockDeviceMappings"),
        ({"maxCapacity": -1}, "maxCapacity"),
        ({"maxCapacity": "10"}, "maxCapacity"),
        ({"maxCapacity": 500_000}, "maxCapacity"),
        ({"minCapacity": 11}, "minCapacity"),
        ({"minPrice": 1}, "minPrice"),
        ({"canUseSpot": False}, "canUseSpot"),
        ({"workerType": "Gecko_1"}, "workerType"),
        ({"workerType": ""}, "workerType"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_once_with_its_path(document: dict[str, Any], path: str) -> None:
    assert errors(**document).count(path) == 1


def test_a_key_that_lies_in_the_wrong_section_is_that_error_alone() -> None:
    assert errors(launchSpec={"KeyName": "x"}) == ["launchSpec.KeyName"]
    assert errors(launchSpec={"ImageId": "x"}) == ["launchSpec.ImageId"]


@pytest.mark.parametrize("beside", [{"SubnetId": "subnet-0123abcd"}, {"SecurityGroupIds": ["sg-0123abcd"]}])
def test_interfaces_beside_a_network_of_another_section_are_an_error(beside: dict[str, Any]) -> None:
    interfaces = {"NetworkInterfaces": [{"DeviceIndex": 0}]}
    assert errors(launchSpec=interfaces, instanceTypes=[a_type(spec=beside)]) == [
        "launchSpec.NetworkInterfaces"
    ]


def test_group_names_beside_a_subnet_are_an_error_also_of_another_region() -> None:
    other = a_region("us-east-1", spec={"SubnetId": "subnet-0123abcd"})
    found = errors(launchSpec={"SecurityGroups": ["default"]}, regions=[a_region(), other])
    assert found == ["launchSpec.SecurityGroups"]


@pytest.mark.parametrize(
    ("spec", "key"),
    [
        ({"SecurityGroupIds": ["sg-0123abcd"]}, "SecurityGroupIds"),
        ({"SubnetId": "subnet-0123abcd"}, "SubnetId"),
        ({"IamInstanceProfile": {"Arn": ARN}}, "IamInstanceProfile"),
        ({"BlockDeviceMappings": [a_disk(VolumeSize=50)]}, "BlockDeviceMappings"),
    ],
)
@pytest.mark.parametrize("place", [0, 1])
def test_types_that_differ_in_what_a_pool_says_cannot_be_in_one(
    spec: dict[str, Any], key: str, place: int
) -> None:
    types = [a_type("m5.large"), a_type("c5.large")]
    types[place]["launchSpec"] = spec
    document = a_worker_type(instanceTypes=types)
    wrong = import_worker_type(document, region="us-west-2").errors
    assert set(paths(wrong)) == {f"instanceTypes[{place}].launchSpec.{key}"}
    for glob in ("m5.*", "c5.*"):
        apart = import_worker_type(document, region="us-west-2", name=glob[:2], types=[glob])
        assert apart.errors == ()
        assert apart.pool["types"] == {"allow": [f"{glob[:2]}.large"]}
        assert any(each.startswith("instanceTypes[") for each in apart.warnings)


def test_types_that_differ_in_what_no_pool_says_are_in_one() -> None:
    ephemeral = [{"DeviceName": "/dev/xvdb", "VirtualName": "ephemeral0"}]
    types = [
        a_type("m5.large"),
        a_type("m3.large", spec={"BlockDeviceMappings": ephemeral, "EbsOptimized": True}),
    ]
    assert pool(instanceTypes=types)["types"] == {"allow": ["m5.large", "m3.large"]}


def test_zones_that_differ_in_more_than_their_subnets_cannot_be_in_one_pool() -> None:
    zones = [a_zone("us-west-2a"), a_zone("us-west-2b", spec={"SecurityGroupIds": ["sg-0123abcd"]})]
    assert errors(availabilityZones=zones) == ["availabilityZones[1].launchSpec.SecurityGroupIds"]


def test_zones_of_which_only_some_have_a_subnet_cannot_be_in_one_pool() -> None:
    zones = [a_zone("us-west-2a", spec={"SubnetId": "subnet-0123abcd"}), a_zone("us-west-2b")]
    assert errors(availabilityZones=zones) == ["availabilityZones[1].launchSpec"]


def test_errors_of_all_kinds_are_told_together() -> None:
    found = errors(
        workerType="A B",
        colour=1,
        minCapacity=-1,
        launchSpec={"KernelId": "aki-1"},
        regions=[a_region(), a_region(), a_region("us-east-1", launchSpec={"KeyName": "k"})],
        instanceTypes=[a_type(), a_type("c5.large", spec={"SubnetId": "subnet-0123abcd"}), a_type("x")],
    )
    assert sorted(found) == [
        "colour",
        "instanceTypes[1].launchSpec.SubnetId",
        "instanceTypes[2].instanceType",
        "launchSpec.KernelId",
        "minCapacity",
        "regions[1].region",
        "regions[2].launchSpec.ImageId",
        "regions[2].launchSpec.KeyName",
        "workerType",
    ]


def test_a_name_that_is_given_goes_before_the_documents_own() -> None:
    document = a_worker_type(workerType="Gecko_1")
    done = import_worker_type(document, region="us-west-2", name="gecko-1")
    assert (done.errors, done.name, done.ami_set["id"]) == ((), "gecko-1", "gecko-1")
    assert paths(import_worker_type(document, region="us-west-2", name="Gecko").errors) == ["--name"]


def test_globs_that_fit_no_type_are_an_error() -> None:
    assert paths(import_worker_type(a_worker_type(), region="us-west-2", types=["c5.*"]).errors) == [
        "instanceTypes"
    ]


@pytest.mark.parametrize("value", [None, [], "x", 1, {}])
def test_what_is_no_worker_type_is_an_error(value: Any) -> None:
    assert import_worker_type(value, region="us-west-2").errors


def test_what_the_readers_of_the_documents_refuse_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def stricter(name: str, value: Any) -> None:
        raise InvalidRequest(f"{name} has {len(value['images'])} images", path="images")

    monkeypatch.setattr(launch_specs, "read_ami_set", stricter)
    assert errors() == ["images"]


def test_the_document_stays_as_it_was() -> None:
    document = a_worker_type(launchSpec={"KeyName": "x", "Placement": {"AvailabilityZone": "a"}})
    before = copy.deepcopy(document)
    import_worker_type(document, region="us-west-2")
    assert document == before


ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)
EBS = st.fixed_dictionaries(
    {},
    optional={
        "VolumeSize": st.integers(1, 16_384),
        "VolumeType": st.sampled_from(["gp2", "gp3", "io1", "io2", "standard", ""]),
        "Iops": st.integers(100, 5_000),
        "Throughput": st.integers(125, 300),
        "DeleteOnTermination": st.booleans(),
        "SnapshotId": st.text(max_size=3),
    },
)
DEVICES = st.lists(
    st.fixed_dictionaries(
        {"DeviceName": st.sampled_from(["/dev/xvda", "/dev/sda1", "/dev/xvdb"])},
        optional={"Ebs": EBS, "VirtualName": st.sampled_from(["", "ephemeral0"]), "NoDevice": st.just("")},
    ),
    max_size=3,
)
NAMES = st.lists(st.sampled_from(["sg-0000000a", "default"]), max_size=2)
GROUPS = st.lists(st.sampled_from(["sg-0000000a", "sg-0000000b"]), max_size=2)
SUBNETS = st.sampled_from(["subnet-0000000a", "subnet-0000000b"])
KEYS: dict[str, st.SearchStrategy[Any]] = {
    "SecurityGroups": NAMES,
    "SecurityGroupIds": GROUPS,
    "SubnetId": SUBNETS,
    "BlockDeviceMappings": DEVICES,
    "NetworkInterfaces": st.lists(
        st.fixed_dictionaries(
            {}, optional={"DeviceIndex": st.integers(0, 1), "SubnetId": SUBNETS, "Groups": GROUPS}
        ),
        max_size=2,
    ),
    "IamInstanceProfile": st.fixed_dictionaries({}, optional={"Arn": st.just(ARN), "Name": st.just("w")}),
    "Placement": st.fixed_dictionaries(
        {}, optional={"Tenancy": st.just("default"), "AvailabilityZone": st.just("a")}
    ),
    "EbsOptimized": st.booleans(),
    "MonitoringEnabled": st.booleans(),
    "KernelId": st.sampled_from(["", "aki-1"]),
}


@st.composite
def any_spec(draw: st.DrawFn, *, image: bool = False) -> dict[str, Any]:
    few = draw(st.just(set()) | st.sets(st.sampled_from(sorted(KEYS)), max_size=2))
    spec = {key: draw(KEYS[key]) for key in sorted(few)}
    return ({"ImageId": "ami-0123abcd"} if image else {}) | spec


@st.composite
def any_worker_type(draw: st.DrawFn) -> Any:
    """A worker type with a few things in each section, and now and then one thing replaced by anything at all."""
    more = draw(st.lists(st.sampled_from(["us-east-1", "eu-central-1"]), max_size=2, unique=True))
    names = ["us-west-2", *more]
    types = draw(
        st.lists(st.sampled_from(["m5.large", "c5.large", "m6.large"]), min_size=1, max_size=3, unique=True)
    )
    zones = draw(st.lists(st.sampled_from(["us-west-2a", "us-west-2b"]), max_size=2, unique=True))
    document = a_worker_type(
        launchSpec=draw(any_spec()),
        regions=[a_region(each, spec=draw(any_spec(image=True))) for each in names],
        availabilityZones=[a_zone(each, spec=draw(any_spec())) for each in zones],
        instanceTypes=[
            a_type(each, spec=draw(any_spec()), capacity=draw(st.integers(1, 5))) for each in types
        ],
        maxCapacity=draw(st.integers(0, 10**6) | st.floats(0, 10)),
        maxPrice=draw(st.floats(0, 10)),
        owner=draw(st.none() | st.text(max_size=5)),
        description=draw(st.none() | st.text(max_size=300)),
    )
    if draw(st.integers(0, 3)) == 3:
        sections = [document, document["launchSpec"]]
        for key in ("regions", "availabilityZones", "instanceTypes"):
            sections += [part for each in document[key] for part in (each, each["launchSpec"])]
        broken = draw(st.sampled_from(sections))
        key = draw(
            st.sampled_from(sorted({*broken, "KeyName", "ImageId", "InstanceType"})) | st.text(max_size=4)
        )
        broken[key] = draw(ANYTHING | st.sampled_from(["k", "ami-0123abcd", "us-east-1", "m6g.large"]))
    return json.loads(json.dumps(document))


@given(document=any_worker_type() | ANYTHING, types=st.sampled_from([("*",), ("m5.*",), ("m*", "c5.large")]))
def test_any_document_becomes_sound_documents_or_errors_with_paths(
    document: Any, types: tuple[str, ...]
) -> None:
    before = copy.deepcopy(document)
    done = import_worker_type(document, region="us-west-2", types=types)
    assert document == before
    if done.errors:
        assert (done.pool, done.ami_set, done.warnings) == ({}, {}, ())
        assert len(done.errors) == len(set(done.errors))
    else:
        assert pool_defects(done.name, done.pool) == ()
        assert {each.region for each in read_ami_set(done.name, done.ami_set).images} == {
            each["region"] for each in document["regions"]
        }
        assert done.pool["types"]["allow"]
    for each in (*done.errors, *done.warnings):
        path, colon, what = each.partition(": ")
        assert path, each
        assert colon, each
        assert what, each
        assert not path.startswith("pools.")
