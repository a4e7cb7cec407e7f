"""EventBridge events as EC2 sends them: what happened and where, never the tags of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

STATE_CHANGE = "EC2 Instance State-change Notification"
SPOT_WARNING = "EC2 Spot Instance Interruption Warning"
REBALANCE = "EC2 Instance Rebalance Recommendation"
VOLUME = "EBS Volume Notification"
SNAPSHOT = "EBS Snapshot Notification"
IMAGE = "EC2 AMI State Change"
TIME = "%Y-%m-%dT%H:%M:%SZ"


def instance_event(
    kind: str, instance_id: str, *, at: datetime, event_id: str, account: str, region: str, **detail: str
) -> dict[str, Any]:
    """Return the event *kind* about one instance; *detail* is added to its ``instance-id``."""
    about = {"instance-id": instance_id, **{k.replace("_", "-"): v for k, v in detail.items()}}
    resources = [f"arn:aws:ec2:{region}:{account}:instance/{instance_id}"]
    return envelope(kind, resources, about, at=at, event_id=event_id, account=account, region=region)


def envelope(
    kind: str,
    resources: Sequence[str],
    detail: Mapping[str, str],
    *,
    at: datetime,
    event_id: str,
    account: str,
    region: str,
) -> dict[str, Any]:
    """Return EC2's event *kind* about *resources*."""
    return {
        "version": "0",
        "id": event_id,
        "detail-type": kind,
        "source": "aws.ec2",
        "account": account,
        "time": at.strftime(TIME),
        "region": region,
        "resources": list(resources),
        "detail": dict(detail),
    }
