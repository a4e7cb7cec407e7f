"""The door of refresh_amis: every hour, after each deployment, and when somebody pins, unpins or rolls back."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from railyard.aws.bus import Bus, detail
from railyard.aws.clients import client, home_region
from railyard.aws.clock import now
from railyard.aws.copies import Ec2Copies
from railyard.aws.images import Ec2Images
from railyard.aws.instances import Ec2Instances
from railyard.aws.parameters import Parameters
from railyard.aws.queues import Pointers
from railyard.aws.tables.ami_sets import AmiSets
from railyard.aws.tables.ledger import Ledger, Tables
from railyard.aws.tables.releases import Releases
from railyard.flatcar.download import Downloads
from railyard.flatcar.feeds import Feeds
from railyard.flatcar.signature import SigningKey
from railyard.model.releases import Mark, What
from railyard.settings import from_environ
from railyard.telemetry import logger, metrics, report
from refresh_amis.canary import CanaryPool
from refresh_amis.copying import Copied
from refresh_amis.plan.deciding import Step
from refresh_amis.ports import Ports
from refresh_amis.run import Outcome, run
from refresh_amis.settings import Settings

EVENTS = {
    What.PUBLISHED: "Image Released",
    What.CANDIDATE: "Image Candidate",
    What.REJECTED: "Image Rejected",
}


@cache
def _wired() -> tuple[Settings, Ports, Bus]:
    settings = from_environ(Settings, os.environ)
    ports = Ports(
        feeds=_feeds(settings),
        images=Ec2Images(lambda region: client("ec2", region)),
        copies=Ec2Copies(lambda region: client("ec2", region), settings.stack),
        parameters=Parameters(lambda region: client("ssm", region)),
        lines=Releases(client("dynamodb"), settings.releases_table),
        ami_sets=AmiSets(client("dynamodb"), settings.ami_sets_table, ""),
        canary=_canary(settings),
    )
    return settings, ports, Bus(client("events"), settings.bus_name)


def _feeds(settings: Settings) -> Feeds:
    files = Downloads(timeout=settings.fetch_timeout, max_bytes=settings.max_feed_bytes)
    lines = len(settings.channels) * len(settings.architectures)
    return Feeds(files, key=_key(settings), patience=settings.patience / lines)


def _key(settings: Settings) -> SigningKey | None:
    """Return the key that came with the function; InvalidSettings if it has expired since."""
    if not settings.signing_key:
        return None
    file = Path(os.environ["LAMBDA_TASK_ROOT"], settings.signing_key)
    return SigningKey(file.read_bytes(), settings.fingerprint)


def _canary(settings: Settings) -> CanaryPool:
    sqs = client("sqs")
    return CanaryPool(
        Ledger(client("dynamodb"), Tables.of(settings)),
        Ec2Instances(client("ec2"), settings.stack),
        Pointers(sqs, settings.request_queue_url),
        Pointers(sqs, settings.lease_queue_url),
        pool=settings.canary_pool,
        bake=settings.bake,
    )


@metrics.log_metrics
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001  # a tick carries nothing
    """Refresh every line; the answer says what became of each."""
    settings, ports, bus = _wired()
    at = now()
    outcome = run(ports, settings, home_region(), at)
    events = [event for step in outcome.steps for event in _events(step)]
    if events:
        bus.put(events)
    return _report(outcome, at)


def _report(outcome: Outcome, at: datetime) -> dict[str, Any]:
    lines = {step.after.line: _said(step) for step in outcome.steps}
    for line, said in lines.items():
        logger.info("line", line=line, **said)
    held = sum(step.after.hold is not None for step in outcome.steps)
    refreshed = not held and not any(step.stopped for step in outcome.steps)
    counts = {"refreshed": int(refreshed), "held": held, **_ages(outcome, at), **_copies(outcome.copies)}
    report("images refreshed", counts)
    return {"lines": lines, "skipped_regions": list(outcome.skipped)}


def _copies(copies: Copied) -> dict[str, int]:
    """Log each copy that was ordered or removed, or not; return how many of each there are, if any."""
    for order in copies.ordered:
        logger.info("copy ordered", region=order.region, source=order.source, image_name=order.name)
    for copy in copies.removed:
        logger.info("copy removed", region=copy.image.region, image=copy.image_id, source=copy.source)
    for about, error in copies.failed.items():
        logger.warning("copy failed", about=about, reason=error.code, detail=str(error))
    counts = {
        "copied": len(copies.ordered),
        "removed": len(copies.removed),
        "deferred": copies.deferred,
        "failed": len(copies.failed),
    }
    return {name: count for name, count in counts.items() if count}


def _ages(outcome: Outcome, at: datetime) -> dict[str, int]:
    """Return the shortest remaining life of what is in force, and the age of the oldest feed, in days."""
    lines = [step.after for step in outcome.steps]
    lives = [left.days for line in lines if line.current and (left := line.current.remaining(at))]
    made = [line.feed.created_at for line in lines if line.feed and line.feed.created_at]
    ages = {"remaining_life_days": min(lives)} if lives else {}
    return ages | ({"feed_age_days": (at - datetime.fromisoformat(min(made))).days} if made else {})


def _said(step: Step) -> dict[str, Any]:
    line, hold = step.after, step.after.hold
    said: dict[str, Any] = {"result": _result(step), "version": line.release, "regions": len(line.placed)}
    if line.current:
        said |= {"signature": line.current.signature, "signer": line.current.signer}
    said |= {mark.value: line.marked(mark) for mark in Mark if mark is not Mark.RELEASE}
    if line.pin:
        said["pinned"] = line.pin.release.release
    if line.candidate:
        said["candidate"] = line.candidate.release.release
    if hold:
        defects = {region: list(each) for region, each in hold.regions.items()}
        said |= {"reason": hold.why, "detail": hold.detail, "defects": defects}
    return said


def _result(step: Step) -> str:
    if step.busy or step.stopped:
        return "busy" if step.busy else f"stopped by {step.stopped}"
    if any(told.what is What.PUBLISHED for told in step.told):
        return "published"
    if step.after.hold:
        return "held"
    return "trying" if step.after.candidate else "unchanged"


def _events(step: Step) -> Iterator[tuple[str, str]]:
    """Yield what is new to the readers of the bus: a hold that lasts is told once."""
    if step.busy:
        return
    said = _said(step)
    about = {key: value for key, value in said.items() if key not in ("version", "result")}
    for told in step.told:
        body = detail(version=1, line=step.after.line, **about, release=told.release, why=told.detail)
        yield EVENTS[told.what], body
    if step.after.hold and step.after.hold != step.before.hold:
        yield "Image Held", detail(version=1, line=step.after.line, **about, release=said["version"])
