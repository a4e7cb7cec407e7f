"""A deployment with a wrong pool fails where its operator looks, before or while it is made."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from local.assembly import SynthesisFailed
from local.deployment import DeploymentFailed
from local.world import Options, World

POOL = tomllib.loads((Path(__file__).parent.parent.parent / "railyard.toml").read_text())["pools"]["default"]


def deployed(tmp_path: Path, **changes: Any) -> None:
    options = Options(clock="virtual", state=tmp_path, context={"pools": {"default": POOL | changes}})
    with World(options):
        pass


def test_what_only_ec2_can_know_fails_the_deployment_with_its_reason(tmp_path: Path) -> None:
    with pytest.raises(
        DeploymentFailed, match=r"pools\.default\.subnets: subnet-00000000 does not exist here"
    ):
        deployed(tmp_path, subnets=["subnet-00000000"])


def test_what_can_be_seen_without_aws_fails_the_synthesis_with_every_defect(tmp_path: Path) -> None:
    with pytest.raises(SynthesisFailed) as failed:
        deployed(tmp_path, idle_seconds=-1, markets=["black"])
    assert "pools.default.idle_seconds" in str(failed.value)
    assert "pools.default.markets" in str(failed.value)
