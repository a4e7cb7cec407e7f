"""The door of validate_ami_sets: every hour, and when an image or a release has changed."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

from railyard.aws.bus import Bus, detail
from railyard.aws.clients import client, home_region
from railyard.aws.clock import now
from railyard.aws.images import Ec2Images
from railyard.aws.parameters import Parameters
from railyard.aws.tables.ami_sets import AmiSets
from railyard.aws.tables.releases import Releases
from railyard.settings import from_environ
from railyard.telemetry import counts_of, logger, metrics, report
from validate_ami_sets.run import Outcome, Ports, run
from validate_ami_sets.settings import Settings


@cache
def _wired() -> tuple[Settings, Ports, Bus]:
    settings = from_environ(Settings, os.environ)
    dynamodb = client("dynamodb")
    ports = Ports(
        sets=AmiSets(dynamodb, settings.ami_sets_table, settings.pools_table),
        lines=Releases(dynamodb, settings.releases_table),
        images=Ec2Images(lambda region: client("ec2", region)),
        parameters=Parameters(lambda region: client("ssm", region)),
    )
    return settings, ports, Bus(client("events"), settings.bus_name)


@metrics.log_metrics
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001  # a tick and an event carry nothing
    """Look at every set; what an event points at is among them."""
    settings, ports, bus = _wired()
    outcome = run(ports, settings, home_region(), now())
    events = _events(outcome)
    if events:
        bus.put(events)
    return _report(outcome) | {"batchItemFailures": []}


def _events(outcome: Outcome) -> list[tuple[str, str]]:
    changed = [
        (
            "AMI Set Changed",
            detail(
                version=1,
                ami_set=change.after.ami_set,
                action=change.audit.action,
                number=change.audit.number,
                pool=change.audit.pool,
                by=change.audit.by,
                reason=change.audit.reason,
            ),
        )
        for change in outcome.changed
        if change.audit
    ]
    turned = [
        ("AMI Set Invalid", detail(version=1, ami_set=name, images=list(outcome.invalid.get(name, ()))))
        for name in outcome.turned
    ]
    return changed + turned


def _report(outcome: Outcome) -> dict[str, Any]:
    for name, images in outcome.invalid.items():
        logger.warning("invalid", ami_set=name, images=list(images))
    for name, regions in outcome.unpublished.items():
        logger.warning("not readable after it was put", ami_set=name, regions=regions)
    for name in outcome.overtaken:
        logger.info("changed by somebody else, left to the next run", ami_set=name)
    report("sets validated", counts_of(outcome))
    return counts_of(outcome)
