"""What the functions stand on: tables, queues, bus, catalogue, layers, and what machines are given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import AssetHashType, CfnParameter, RemovalPolicy
from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from constructs import Construct

from infra.blocks.asset import only
from infra.blocks.layers import REPOSITORY, Target, build_layer, layer_hash
from infra.blocks.nag import acknowledge
from infra.nodes import Nodes
from infra.queues import Queues
from infra.stage import Stage
from infra.tables import Tables
from refresh_amis.settings import FLATCAR_FEED

OWN_LAYER = REPOSITORY / "layers" / "railyard" / "python"


@dataclass(frozen=True, slots=True, kw_only=True)
class Foundation:
    """Made once for a stage, handed to every function."""

    stage: Stage
    tables: Tables
    queues: Queues
    nodes: Nodes
    bus: events.EventBus
    catalogue: s3.Bucket
    layers: Mapping[str, lambda_.LayerVersion]
    topic: sns.ITopic | None
    feed_url: str

    @property
    def name(self) -> str:
        """The stage's name, with which every physical name starts."""
        return self.stage.stage


def lay(scope: Construct, stage: Stage) -> Foundation:
    """Make everything that is not a function."""
    arn = stage.alarms.topic_arn
    topic = sns.Topic.from_topic_arn(scope, "Topic", arn) if arn else None
    queues = Queues(scope, stage.stage, topic)
    feed_url = CfnParameter(
        scope,
        "FeedUrl",
        default=FLATCAR_FEED,
        description="Where Flatcar's releases are; {channel} and {board} are filled in",
    )
    return Foundation(
        stage=stage,
        tables=Tables(scope),
        queues=queues,
        nodes=Nodes(scope, stage, queues.reports),
        bus=events.EventBus(scope, "Bus", event_bus_name=stage.stage),
        catalogue=_catalogue(scope),
        layers={
            "railyard": _version(scope, "Railyard", only(OWN_LAYER), "The words of Railyard"),
            "vendor": _layer(scope, "vendor"),
            "feed": _layer(scope, "feed"),
        },
        topic=topic,
        feed_url=feed_url.value_as_string,
    )


def _catalogue(scope: Construct) -> s3.Bucket:
    bucket = s3.Bucket(
        scope,
        "Catalogue",
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        encryption=s3.BucketEncryption.S3_MANAGED,
        enforce_ssl=True,
        removal_policy=RemovalPolicy.RETAIN,
    )
    acknowledge(bucket, "S1", "One object of public prices; CloudTrail tells who wrote it.")
    return bucket


def _layer(scope: Construct, name: str) -> lambda_.LayerVersion:
    code = lambda_.Code.from_asset(
        str(build_layer(name, Target.LAMBDA)),
        asset_hash=layer_hash(name, Target.LAMBDA),
        asset_hash_type=AssetHashType.CUSTOM,
    )
    return _version(
        scope, name.title(), code, f"Third-party wheels, locked in layers/{name}/requirements.txt"
    )


def _version(scope: Construct, name: str, code: lambda_.Code, holds: str) -> lambda_.LayerVersion:
    return lambda_.LayerVersion(
        scope,
        f"{name}Layer",
        code=code,
        description=holds,
        compatible_runtimes=[lambda_.Runtime.PYTHON_3_13],
        compatible_architectures=[lambda_.Architecture.ARM_64],
    )
