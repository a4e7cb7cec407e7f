"""Images in many regions, and errors that stay where they happened."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from railyard.aws.images import Ec2Images
from railyard.aws.regions import AT_ONCE, in_each
from railyard.errors import Denied, RailyardError, Throttled
from railyard.model.images import Image
from tests.bench import bench
from tests.railyard.aws.stubs import Paginated, Recorder, refused


def test_images_are_read_in_our_words_and_those_that_are_gone_are_absent() -> None:
    with bench() as stand:
        found = Ec2Images(lambda _: stand.client).look(
            "us-east-1", ["ami-00000002", "ami-0dead", "ami-00000001"]
        )
        assert {key: each.architecture for key, each in found.items()} == {
            "ami-00000001": "amd64",
            "ami-00000002": "arm64",
        }
        image = found["ami-00000001"]
        assert (image.owner, image.virtualization, image.root_device) == ("075585003325", "hvm", "ebs")
        assert (image.public, image.region, image.name) == (True, "us-east-1", "Flatcar-x86_64")


def test_images_are_asked_for_by_filter_deprecated_ones_too() -> None:
    client = Recorder(lambda _, __: {"Images": []})
    assert Ec2Images(lambda _: client).look("us-east-1", ["ami-2", "ami-1"]) == {}
    ((operation, asked),) = client.calls
    assert operation == "describe_images"
    assert asked["Filters"] == [{"Name": "image-id", "Values": ["ami-1", "ami-2"]}]
    assert asked["IncludeDeprecated"] is True


def test_an_image_without_its_optional_fields_is_read() -> None:
    client = Recorder(lambda _, __: {"Images": [{"ImageId": "ami-1"}]})
    image = Ec2Images(lambda _: client).look("us-east-1", ["ami-1"])["ami-1"]
    assert (image.state, image.public, image.deprecation_time) == ("", False, "")


def test_one_regions_error_does_not_hide_the_others() -> None:
    clients = {
        "us-east-1": Recorder(lambda _, __: {"Images": [{"ImageId": "ami-1"}]}),
        "eu-west-1": Recorder(lambda _, __: refused("AuthFailure")),
        "eu-west-2": Recorder(lambda _, __: refused("RequestLimitExceeded")),
    }
    found = Ec2Images(clients.__getitem__).everywhere({key: ["ami-1"] for key in clients})
    assert list(found) == sorted(clients)
    assert isinstance(found["us-east-1"], dict)
    assert (type(found["eu-west-1"]), type(found["eu-west-2"])) == (Denied, Throttled)


def test_the_newest_image_is_looked_for_in_each_region_by_itself() -> None:
    def image(created: str) -> dict[str, Any]:
        return {"ImageId": f"ami-{created}", "CreationDate": created, "Architecture": "x86_64"}

    def denied(_: str, __: Any) -> Any:
        raise refused("AuthFailure")

    clients = {
        "us-east-1": Paginated(lambda _, __: {"Images": [image("2026-01"), image("2026-02")]}),
        "eu-west-1": Paginated(lambda _, __: {"Images": []}),
        "eu-west-2": Paginated(denied),
    }
    found = Ec2Images(clients.__getitem__).newest_everywhere(
        clients, owner="aws-marketplace", name="Flatcar-stable-*", architecture="amd64"
    )
    assert isinstance(found["us-east-1"], Image)
    assert (found["us-east-1"].image_id, found["eu-west-1"]) == ("ami-2026-02", None)
    assert isinstance(found["eu-west-2"], Denied)


@pytest.mark.parametrize(
    ("code", "refusal"),
    [
        ("DryRunOperation", ""),
        ("InvalidAMIID.NotFound", "InvalidAMIID.NotFound"),
        ("InvalidAMIID.Unavailable", "InvalidAMIID.Unavailable"),
        ("OptInRequired", "OptInRequired"),
        ("AuthFailure", "AuthFailure"),
        ("UnauthorizedOperation", ""),
        ("RequestLimitExceeded", ""),
        ("VcpuLimitExceeded", ""),
        ("MissingInput", ""),
    ],
)
def test_a_dry_run_says_no_only_where_ec2_means_the_image(code: str, refusal: str) -> None:
    client = Recorder(lambda _, __: refused(code))
    assert Ec2Images(lambda _: client).refusal("us-east-1", "ami-1", "arm64") == refusal
    ((operation, asked),) = client.calls
    assert (operation, asked["DryRun"], asked["InstanceType"]) == ("run_instances", True, "t4g.micro")


def test_a_dry_run_starts_nothing_of_a_good_image_and_tells_a_bad_one() -> None:
    with bench() as stand:
        images = Ec2Images(lambda _: stand.client)
        assert images.refusal("us-east-1", "ami-00000001", "amd64") == ""
        assert images.refusal("us-east-1", "ami-0000dead", "amd64") == "InvalidAMIID.NotFound"
        assert stand.client.describe_instances()["Reservations"] == []


def test_regions_are_asked_at_once() -> None:
    together = threading.Barrier(AT_ONCE, timeout=10)
    assert len(in_each({str(n): n for n in range(AT_ONCE)}, lambda _, __: together.wait())) == AT_ONCE


def test_an_error_that_is_none_of_ours_escapes() -> None:
    def broken(_: str, __: Any) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        in_each({"us-east-1": 1}, broken)


def test_no_questions_are_no_answers() -> None:
    answers: dict[str, int | RailyardError] = in_each({}, lambda _, number: number)
    assert answers == {}
