"""Copies of images against the model of EC2: made once, listed by their tags, taken away with their snapshots."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from local.ec2 import PROMPT
from railyard.aws.copies import Ec2Copies
from railyard.errors import RailyardError, Throttled
from railyard.model.copies import Copy, CopyOrder, Maker
from tests.bench import Bench, ModelClient, bench
from tests.railyard.aws.stubs import Recorder, refused

REGION, SOURCE = "us-east-1", "ami-00000001"
MAKER = Maker(stack="railyard", home=REGION)
ORDER = CopyOrder(
    region=REGION,
    source=SOURCE,
    name="railyard-stable-4593.2.5-amd64",
    token="t",
    tags=MAKER.tags | {"railyard:copy-of": SOURCE},
)


@pytest.fixture
def stand() -> Iterator[Bench]:
    """EC2 where copies take a minute."""
    with bench(timing=replace(PROMPT, image_copy=(60, 60))) as made:
        yield made


def of(stand: Bench, stack: str = "railyard") -> Ec2Copies:
    return Ec2Copies(lambda _: stand.client, stack)


def listed(stand: Bench) -> tuple[Copy, ...]:
    found = of(stand).everywhere([REGION])[REGION]
    assert not isinstance(found, RailyardError)
    return found


def calls(client: ModelClient) -> list[str]:
    return [operation for operation, _ in client.calls]


def test_a_copy_is_made_once_and_listed_by_its_tags_with_what_it_is_of(stand: Bench) -> None:
    for _ in range(2):
        assert of(stand).make([ORDER]) == {}
    assert calls(stand.client) == ["CopyImage"] * 2
    (copy,) = listed(stand)
    assert (copy.source, copy.image.state, copy.image.name) == (SOURCE, "pending", ORDER.name)
    assert (copy.tags, copy.image.public, copy.image.architecture) == (ORDER.tags, False, "amd64")
    assert copy.made_by(MAKER)
    assert not copy.made_by(replace(MAKER, home="eu-west-1"))
    stand.pass_time(seconds=60)
    assert listed(stand)[0].image.state == "available"
    assert of(stand, "other").everywhere([REGION]) == {REGION: ()}


def test_its_snapshots_carry_its_tags(stand: Bench) -> None:
    disk = {
        "DeviceName": "/dev/xvda",
        "Ebs": {"SnapshotId": "snap-00000001", "VolumeSize": 8, "Encrypted": False},
    }
    stand.ec2.add_image(REGION, {**_shown(stand, SOURCE), "BlockDeviceMappings": [disk]})
    of(stand).make([ORDER])
    (snapshot,) = stand.client.describe_snapshots()["Snapshots"]
    assert {tag["Key"]: tag["Value"] for tag in snapshot["Tags"]} == ORDER.tags
    stand.pass_time(seconds=60)
    assert of(stand).take_away(listed(stand)) == {}
    assert (listed(stand), stand.client.describe_snapshots()["Snapshots"]) == ((), [])


def _shown(stand: Bench, image_id: str) -> dict[str, Any]:
    (image,) = stand.client.describe_images(ImageIds=[image_id])["Images"]
    return dict(image)


def test_a_refusal_is_told_by_the_order_s_key_and_keeps_nothing_from_being_made(stand: Bench) -> None:
    failed = of(stand).make([replace(ORDER, source="ami-0000dead", token="u"), ORDER])
    assert {key: error.code for key, error in failed.items()} == {
        f"{REGION}/ami-0000dead": "InvalidAMIID.NotFound"
    }
    assert len(listed(stand)) == 1


def test_what_is_gone_already_counts_as_taken_away(stand: Bench) -> None:
    of(stand).make([ORDER])
    copies = listed(stand)
    assert [of(stand).take_away(copies) for _ in range(2)] == [{}, {}]
    assert listed(stand) == ()


def test_the_source_is_never_taken_away(stand: Bench) -> None:
    of(stand).make([ORDER])
    (copy,) = listed(stand)
    foreign = replace(copy, image=replace(copy.image, image_id=SOURCE))
    assert [error.code for error in of(stand).take_away([foreign]).values()] == ["AuthFailure"]


def test_a_copy_whose_tag_says_otherwise_than_ec2_is_a_copy_of_nothing(stand: Bench) -> None:
    of(stand).make([replace(ORDER, tags=MAKER.tags | {"railyard:copy-of": "ami-00000002"})])
    (copy,) = listed(stand)
    assert (copy.source, copy.made_by(MAKER)) == ("", False)


def test_every_page_is_read_and_a_region_that_fails_on_one_has_said_nothing() -> None:
    def answer(page: int) -> dict[str, Any]:
        return {"Images": [{"ImageId": f"ami-{page}"}]} | ({"NextToken": str(page + 1)} if page < 2 else {})

    whole = Recorder(lambda _, asked: answer(int(asked.get("NextToken", 0))))
    broken = Recorder(lambda _, asked: refused("RequestLimitExceeded") if "NextToken" in asked else answer(0))
    clients = {REGION: whole, "eu-west-1": broken}
    found = Ec2Copies(clients.__getitem__, "railyard").everywhere(clients)
    assert [copy.image_id for copy in found[REGION]] == ["ami-0", "ami-1", "ami-2"]  # type: ignore[union-attr]
    assert isinstance(found["eu-west-1"], Throttled)
    assert whole.calls[0][1]["Owners"] == ["self"]
    assert whole.calls[0][1]["Filters"] == [{"Name": "tag:railyard:stack", "Values": ["railyard"]}]


def test_snapshots_that_stay_behind_are_told(stand: Bench) -> None:
    of(stand).make([ORDER])
    results = [{"SnapshotId": "snap-1", "ReturnCode": "missing-permissions"}]
    client = Recorder(lambda _, __: {"Return": True, "DeleteSnapshotResults": results})
    failed = Ec2Copies(lambda _: client, "railyard").take_away(listed(stand))
    assert [error.code for error in failed.values()] == ["SnapshotsLeft"]
