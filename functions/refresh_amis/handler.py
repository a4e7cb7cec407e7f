"""The door of refresh_amis: every hour, and after each deployment."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

from railyard.aws.bus import Bus, detail
from railyard.aws.clients import client, home_region
from railyard.aws.clock import now
from railyard.aws.images import Ec2Images
from railyard.aws.parameters import Parameters
from railyard.aws.tables.releases import Releases
from railyard.flatcar.download import Downloads
from railyard.flatcar.feeds import Feeds
from railyard.flatcar.signature import SigningKey
from railyard.model.images import Release
from railyard.settings import from_environ
from railyard.telemetry import logger, metrics, report
from refresh_amis.plan import Decision, Hold, Keep, Publish
from refresh_amis.run import Outcome, Ports, run
from refresh_amis.settings import Settings


@cache
def _wired() -> tuple[Settings, Ports, Bus]:
    settings = from_environ(Settings, os.environ)
    ports = Ports(
        feeds=_feeds(settings),
        images=Ec2Images(lambda region: client("ec2", region)),
        parameters=Parameters(lambda region: client("ssm", region)),
        releases=Releases(client("dynamodb"), settings.releases_table),
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


@metrics.log_metrics
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001  # a tick carries nothing
    """Refresh every line; the answer says what became of each."""
    settings, ports, bus = _wired()
    outcome = run(ports, settings, home_region(), now())
    events = [_event(each) for each in outcome.decisions if not isinstance(each, Keep)]
    if events:
        bus.put(events)
    return _report(outcome)


def _report(outcome: Outcome) -> dict[str, Any]:
    lines = {}
    for each in outcome.decisions:
        line, said = _said(each)
        lines[line] = said
        logger.info("line", line=line, **said)
    held = sum(isinstance(each, Hold) for each in outcome.decisions)
    report("images refreshed", {"refreshed": int(outcome.good), "held": held})
    return {"lines": lines, "skipped_regions": list(outcome.skipped)}


def _said(decision: Decision) -> tuple[str, dict[str, Any]]:
    match decision:
        case Publish(release=release):
            return decision.line, {"result": "published", **_told(release)}
        case Keep(release=release):
            return decision.line, {"result": "unchanged", **_told(release)}
        case Hold():
            regions = {region: list(defects) for region, defects in decision.regions.items()}
            said = {
                "result": "held",
                "reason": decision.reason,
                "detail": decision.detail,
                "defects": regions,
            }
            return decision.line, said


def _told(release: Release) -> dict[str, Any]:
    return {
        "version": release.release,
        "regions": len(release.images),
        "signature": release.signature,
        "signer": release.signer,
        "withdrawn": release.withdrawn,
        "behind": release.behind,
    }


def _event(decision: Decision) -> tuple[str, str]:
    line, said = _said(decision)
    kind = "Image Released" if isinstance(decision, Publish) else "Image Held"
    return kind, detail(
        version=1, line=line, **{k: v for k, v in said.items() if k != "version"}, release=said.get("version")
    )
