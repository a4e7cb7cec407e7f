"""What EventBridge hears: what happened and where, never the tags of it.

Of volumes and snapshots EC2 tells what calls asked for; it tells nothing about a volume that comes or goes
with its instance here, as the documentation does not promise it. What other accounts do to their images is
silent. Source: EC2 user guide and EBS user guide, the chapters on EventBridge.
"""

from __future__ import annotations

from collections.abc import Mapping

from local.ec2.state import State
from local.ec2.volume import Snapshot
from local.ec2.world import COMPUTE_REGION

STATE_CHANGE = "EC2 Instance State-change Notification"
SPOT_WARNING = "EC2 Spot Instance Interruption Warning"
REBALANCE = "EC2 Instance Rebalance Recommendation"
TIME = "%Y-%m-%dT%H:%M:%SZ"


def tell_instance(state: State, kind: str, instance_id: str, /, **detail: str) -> None:
    """Emit an event about an instance; *detail* is added to its ``instance-id``."""
    about = {"instance-id": instance_id, **{k.replace("_", "-"): v for k, v in detail.items()}}
    _tell(state, kind, f"{state.account}:instance/{instance_id}", about)


def tell_volume(state: State, volume_id: str, event: str, result: str, cause: str = "") -> None:
    """Emit what came of an action on a volume."""
    detail = {"event": event, "result": result, "cause": cause, "request-id": state.chance.uuid()}
    _tell(state, "EBS Volume Notification", f"{state.account}:volume/{volume_id}", detail)


def tell_snapshot(state: State, snapshot: Snapshot) -> None:
    """Emit the end of a snapshot's creation."""
    detail = {
        "event": "createSnapshot",
        "result": "succeeded",
        "cause": "",
        "snapshot_id": f"arn:aws:ec2:{COMPUTE_REGION}::snapshot/{snapshot.snapshot_id}",
        "source": f"arn:aws:ec2:{COMPUTE_REGION}::volume/{snapshot.volume_id}",
        "startTime": snapshot.started_at.strftime(TIME),
        "endTime": state.now.strftime(TIME),
        "request-id": state.chance.uuid(),
    }
    _tell(state, "EBS Snapshot Notification", f":snapshot/{snapshot.snapshot_id}", detail)


def tell_image(state: State, region: str, image_id: str, became: str, error: str = "") -> None:
    """Emit what became of one of our own images."""
    detail = {"RequestId": state.chance.uuid(), "ImageId": image_id, "State": became, "ErrorMessage": error}
    _tell(state, "EC2 AMI State Change", f":image/{image_id}", detail, region)


def _tell(
    state: State, kind: str, resource: str, detail: Mapping[str, str], region: str = COMPUTE_REGION
) -> None:
    state.emit(
        {
            "version": "0",
            "id": state.chance.uuid(),
            "detail-type": kind,
            "source": "aws.ec2",
            "account": state.account,
            "time": state.now.strftime(TIME),
            "region": region,
            "resources": [f"arn:aws:ec2:{region}:{resource}"],
            "detail": dict(detail),
        }
    )
