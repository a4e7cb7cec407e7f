"""What the template promises: state that survives, functions that start, names that do not collide."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Stack

from infra.blocks import asset as assets
from infra.blocks.asset import only, with_files
from infra.blocks.layers import REPOSITORY
from railyard.settings import from_environ, to_environ
from tests.infra.synthesised import REPLIES, Synthesised

FUNCTIONS = sorted(path.parent.name for path in (REPOSITORY / "functions").glob("*/settings.py"))


def test_tables_are_recoverable_protected_and_outlive_the_stack(stack: Synthesised) -> None:
    tables = stack.of("AWS::DynamoDB::Table").values()
    assert len(tables) == 7
    for table in tables:
        properties = table["Properties"]
        assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
        assert properties["DeletionProtectionEnabled"] is True
        assert properties["BillingMode"] == "PAY_PER_REQUEST"
        assert (table["DeletionPolicy"], table["UpdateReplacePolicy"]) == ("Retain", "Retain")
        assert "TableName" not in properties


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_functions_environment_makes_exactly_its_settings(stack: Synthesised, name: str) -> None:
    environment = stack.function(name)["Environment"]["Variables"]
    resolved = {key: value if isinstance(value, str) else "token" for key, value in environment.items()}
    assert resolved.pop("POWERTOOLS_SERVICE_NAME") == name
    assert resolved.pop("POWERTOOLS_METRICS_NAMESPACE") == "Railyard"
    settings = from_environ(importlib.import_module(f"{name}.settings").Settings, resolved)
    assert to_environ(settings) == resolved


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_functions_asset_holds_its_own_folder_alone(stack: Synthesised, name: str) -> None:
    key = stack.function(name)["Code"]["S3Key"].removesuffix(".zip")
    asset = stack.folder / f"asset.{key}"
    assert [path.name for path in asset.iterdir()] == [name]
    assert (asset / name / "settings.py").is_file()


def test_an_asset_holds_neither_bytecode_nor_neighbours(tmp_path: Path) -> None:
    for file in (
        "mine/handler.py",
        "mine/part/__pycache__/x.pyc",
        "mine/__pycache__/y.pyc",
        "yours/handler.py",
    ):
        (tmp_path / "source" / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "source" / file).write_text("")
    app = App(outdir=str(tmp_path / "out"))
    only(tmp_path / "source" / "mine").bind(Stack(app))
    app.synth()
    (asset,) = (tmp_path / "out").glob("asset.*")
    assert [path.relative_to(asset) for path in asset.rglob("*") if path.is_file()] == [
        Path("mine/handler.py")
    ]


def test_a_file_that_travels_with_a_function_lies_beside_it_and_counts_for_the_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assets, "STAGED", tmp_path / "staged")
    mine, key = tmp_path / "mine", tmp_path / "key.asc"
    (mine / "__pycache__").mkdir(parents=True)
    (mine / "__pycache__" / "x.pyc").write_text("")
    app = App(outdir=str(tmp_path / "out"))
    found = []
    for number, (code, content) in enumerate((("one", "a"), ("one", "b"), ("two", "a"), ("one", "a"))):
        (mine / "handler.py").write_text(code)
        key.write_text(content)
        with_files(mine, {"signing-key": key}).bind(Stack(app, f"stack-{number}"))
        found.append(len(list((tmp_path / "out").glob("asset.*"))))
    assert found == [1, 2, 3, 3]
    for staged in (tmp_path / "staged").iterdir():
        files = sorted(str(path.relative_to(staged)) for path in staged.rglob("*") if path.is_file())
        assert files == ["mine/handler.py", "signing-key"]


def test_the_key_of_a_stage_comes_with_refresh_amis_alone(other: Synthesised) -> None:
    for name in FUNCTIONS:
        key = other.function(name)["Code"]["S3Key"].removesuffix(".zip")
        holds = {path.name for path in (other.folder / f"asset.{key}").iterdir()}
        assert holds == ({name, "signing-key"} if name == "refresh_amis" else {name})
    environment = other.function("refresh_amis")["Environment"]["Variables"]
    assert environment["SIGNING_KEY"] == "signing-key"
    assert environment["REGIONS_REQUIRED"] == "us-east-1"


def test_without_a_key_refresh_amis_is_told_of_none(stack: Synthesised) -> None:
    assert stack.function("refresh_amis")["Environment"]["Variables"]["SIGNING_KEY"] == ""


def test_the_knobs_of_images_reach_their_functions(stack: Synthesised, other: Synthesised) -> None:
    names = ("CANARY_POOL", "BAKE_SECONDS", "ALLOW_FALLBACK", "OVERRIDES", "DRY_RUN", "OWN_COPIES")
    shipped, given = (each.function("refresh_amis")["Environment"]["Variables"] for each in (stack, other))
    assert [shipped[name] for name in names] == ["", "1800", "", "off", "false", "false"]
    assert [given[name] for name in names] == ["canary", "2700", "marketplace", "validated", "true", "true"]
    pools = [
        each.function("allocate_instances")["Environment"]["Variables"]["CANARY_POOL"]
        for each in (stack, other)
    ]
    assert pools == ["", "canary"]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_logs_json_to_a_group_that_forgets(stack: Synthesised, name: str) -> None:
    logging = stack.function(name)["LoggingConfig"]
    group = stack.template["Resources"][logging["LogGroup"]["Ref"]]["Properties"]
    assert logging["LogFormat"] == "JSON"
    assert group == {"LogGroupName": f"/aws/lambda/railyard-{name}", "RetentionInDays": 30}


def test_every_route_of_the_api_asks_for_an_iam_identity(stack: Synthesised) -> None:
    methods = stack.properties("AWS::ApiGateway::Method")
    assert [(each["HttpMethod"], each["AuthorizationType"]) for each in methods] == [("ANY", "AWS_IAM")] * 2


def test_the_outputs_are_the_contract(stack: Synthesised) -> None:
    assert set(stack.template["Outputs"]) == {
        "RequestQueueUrl", "LeaseQueueUrl", "ReportQueueUrl", "BusName", "ApiUrl", "ParameterPrefix",
        "NodeRoleArn", "NodeProfileArn", "CatalogueBucket", "AmiSetsTable", "RequestsTable", "LaunchesTable",
        "InstancesTable", "PoolsTable", "ReleasesTable", "RequestersTable",
    }  # fmt: skip


def test_a_changed_pool_changes_the_deployment(stack: Synthesised, other: Synthesised) -> None:
    before, after = (each.template["Resources"]["Deployment"]["Properties"] for each in (stack, other))
    assert json.loads(after["Pools"]).keys() == {"default", "big", "canary"}
    assert json.loads(after["Requesters"])["ci"]["reply_queue_arn"] == REPLIES
    assert before["Code"] != after["Code"]


def test_answers_go_to_registered_reply_queues_only(stack: Synthesised, other: Synthesised) -> None:
    def targets(of: Synthesised) -> list[Any]:
        return [
            arn
            for each in of.statements_of("publish_events")
            if each["Action"] == ["sqs:SendMessage"]
            for arn in each["Resource"]
        ]

    assert REPLIES not in targets(stack)
    assert [arn for arn in targets(other) if arn not in targets(stack) and isinstance(arn, str)] == [REPLIES]


def test_two_stages_share_no_physical_name(stack: Synthesised, other: Synthesised) -> None:
    assert names(stack)
    assert not names(stack) & names(other)


def names(stack: Synthesised) -> set[str]:
    """Physical names in an account: literal values of properties that name their own resource."""
    return {
        value
        for each in stack.template["Resources"].values()
        if each["Type"] != "AWS::ApiGateway::Stage"  # a name within its API
        for key, value in each.get("Properties", {}).items()
        if key in {f"{each['Type'].rsplit(':', 1)[-1]}Name", "Name", "QueueName", "GroupName", "EventBusName"}
        and isinstance(value, str)
    }
