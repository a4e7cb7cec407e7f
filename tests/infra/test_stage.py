"""``railyard.toml`` and context values."""

from __future__ import annotations

import json
import time
from functools import cache
from pathlib import Path

import pytest
from pysequoia import Tsk

from infra.app import build
from infra.blocks.layers import REPOSITORY
from infra.stage import Stage, read_stage
from railyard.errors import InvalidSettings

ADDED = {"ci": {"principals": ["AROA1"]}}
REPLIES = "arn:aws:sqs:us-east-1:123456789012:replies"


def stage(tmp_path: Path, toml: str, **context: object) -> Stage:
    (tmp_path / "railyard.toml").write_text(toml)
    return read_stage(lambda name: context.get(name), tmp_path)


def test_the_shipped_file_is_sound_and_has_a_default_pool() -> None:
    shipped = read_stage(lambda _: None, REPOSITORY)
    assert shipped.stage == "railyard"
    assert shipped.pools["default"]["architectures"] == ["amd64", "arm64"]


def test_every_defect_is_told_at_once_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings) as refused:
        stage(
            tmp_path,
            """
            stage = "Rail Yard"
            colour = "red"
            [network]
            vpc_id = "vpc-0000000a"
            [images]
            channels = ["nightly"]
            regions_required = ["us-east-1a"]
            [requesters.ci]
            reply_queue_arn = "https://example.org"
            [pools.default]
            idle_seconds = -1
            architectures = []
            """,
        )
    told = str(refused.value)
    for path in (
        "stage:", "colour:", "network.subnets:", "images.channels[0]:", "images.regions_required[0]:", "requesters.ci.principals:",
        "requesters.ci.reply_queue_arn:", "pools.default.idle_seconds:", "pools.default.architectures:",
    ):  # fmt: skip
        assert f"  {path}" in told


@pytest.mark.parametrize("channel", ["stable", "beta", "alpha", "lts", "lts-2024"])
def test_every_channel_of_flatcar_may_be_kept(tmp_path: Path, channel: str) -> None:
    assert stage(tmp_path, f"[images]\nchannels = ['{channel}']").images.channels == (channel,)


@pytest.mark.parametrize("channel", ["nightly", "stable\\n", "lts-24", "lts2024", "Stable", ""])
def test_no_other_channel_is(tmp_path: Path, channel: str) -> None:
    with pytest.raises(InvalidSettings, match=r"images.channels\[0\]"):
        stage(tmp_path, f'[images]\nchannels = ["{channel}"]')


def test_a_mirror_must_have_a_place_for_each_line(tmp_path: Path) -> None:
    given = """
        [images]
        channels = ["stable", "lts-2024"]
        mirror_url = "https://mirror.example.com/images"
        """
    with pytest.raises(InvalidSettings) as refused:
        stage(tmp_path, given)
    assert all(part in str(refused.value) for part in ("{channel}", "{board}", "{folder}"))
    with pytest.raises(InvalidSettings, match=r"images\.mirror_url"):
        stage(tmp_path, given.replace("https:", "http:"))
    one = stage(tmp_path, "[images]\nmirror_url = 'https://m.example.com/amd64'\narchitectures = ['amd64']")
    assert one.images.mirror_url


@cache
def publisher() -> Tsk:
    return Tsk.generate("Buildbot <b@example.com>")


def public(key: Tsk) -> bytes:
    return bytes(key.extract_certificate())


def with_key(tmp_path: Path, key: bytes, fingerprint: str = "", name: str = "flatcar.asc") -> Stage:
    """Read a stage in a folder of its own, whose key file holds *key*."""
    (tmp_path / "flatcar.asc").write_bytes(key)
    toml = f"[images]\nsigning_key = '{name}'\nfingerprint = '{fingerprint}'"
    (tmp_path / "railyard.toml").write_text(toml)
    return read_stage(lambda _: None, tmp_path)


def test_a_key_file_is_found_beside_the_file_that_names_it(tmp_path: Path) -> None:
    pin = publisher().extract_certificate().fingerprint
    found = with_key(tmp_path, public(publisher()), pin)
    assert (found.images.signing_key, found.images.fingerprint) == (str(tmp_path / "flatcar.asc"), pin)


def expired() -> Tsk:
    short = Tsk.generate("Buildbot <b@example.com>", validity_seconds=1)
    time.sleep(1.1)
    return short


def test_a_key_that_cannot_be_trusted_stops_the_synthesis_with_its_reason(tmp_path: Path) -> None:
    pin = publisher().extract_certificate().fingerprint
    revocation = bytes(publisher().extract_certificate().revoke(publisher().certifier()))
    old = expired()
    for key, fingerprint, name, why in (
        (public(publisher()), "", "flatcar.asc", "expected signing key f88cfede"),
        (public(publisher()), pin, "missing.asc", "No such file"),
        (b"<html>", pin, "flatcar.asc", "cannot be read"),
        (public(publisher()) + revocation, pin, "flatcar.asc", "revoked"),
        (public(old), old.extract_certificate().fingerprint, "flatcar.asc", "expired"),
    ):
        with pytest.raises(InvalidSettings, match=f"images.signing_key: .*{why}"):
            with_key(tmp_path, key, fingerprint, name)


def test_a_fingerprint_without_a_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match=r"images.fingerprint"):
        stage(tmp_path, f"[images]\nfingerprint = '{'0' * 40}'")


@pytest.mark.parametrize("toml", ["stage = ", "network = 3", "[network]\nsubnets = 'x'", "pools = 1"])
def test_a_file_of_the_wrong_shape_is_refused(tmp_path: Path, toml: str) -> None:
    with pytest.raises(InvalidSettings):
        stage(tmp_path, toml)


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match=r"other\.toml"):
        stage(tmp_path, "", config="other.toml")


@pytest.mark.parametrize("given", [ADDED, json.dumps(ADDED)])
def test_a_context_table_adds_to_the_table_of_the_file(tmp_path: Path, given: object) -> None:
    read = stage(tmp_path, "[requesters.old]\nprincipals = ['AROA0']", requesters=given)
    assert set(read.requesters) == {"ci", "old"}


def test_a_context_value_wins_over_the_file(tmp_path: Path) -> None:
    assert stage(tmp_path, "stage = 'one'", stage="two").stage == "two"


def test_a_context_text_that_is_no_json_is_a_defect(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match="requesters"):
        stage(tmp_path, "", requesters="{")


def test_pools_take_the_network_of_the_stage_unless_they_name_their_own(tmp_path: Path) -> None:
    pools = stage(
        tmp_path,
        """
        network = { subnets = ["subnet-0000000a"] }
        [pools.here]
        [pools.there]
        subnets = ["subnet-0000000b"]
        """,
    ).pools
    assert (pools["here"]["subnets"], pools["there"]["subnets"]) == (["subnet-0000000a"], ["subnet-0000000b"])


def test_reply_queues_of_all_requesters_are_known_once(tmp_path: Path) -> None:
    two = {name: {"principals": ["AROA1"], "reply_queue_arn": REPLIES} for name in ("a", "b")}
    silent = {"c": {"principals": ["AROA2"]}}
    assert stage(tmp_path, "", requesters=two | silent).reply_queue_arns() == (REPLIES,)


def test_an_unknown_synthesizer_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidSettings, match="default or cli-credentials, found nobody"):
        build({"synthesizer": "nobody"})


@pytest.mark.parametrize(
    ("pool", "told"),
    [
        ("", "images.canary_pool: there is no [pools.canary]"),
        ('[pools.canary]\nsharing = ["exclusive"]', "pools.canary.architectures: releases for arm64"),
        ('[pools.canary]\narchitectures = ["amd64", "arm64"]', "pools.canary.sharing: "),
        ('[pools.canary]\nrequesters = ["ci"]', "pools.canary.requesters: "),
        ("[pools.canary]\nlease = { max_seconds = 8999 }", "pools.canary.lease.max_seconds: "),
    ],
)
def test_a_canary_pool_that_would_refuse_the_canary_is_a_defect(tmp_path: Path, pool: str, told: str) -> None:
    with pytest.raises(InvalidSettings) as refused:
        stage(tmp_path, f'[images]\ncanary_pool = "canary"\n{pool}\n')
    assert f"  {told}" in str(refused.value)


def test_a_canary_pool_that_takes_the_canary_is_sound(tmp_path: Path) -> None:
    sound = """
        [images]
        canary_pool = "canary"
        [pools.canary]
        architectures = ["amd64", "arm64"]
        sharing = ["exclusive"]
        lease = { max_seconds = 9000 }
        """
    assert stage(tmp_path, sound).images.canary_pool == "canary"
