"""Documents of AMI sets, ours and Taskcluster's."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from railyard.errors import InvalidRequest
from railyard.model.ami_sets import SetImage
from railyard.wire.ami_sets import LARGEST, read_ami_set

AMI, SHORT = "ami-0123456789abcdef0", "ami-01234567"
KEYS = st.tuples(
    st.sampled_from(["us-east-1", "eu-west-1", "us-gov-west-1", "ap-southeast-12"]),
    st.sampled_from(["amd64", "arm64"]),
    st.sampled_from(["hvm", "pv"]),
)


@given(st.lists(KEYS, min_size=1, unique=True), st.randoms())
def test_the_order_of_images_does_not_matter_and_none_is_lost(keys: list[Any], random: Any) -> None:
    images = [
        {"region": region, "architecture": architecture, "virtualization": kind, "image_id": AMI}
        for region, architecture, kind in keys
    ]
    content = read_ami_set("base", {"images": images})
    assert {(each.region, each.architecture, each.virtualization) for each in content.images} == set(keys)
    random.shuffle(images)
    again = read_ami_set("base", {"images": images})
    assert (again, again.hash, again.choice) == (content, content.hash, content.choice)


def test_an_image_is_amd64_and_hvm_unless_it_says_otherwise() -> None:
    content = read_ami_set("base", {"images": [{"region": "us-east-1", "image_id": SHORT}]})
    assert content.images == (SetImage(region="us-east-1", architecture="amd64", image_id=SHORT),)


def test_a_channel_is_tracked_without_images() -> None:
    content = read_ami_set("base", {"tracks": {"channel": "lts-2024"}, "description": "lts"})
    assert (content.tracks, content.images, content.description) == ("lts-2024", (), "lts")


def test_taskcluster_s_form_has_two_kinds_and_one_architecture() -> None:
    given = {
        "amis": [
            {"region": "us-east-1", "hvm": AMI, "pv": SHORT},
            {"region": "us-west-2", "hvm": "", "pv": SHORT},
        ]
    }
    assert [(each.key, each.image_id) for each in read_ami_set("base", given).images] == [
        ("us-east-1/amd64/hvm", AMI),
        ("us-east-1/amd64/pv", SHORT),
        ("us-west-2/amd64/pv", SHORT),
    ]


def test_every_defect_is_told_with_its_place() -> None:
    value = {
        "images": [
            {"region": "x", "image_id": "ami-1"},
            5,
            {"region": "us-east-1", "image_id": AMI, "size": 1},
        ],
        "tracks": {"channel": "stable", "from": 1},
        "owner": "me",
    }
    with pytest.raises(InvalidRequest) as raised:
        read_ami_set("base", value)
    places = ["owner", "images[0].region", "images[0].image_id", "images[1]", "images[2].size"]
    assert raised.value.path == "tracks"
    assert all(f"{place}: " in str(raised.value) for place in places)


def test_a_set_has_an_end() -> None:
    image = {"region": "us-east-1", "image_id": AMI}
    with pytest.raises(InvalidRequest) as raised:
        read_ami_set("base", {"images": [image] * (LARGEST + 1)})
    assert raised.value.path == "images"


@pytest.mark.parametrize("image_id", ["ami-0123456", "ami-012345678", "ami-0123456789abcdef01", "AMI-01234567", "ami-0123456g", "ami-01234567\n", " ami-01234567", ""])  # fmt: skip
def test_what_cannot_be_an_image_is_refused(image_id: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        read_ami_set("base", {"images": [{"region": "us-east-1", "image_id": image_id}]})
    assert raised.value.path == "images[0].image_id"
