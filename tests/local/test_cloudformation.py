"""Whoever deploys, through CloudFormation: the stack runs, changes, goes back when it fails, and ends."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.deployment import DeploymentFailed, create_stack
from local.functions import Functions
from local.world import Options, World
from tests.local.stand import a_resource, a_stack

BUCKET = "cdk-assets"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An account in which nothing is deployed."""
    with World(Options(state=tmp_path / "state", clock="virtual", empty=True)) as world:
        yield world


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Every custom resource request that the function got."""
    requests: list[dict[str, Any]] = []
    invoke = Functions.invoke

    def noted(self: Functions, name: str, payload: bytes) -> Any:
        requests.extend([json.loads(payload)] * (b"RequestType" in payload))
        return invoke(self, name, payload)

    monkeypatch.setattr(Functions, "invoke", noted)
    return requests


def deploy(world: World, folder: Path, **thing: Any) -> None:
    """Create or update the small stack as the CDK would: assets in a bucket, then CloudFormation."""
    custom = a_resource("Custom::Thing", ServiceToken={"Fn::GetAtt": ["Echo", "Arn"]}, **thing)
    assembly = a_stack(folder, Custom=custom)
    upload(world, "code.zip", assembly.assets["code.zip"])
    text = json.dumps(assembly.template).replace('"S3Bucket": "b"', f'"S3Bucket": "{BUCKET}"')
    upload(world, "railyard.zip", assembly.assets["railyard.zip"])
    upload(world, "vendor.zip", assembly.assets["code.zip"])
    stack = type(assembly)(assembly.stack_name, json.loads(text), {})
    create_stack(world.client("cloudformation"), world.client("ssm"), stack, {})


def upload(world: World, key: str, folder: Path) -> None:
    """Put a folder into the bucket as a zip file."""
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        for path in folder.rglob("*.py"):
            archive.write(path, path.relative_to(folder))
    world.client("s3").create_bucket(Bucket=BUCKET)
    world.client("s3").put_object(Bucket=BUCKET, Key=key, Body=body.getvalue())


def status(world: World) -> str:
    """Return the stack's status."""
    (stack,) = world.client("cloudformation").describe_stacks(StackName="railyard")["Stacks"]
    return str(stack["StackStatus"])


def test_a_stack_that_somebody_deploys_runs_from_its_uploaded_assets(world: World, tmp_path: Path) -> None:
    assert world.outputs == {}
    deploy(world, tmp_path)
    assert world.invoke("echo", {})["event"] == {}
    assert str(world.options.state / "assets") in "".join(world.invoke("echo", {})["path"])


def test_an_update_tells_the_custom_resource_its_old_properties(
    world: World, tmp_path: Path, told: list[dict[str, Any]]
) -> None:
    deploy(world, tmp_path, Pools="old")
    deploy(world, tmp_path, Pools="new")
    assert [request["RequestType"] for request in told] == ["Create", "Update"]
    assert told[1]["OldResourceProperties"]["Pools"] == "old"
    assert told[1]["ResourceProperties"]["Pools"] == "new"
    assert status(world) == "UPDATE_COMPLETE"


def test_a_custom_resource_that_fails_rolls_the_stack_back_with_its_reason(
    world: World, tmp_path: Path
) -> None:
    with pytest.raises(DeploymentFailed, match=r"ROLLBACK_COMPLETE: .*pool default: no such subnet"):
        deploy(world, tmp_path, Status="FAILED", Reason="pool default: no such subnet")
    assert status(world) == "ROLLBACK_COMPLETE"


def test_an_update_that_fails_leaves_what_ran(
    world: World, tmp_path: Path, told: list[dict[str, Any]]
) -> None:
    deploy(world, tmp_path, Pools="old")
    with pytest.raises(DeploymentFailed, match=r"UPDATE_ROLLBACK_COMPLETE: .*no"):
        deploy(world, tmp_path, Pools="new", Status="FAILED", Reason="no")
    assert told[-1]["ResourceProperties"]["Pools"] == "old"
    assert world.invoke("echo", {})["event"] == {}


def test_a_removed_stack_tells_its_custom_resource_and_runs_no_more(
    world: World, tmp_path: Path, told: list[dict[str, Any]]
) -> None:
    deploy(world, tmp_path)
    world.client("cloudformation").delete_stack(StackName="railyard")
    assert told[-1]["RequestType"] == "Delete"
    assert world.functions.by_name == {}
    deploy(world, tmp_path)
    assert world.invoke("echo", {})["event"] == {}


def test_a_custom_resource_that_refuses_its_removal_keeps_the_stack(world: World, tmp_path: Path) -> None:
    deploy(world, tmp_path, OnDelete="FAILED")
    world.client("cloudformation").delete_stack(StackName="railyard")
    assert status(world) == "DELETE_FAILED"
    assert world.invoke("echo", {})["event"] == {}


def test_what_would_be_lost_is_refused_to_every_deployer(world: World, tmp_path: Path) -> None:
    template = a_stack(tmp_path, Url=a_resource("AWS::Lambda::Url", AuthType="NONE")).template
    world.client("cloudformation").create_stack(StackName="railyard", TemplateBody=json.dumps(template))
    assert status(world) == "ROLLBACK_COMPLETE"
    events = world.client("cloudformation").describe_stack_events(StackName="railyard")["StackEvents"]
    assert "AWS::Lambda::Url" in events[0]["ResourceStatusReason"]


def test_a_change_set_is_refused_with_the_way_that_works(world: World, tmp_path: Path) -> None:
    deploy(world, tmp_path)
    cloudformation = world.client("cloudformation")
    with pytest.raises(cloudformation.exceptions.ClientError, match="--method=direct"):
        cloudformation.execute_change_set(StackName="railyard", ChangeSetName="x")
