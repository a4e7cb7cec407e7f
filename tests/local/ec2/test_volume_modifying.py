"""ModifyVolume: later, one at a time, four in a rolling day, never smaller, and rarely failing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from local.ec2 import HARSH, Ec2Error
from tests.local.ec2.builders import REGION, World
from tests.local.ec2.ebs import HERE, a_volume, found, modification, slow, the_volume, told, where

DAY = 24 * 3600


def refusals(world: World, volume_id: str, *changes: dict[str, Any]) -> list[str]:
    """Return the codes with which ModifyVolume refuses *changes*."""
    return [world.refused("ModifyVolume", VolumeId=volume_id, **change) for change in changes]


def grow(world: World, volume_id: str, size_gib: int) -> dict[str, Any]:
    """Ask for a larger volume."""
    answer: dict[str, Any] = world.call("ModifyVolume", VolumeId=volume_id, Size=size_gib)
    world.ec2.advance()
    return dict(answer["VolumeModification"])


def step(world: World, volume_id: str) -> tuple[str, int, int]:
    """Return state and progress of a modification, and the size of the volume."""
    now = modification(world, volume_id)
    return now["ModificationState"], now["Progress"], the_volume(world, volume_id)["Size"]


def test_a_modification_has_its_effect_when_it_optimizes() -> None:
    world = World(timing=slow(modifying=(10, 10), optimizing=(100, 100)))
    volume_id = a_volume(world)
    answer = grow(world, volume_id, 20)
    assert (answer["OriginalSize"], answer["TargetSize"], answer["ModificationState"]) == (
        10,
        20,
        "modifying",
    )
    assert step(world, volume_id) == ("modifying", 0, 10)
    world.wait(10)
    assert step(world, volume_id) == ("optimizing", 0, 20)
    world.wait(50)
    assert step(world, volume_id) == ("optimizing", 50, 20)
    world.wait(49)
    assert "EndTime" not in modification(world, volume_id)
    world.wait(1)
    assert step(world, volume_id) == ("completed", 100, 20)
    assert modification(world, volume_id)["EndTime"] == world.now


def test_a_terabyte_optimizes_for_hours() -> None:
    world = World(timing=HARSH)
    volume_id = a_volume(world, 1000)
    world.wait(60)
    grow(world, volume_id, 1024)
    world.wait(40)
    assert step(world, volume_id)[::2] == ("optimizing", 1024)
    world.wait(4 * 3600 - 60)
    assert modification(world, volume_id)["ModificationState"] == "optimizing"
    world.wait(2.5 * 3600)
    assert modification(world, volume_id)["ModificationState"] == "completed"


def test_one_modification_at_a_time() -> None:
    world = World(timing=slow(modifying=(10, 10), optimizing=(100, 100)))
    volume_id = a_volume(world)
    grow(world, volume_id, 20)
    for _ in range(11):
        assert refusals(world, volume_id, {"Size": 30}) == ["IncorrectModificationState"]
        world.wait(10)
    grow(world, volume_id, 30)


def test_four_modifications_begin_in_a_rolling_day(world: World) -> None:
    volume_id = a_volume(world)
    for size_gib in (11, 12, 13, 14):
        grow(world, volume_id, size_gib)
        world.wait(3600)
    with pytest.raises(Ec2Error, match="2026-11-21T09:00:00Z or later") as refusal:
        grow(world, volume_id, 15)
    assert refusal.value.code == "VolumeModificationRateExceeded"
    world.wait(DAY - 4 * 3600 - 1)
    assert refusals(world, volume_id, {"Size": 15}) == ["VolumeModificationRateExceeded"]
    world.wait(1)
    grow(world, volume_id, 15)
    assert refusals(world, volume_id, {"Size": 16}) == ["VolumeModificationRateExceeded"]


def test_the_allowance_of_modifications_can_be_the_old_one(world: World) -> None:
    world.ec2.set_modification_allowance(1, timedelta(hours=6))
    volume_id = a_volume(world)
    grow(world, volume_id, 11)
    world.wait(6 * 3600 - 1)
    assert refusals(world, volume_id, {"Size": 12}) == ["VolumeModificationRateExceeded"]
    world.wait(1)
    grow(world, volume_id, 12)


def test_a_volume_never_shrinks(world: World) -> None:
    volume_id = a_volume(world)
    assert refusals(world, volume_id, {"Size": 9}) == ["InvalidParameterValue"]


def test_a_modification_keeps_the_limits_of_the_type(world: World) -> None:
    volume_id = a_volume(world)
    changes: list[dict[str, Any]] = [
        {"Size": 65537},
        {"Iops": 5001},
        {"Throughput": 751},
        {"VolumeType": "st1"},
        {"VolumeType": "io1"},
        {"VolumeType": "gp2", "Iops": 3000},
        {"VolumeType": "standard"},
    ]
    assert refusals(world, volume_id, *changes) == [
        *["InvalidParameterValue"] * 5,
        "InvalidParameterCombination",
        "UnsupportedOperation",
    ]


@pytest.mark.parametrize(
    ("change", "rates"),
    [
        ({"Size": 20}, (5000, 500)),
        ({"Iops": 4000}, (4000, 500)),
        ({"VolumeType": "gp2"}, (300, None)),
        ({"VolumeType": "io2"}, (3000, None)),
    ],
)
def test_a_modification_keeps_the_rates_of_a_type_and_not_of_another(
    world: World, change: dict[str, Any], rates: tuple[int, int | None]
) -> None:
    volume_id = a_volume(world, 100, Iops=5000, Throughput=500)
    world.call(
        "ModifyVolume", VolumeId=volume_id, **{**change, **({"Size": 100} if "Size" in change else {})}
    )
    world.ec2.advance()
    volume = the_volume(world, volume_id)
    assert (volume["Iops"], volume.get("Throughput")) == rates


def test_a_boot_volume_takes_no_type_that_cannot_boot(world: World) -> None:
    disk = {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 200}}
    world.template("big", ImageId="ami-0f1a7ca5466655be0", BlockDeviceMappings=[disk])
    (instance_id,) = world.launch(template="big")
    (root,) = found(world, Filters=where(attachment__instance_id=instance_id))
    assert refusals(world, root, {"VolumeType": "st1"}) == ["InvalidParameterCombination"]
    world.call("ModifyVolume", VolumeId=a_volume(world, 200), VolumeType="st1")


def test_a_region_modifies_so_much_storage_at_once() -> None:
    world = World(timing=slow(optimizing=(100, 100)))
    world.ec2.set_modification_quota("gp3", 1)
    one, two = a_volume(world), a_volume(world)
    grow(world, one, 1000)
    assert refusals(world, two, {"Size": 25}) == ["VolumeModificationSizeLimitExceeded"]
    world.wait(100)
    grow(world, two, 25)


def test_growth_counts_against_the_storage_quota_at_once() -> None:
    world = World(timing=slow(modifying=(10, 10)))
    world.ec2.set_volume_quota("gp3", 1)
    one, two = a_volume(world), a_volume(world)
    assert refusals(world, one, {"Size": 1015}) == ["VolumeLimitExceeded"]
    grow(world, one, 1014)
    assert refusals(world, two, {"Size": 11}) == ["VolumeLimitExceeded"]


def test_a_failed_modification_changes_nothing_and_counts_all_the_same(world: World) -> None:
    world.ec2.set_modification_allowance(1, timedelta(hours=6))
    volume_id = a_volume(world)
    world.ec2.fail_modification(volume_id)
    grow(world, volume_id, 20)
    failed = modification(world, volume_id)
    assert (failed["ModificationState"], the_volume(world, volume_id)["Size"]) == ("failed", 10)
    assert failed["StatusMessage"]
    assert told(world, volume_id)[-1] == ("modifyVolume", "failed")
    assert refusals(world, volume_id, {"Size": 20}) == ["VolumeModificationRateExceeded"]
    world.wait(6 * 3600)
    grow(world, volume_id, 20)
    assert the_volume(world, volume_id)["Size"] == 20


def test_a_modification_may_fail_by_itself() -> None:
    world = World(timing=slow(modification_failures=0.5))
    states = set()
    for _ in range(20):
        volume_id = a_volume(world)
        grow(world, volume_id, 20)
        states.add(modification(world, volume_id)["ModificationState"])
    assert states == {"completed", "failed"}


def test_a_modification_to_the_same_values_counts(world: World) -> None:
    world.ec2.set_modification_allowance(1, timedelta(hours=6))
    volume_id = a_volume(world)
    grow(world, volume_id, 10)
    assert modification(world, volume_id)["ModificationState"] == "completed"
    assert refusals(world, volume_id, {"Size": 20}) == ["VolumeModificationRateExceeded"]


def test_a_modification_says_what_to_change(world: World) -> None:
    assert refusals(world, a_volume(world), {}) == ["MissingParameter"]


def test_a_magnetic_volume_cannot_be_modified(world: World) -> None:
    volume_id = a_volume(world, VolumeType="standard")
    assert refusals(world, volume_id, {"Size": 20}, {"VolumeType": "gp3"}) == ["UnsupportedOperation"] * 2


def test_a_modification_shows_late_and_only_where_there_was_one() -> None:
    world = World(timing=slow(visibility=(5, 5)))
    volume_id = a_volume(world)
    world.wait(5)
    question = {"VolumeIds": [volume_id]}
    absent = "InvalidVolumeModification.NotFound"
    assert world.refused("DescribeVolumesModifications", **question) == absent
    grow(world, volume_id, 20)
    assert world.refused("DescribeVolumesModifications", **question) == absent
    world.wait(5)
    assert modification(world, volume_id)["TargetSize"] == 20
    grow(world, volume_id, 30)
    assert modification(world, volume_id)["TargetSize"] == 20
    world.wait(5)
    assert modification(world, volume_id)["TargetSize"] == 30


def test_modifications_are_found_by_what_they_do(world: World) -> None:
    one, two = a_volume(world), a_volume(world, VolumeType="gp2")
    a_volume(world)
    grow(world, one, 20)
    world.call("ModifyVolume", VolumeId=two, VolumeType="gp3")
    world.ec2.advance()
    for name, value, wanted in (
        ("modification_state", "completed", [one, two]),
        ("modification_state", "optimizing", []),
        ("volume_id", one, [one]),
        ("original_size", "10", [one, two]),
        ("target_size", "20", [one]),
        ("original_volume_type", "gp2", [two]),
        ("target_volume_type", "gp3", [one, two]),
        ("target_iops", "3000", [one, two]),
        ("targetMultiAttachEnabled", "false", [one, two]),
    ):
        shown = world.call("DescribeVolumesModifications", Filters=where(**{name: value}))
        assert [m["VolumeId"] for m in shown["VolumesModifications"]] == wanted, name


def test_pages_of_modifications_are_a_partition(world: World) -> None:
    made = [a_volume(world) for _ in range(7)]
    for volume_id in made:
        grow(world, volume_id, 20)
    seen: list[str] = []
    token: dict[str, str] = {}
    for _ in range(4):
        answer = world.call("DescribeVolumesModifications", MaxResults=2, **token)
        seen += [m["VolumeId"] for m in answer["VolumesModifications"]]
        token = {"NextToken": answer.get("NextToken", "")}
    assert (seen, token) == (made, {"NextToken": ""})
    assert world.refused("DescribeVolumesModifications", MaxResults=501) == "InvalidParameterValue"


def test_optimizing_is_told_and_completed_is_not(world: World) -> None:
    volume_id = a_volume(world)
    grow(world, volume_id, 20)
    world.wait(DAY)
    assert told(world, volume_id) == [("createVolume", "available"), ("modifyVolume", "optimizing")]
    event = world.events[-1]
    assert event["resources"] == [f"arn:aws:ec2:{REGION}:123456789012:volume/{volume_id}"]
    assert event["detail"].keys() == {"event", "result", "cause", "request-id"}


def test_a_volume_may_be_deleted_while_it_is_modified() -> None:
    world = World(timing=slow(modifying=(10, 10), optimizing=(100, 100)))
    volumes = [a_volume(world), a_volume(world)]
    for volume_id, seconds in zip(volumes, (0, 20), strict=True):
        grow(world, volume_id, 20)
        world.wait(seconds)
        world.call("DeleteVolume", VolumeId=volume_id)
        world.ec2.advance()
    world.wait(DAY)
    assert world.call("DescribeVolumesModifications")["VolumesModifications"] == []
    world.ec2.set_volume_quota("gp3", 0.03)
    a_volume(world, 30, AvailabilityZone=HERE)
