"""The Ignition config: small, deterministic, and a mount that systemd knows by its name."""

from __future__ import annotations

import base64
import json

import pytest

from railyard.model.pools import Disk
from railyard.node.ignition import MAX_USER_DATA_BYTES, ignition, user_data
from tests.builders import a_pool


def test_it_is_the_same_bytes_for_the_same_pool_and_valid_json() -> None:
    text = base64.b64decode(user_data(a_pool()))
    assert user_data(a_pool()) == user_data(a_pool())
    assert len(text) <= MAX_USER_DATA_BYTES
    assert json.loads(text)["ignition"] == {"version": "3.3.0"}


@pytest.mark.parametrize(
    ("mount", "unit"), [("/mnt/data", "mnt-data.mount"), ("/var/lib/my-disk/", "var-lib-my\\x2ddisk.mount")]
)
def test_a_mount_unit_is_named_after_its_path(mount: str, unit: str) -> None:
    config = ignition(a_pool(disk=Disk(mount=mount)))
    assert config["systemd"]["units"][0]["name"] == unit


def test_without_a_data_disk_nothing_is_mounted() -> None:
    config = ignition(a_pool(disk=Disk(default_gib=0)))
    assert "filesystems" not in config["storage"]
    assert "systemd" not in config


def test_user_data_larger_than_ec2_takes_is_refused() -> None:
    with pytest.raises(ValueError, match="16384"):
        user_data(a_pool(ssh_keys=("k" * 16_384,)))
