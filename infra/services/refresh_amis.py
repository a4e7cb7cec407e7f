"""refresh_amis: hourly; keeps the image parameters of every region at Flatcar's newest whole release."""

from __future__ import annotations

from pathlib import Path

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_

from infra.blocks.alarm import page
from infra.blocks.grants import Grant, describe, put_events, records
from infra.blocks.lambda_function import add_function
from infra.blocks.wake import wake_by_schedule
from infra.foundation import Foundation
from refresh_amis.settings import Settings

NAME = "refresh_amis"
KEY_FILE = "signing-key"
"""The operator's key file, as it is called in the function's asset."""

STALE = Duration.hours(6)


def add(on: Foundation) -> lambda_.Function:
    """Add the function, its schedule and its alarm."""
    parameters = (
        f"arn:{on.stack.partition}:ssm:*:{on.stack.account}:parameter{on.stage.parameter_prefix}/flatcar/*"
    )
    images = on.stage.images
    function = add_function(
        on,
        NAME,
        does="Flatcar's feed to SSM parameters, verified, in every region",
        settings=on.settings(
            Settings,
            feed_url=on.feed_url,
            mirror_url=images.mirror_url,
            channels=images.channels,
            architectures=images.architectures,
            regions_required=images.regions_required,
            signing_key=KEY_FILE if images.signing_key else "",
            fingerprint=images.fingerprint,
        ),
        carries={KEY_FILE: Path(images.signing_key)} if images.signing_key else {},
        timeout_seconds=300,
        memory_mib=256,
        layers=("railyard", "vendor", "feed"),
        may=(
            records(on.tables.releases),
            describe("DescribeImages", "DescribeRegions"),
            put_events(on.bus),
            Grant(
                actions=("ssm:GetParameters", "ssm:PutParameter"),
                resources=(parameters,),
                because="Every region of the feed, every channel and architecture, below our own prefix.",
            ),
        ),
    )
    wake_by_schedule(function, f"{on.name}-{NAME}", Duration.hours(1))
    page(
        function,
        "Stale",
        cloudwatch.Metric(
            namespace="Railyard",
            metric_name="Refreshed",
            dimensions_map={"service": NAME},
            statistic="Sum",
            period=STALE,
        ),
        on.topic,
        says=f"{on.name}: no release was confirmed or published for 6 hours. Read the log of {NAME}.",
        below=1,
    )
    return function
