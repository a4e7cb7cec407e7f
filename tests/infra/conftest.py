"""The stack is synthesised once for a test run; layers are built once for a machine."""

from __future__ import annotations

import pytest
from pysequoia import Tsk

from infra.app import build
from tests.infra.synthesised import REPLIES, TOPIC, Synthesised, read


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Synthesised:
    """The stack of the shipped ``railyard.toml``; synth fails on any finding of cdk-nag."""
    folder = tmp_path_factory.mktemp("assembly")
    build(outdir=str(folder)).synth()
    return read(folder)


@pytest.fixture(scope="session")
def other(tmp_path_factory: pytest.TempPathFactory) -> Synthesised:
    """A second stage, with everything that the shipped file leaves out."""
    folder = tmp_path_factory.mktemp("other")
    key = Tsk.generate("Buildbot <b@example.com>").extract_certificate()
    (folder.parent / "key.asc").write_text(str(key))
    context = {
        "stage": "yard-two",
        "parameter_prefix": "/yard-two",
        "pools": {
            "big": {"limits": {"instances": 1000}},
            "canary": {"architectures": ["amd64", "arm64"], "sharing": ["exclusive"]},
        },
        "requesters": {"ci": {"principals": ["AROA1"], "reply_queue_arn": REPLIES}},
        "images": {
            "signing_key": str(folder.parent / "key.asc"),
            "fingerprint": key.fingerprint,
            "regions_required": ["us-east-1"],
            "canary_pool": "canary",
            "bake_minutes": 45,
            "allow_fallback": ["marketplace"],
            "overrides": "validated",
            "dry_run": True,
            "own_copies": True,
        },
        "alarms": {"topic_arn": TOPIC},
        "network": {"vpc_id": "vpc-0000000a", "subnets": ["subnet-0000000a"]},
        "node": {"managed_policies": ["arn:aws:iam::123456789012:policy/extra"]},
    }
    build(context, str(folder)).synth()
    return read(folder, "yard-two")
