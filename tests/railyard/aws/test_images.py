"""Images in many regions, and errors that stay where they happened."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from railyard.aws.images import Ec2Images
from railyard.aws.regions import AT_ONCE, in_each
from railyard.errors import Denied, RailyardError, Throttled
from tests.bench import bench
from tests.railyard.aws.stubs import Recorder, refused


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
