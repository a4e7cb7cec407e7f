"""What EventBridge hears about volumes and snapshots.

EC2 tells of actions that calls asked for: a volume made, deleted or modified, a snapshot made, an attachment
that failed. It tells nothing about a volume that comes or goes with its instance here: the documentation
does not promise it. Source: EBS user guide, "EventBridge for Amazon EBS".
"""

from __future__ import annotations

from datetime import datetime

from local.ec2.events import SNAPSHOT, TIME, VOLUME, envelope
from local.ec2.state import State
from local.ec2.volume import Snapshot, Volume
from local.ec2.world import COMPUTE_REGION


def tell_volume(state: State, volume: Volume, at: datetime, event: str, result: str, cause: str = "") -> None:
    """Emit a volume event; one that a key caused names the key, too."""
    arn = f"arn:aws:ec2:{COMPUTE_REGION}:{state.account}:volume/{volume.volume_id}"
    resources = [arn, volume.kms_key] if cause and event == "attachVolume" else [arn]
    _tell(state, VOLUME, resources, {"event": event, "result": result, "cause": cause}, at)


def tell_snapshot(state: State, snapshot: Snapshot, at: datetime) -> None:
    """Emit the end of a snapshot's creation."""
    arn = f"arn:aws:ec2:{COMPUTE_REGION}::snapshot/{snapshot.snapshot_id}"
    detail = {
        "event": "createSnapshot",
        "result": "succeeded",
        "cause": "",
        "snapshot_id": arn,
        "source": f"arn:aws:ec2:{COMPUTE_REGION}::volume/{snapshot.volume_id}",
        "startTime": snapshot.started_at.strftime(TIME),
        "endTime": at.strftime(TIME),
    }
    _tell(state, SNAPSHOT, [arn], detail, at)


def _tell(state: State, kind: str, resources: list[str], detail: dict[str, str], at: datetime) -> None:
    detail["request-id"] = state.chance.uuid()
    event_id = state.chance.uuid()
    state.emit(
        envelope(
            kind, resources, detail, at=at, event_id=event_id, account=state.account, region=COMPUTE_REGION
        )
    )
