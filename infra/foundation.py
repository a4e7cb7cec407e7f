"""What the functions stand on: tables, queues, bus, catalogue, layers, and what machines are given."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from aws_cdk import AssetHashType, CfnParameter, RemovalPolicy, Stack
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
from railyard.flatcar.sources import FEED_URL

S = TypeVar("S")
OWN_LAYER = REPOSITORY / "layers" / "railyard" / "python"


@dataclass(frozen=True, slots=True, kw_only=True)
class Foundation:
    """Made once for a stage, handed to every function."""

    stack: Stack
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

    def settings(self, kind: type[S], **own: Any) -> S:
        """Return a function's Settings of type *kind*: what stands here under a field's name, and its *own* knobs.

        Raises TypeError for a field that neither gives: a missing knob stops the synthesis.
        """
        here = {
            "stack": self.name,
            "parameter_prefix": self.stage.parameter_prefix,
            "request_queue_url": self.queues.requests.queue_url,
            "lease_queue_url": self.queues.leases.queue_url,
            "wake_queue_url": self.queues.wake.queue_url,
            "signals_queue_url": self.queues.signals.queue_url,
            "bus_name": self.bus.event_bus_name,
            "catalogue_bucket": self.catalogue.bucket_name,
        } | {f"{_snake(name)}_table": table.table_name for name, table in self.tables.all().items()}
        wanted = {field.name for field in fields(kind)}  # type: ignore[arg-type]  # a dataclass, which S cannot say
        return kind(**{name: value for name, value in here.items() if name in wanted}, **own)


def _snake(name: str) -> str:
    """Return the field's name for a construct's: ``ami_sets`` for ``AmiSets``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def lay(stack: Stack, stage: Stage) -> Foundation:
    """Make everything that is not a function."""
    arn = stage.alarms.topic_arn
    topic = sns.Topic.from_topic_arn(stack, "Topic", arn) if arn else None
    queues = Queues(stack, stage.stage, topic)
    feed_url = CfnParameter(
        stack,
        "FeedUrl",
        default=FEED_URL,
        description="Where Flatcar's releases are; {channel}, {board} and {folder} are filled in",
    )
    bus = events.EventBus(stack, "Bus", event_bus_name=stage.stage)
    queues.hear_of_images(stage.stage, bus)
    return Foundation(
        stack=stack,
        stage=stage,
        tables=Tables(stack),
        queues=queues,
        nodes=Nodes(stack, stage, queues.reports),
        bus=bus,
        catalogue=_catalogue(stack),
        layers={
            "railyard": _version(stack, "Railyard", only(OWN_LAYER), "The words of Railyard"),
            "vendor": _layer(stack, "vendor"),
            "feed": _layer(stack, "feed"),
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
