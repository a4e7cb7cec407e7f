"""``railyard.toml`` and context values."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

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
            [requesters.ci]
            reply_queue_arn = "https://example.org"
            [pools.default]
            idle_seconds = -1
            architectures = []
            """,
        )
    told = str(refused.value)
    for path in (
        "stage:", "colour:", "network.subnets:", "images.channels[0]:", "requesters.ci.principals:",
        "requesters.ci.reply_queue_arn:", "pools.default.idle_seconds:", "pools.default.architectures:",
    ):  # fmt: skip
        assert f"  {path}" in told


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
