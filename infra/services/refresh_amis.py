"""refresh_amis: hourly; keeps the image parameters of every region at Flatcar's newest whole release."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_

from infra.blocks.alarm import page
from infra.blocks.grants import Grant, describe, on_table, put_events, records, send_to
from infra.blocks.lambda_function import add_function
from infra.blocks.wake import wake_by_schedule
from infra.foundation import Foundation
from railyard.model import ownership
from railyard.model.copies import COPY_OF
from railyard.model.images import TESTED
from refresh_amis.settings import Settings

NAME = "refresh_amis"
KEY_FILE = "signing-key"
"""The operator's key file, as it is called in the function's asset."""

STALE = Duration.hours(6)


SHORT_OF_LIFE_DAYS = 45
"""Flatcar takes an image back after nine months: this long before, somebody has to look why there is none newer."""


def add(on: Foundation) -> lambda_.Function:
    """Add the function, its schedule and its alarms."""
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
            allow_fallback=images.allow_fallback,
            overrides=images.overrides,
            dry_run=images.dry_run,
            own_copies=images.own_copies,
            canary_pool=images.canary_pool,
            bake=timedelta(minutes=images.bake_minutes),
        ),
        carries={KEY_FILE: Path(images.signing_key)} if images.signing_key else {},
        timeout_seconds=300,
        memory_mib=256,
        layers=("railyard", "vendor", "feed"),
        may=_may(on),
    )
    wake_by_schedule(function, f"{on.name}-{NAME}", Duration.hours(1))
    page(
        function,
        "Stale",
        _metric("Refreshed", "Sum", STALE),
        on.topic,
        says=f"{on.name}: no release was confirmed or published for 6 hours. GET /status says what is held.",
        below=1,
    )
    if not images.own_copies:  # nobody takes copies back: they have no remaining life to tell of
        _page_for_ageing(on, function)
    return function


def _page_for_ageing(on: Foundation, function: lambda_.Function) -> None:
    page(
        function,
        "Ageing",
        _metric("RemainingLifeDays", "Minimum", Duration.days(1)),
        on.topic,
        says=f"{on.name}: an image in force will be taken back in {SHORT_OF_LIFE_DAYS} days, and no newer one came.",
        below=SHORT_OF_LIFE_DAYS,
    )


def _metric(name: str, statistic: str, period: Duration) -> cloudwatch.Metric:
    dimensions = {"service": NAME}
    return cloudwatch.Metric(
        namespace="Railyard",
        metric_name=name,
        dimensions_map=dimensions,
        statistic=statistic,
        period=period,
    )


def _may(on: Foundation) -> Iterator[Grant]:
    yield records(on.tables.releases)
    yield describe("DescribeImages", "DescribeRegions")
    yield put_events(on.bus)
    below = f"parameter{on.stage.parameter_prefix}/flatcar/*"
    yield Grant(
        actions=("ssm:GetParameters", "ssm:PutParameter"),
        resources=(f"arn:{on.stack.partition}:ssm:*:{on.stack.account}:{below}",),
        because="Every region of the feed, every channel and architecture, below our own prefix.",
    )
    if on.stage.images.canary_pool:
        yield on_table(on.tables.requests, "BatchGetItem")
        yield on_table(on.tables.instances, "BatchGetItem")
        yield describe("DescribeInstanceStatus")
        yield send_to(on.queues.requests, on.queues.leases)
    if on.stage.images.dry_run:
        yield from _dry_run(on)
    if on.stage.images.own_copies:
        yield from _own_copies(on)


def _dry_run(on: Foundation) -> Iterator[Grant]:
    """RunInstances, which is what a dry run tests: IAM cannot allow the test and forbid the launch."""
    because = "Any subnet serves a test; the type alone is bounded, and it is the smallest."
    yield Grant(
        actions=("ec2:RunInstances",),
        resources=(on.stack.format_arn(service="ec2", resource="instance", resource_name="*"),),
        conditions={"StringEquals": {"ec2:InstanceType": sorted(TESTED.values())}},
        because=because,
    )
    used = ("volume", "network-interface", "subnet", "security-group")
    foreign = f"arn:{on.stack.partition}:ec2:{on.stack.region}::image/*"
    own = tuple(on.stack.format_arn(service="ec2", resource=kind, resource_name="*") for kind in used)
    yield Grant(actions=("ec2:RunInstances",), resources=(*own, foreign), because=because)


def _own_copies(on: Foundation) -> Iterator[Grant]:
    """Copies are made with our tags, and only what was made so is taken away.

    The ARNs of images and snapshots have no account. CopyImage is judged for the source too, which no tag of the
    request belongs to, so nothing binds it to ours; but a copy without our tags nobody uses or takes away. Sources:
    service authorization reference, EC2 (January 2026); EC2 user guide, "Grant permissions to copy Amazon EC2 AMIs"
    (source images and snapshots are resources since October 2024).
    """
    images, snapshots = (f"arn:{on.stack.partition}:ec2:*::{kind}/*" for kind in ("image", "snapshot"))
    because = "Every region of the feed; ids are EC2's choice, and those of sources the feed's."
    yield Grant(actions=("ec2:CopyImage",), resources=(images, snapshots), because=because)
    born_ours = {"ec2:CreateAction": "CopyImage", f"aws:RequestTag/{ownership.STACK}": on.name}
    yield Grant(
        actions=("ec2:CreateTags",),
        resources=(images, snapshots),
        conditions={"StringEquals": born_ours},
        because=because,
    )
    ours = {
        "StringEquals": {f"aws:ResourceTag/{ownership.STACK}": on.name},
        "Null": {f"aws:ResourceTag/{COPY_OF}": "false"},
    }
    for action, resource in (("ec2:DeregisterImage", images), ("ec2:DeleteSnapshot", snapshots)):
        yield Grant(actions=(action,), resources=(resource,), conditions=ours, because=because)
    yield on_table(on.tables.releases, "Scan")
    yield on_table(on.tables.ami_sets, "BatchGetItem", "Scan")
