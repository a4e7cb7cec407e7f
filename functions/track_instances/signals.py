"""What wakes track_instances: EC2's events, node reports, and pointers of the reaper. None of them carries truth."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from msgspec import Struct

from railyard.errors import InvalidRequest
from railyard.model.messages import Message
from railyard.wire.decoding import check, read_object

SPOT_WARNING = "EC2 Spot Instance Interruption Warning"
SPOT_INTERRUPTION = "spot interruption"
REBALANCE = "EC2 Instance Rebalance Recommendation"
SPOT_NOTICE = timedelta(minutes=2)
"""How long before the end EC2 warns. Source: EC2 user guide, "Spot Instance interruption notices"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """Look at this instance; and, for a warning, when it will be taken and why."""

    instance_id: str
    warned_for: datetime | None = None
    why: str = ""
    reported: bool = False


class Pointer(Struct, frozen=True):
    """The reaper's word that these machines are worth a look."""

    instances: tuple[str, ...]


class Report(Struct, frozen=True, kw_only=True):
    """The part of a node report that is read so far."""

    version: int
    instance_id: str
    boot_id: str
    sequence: int


def read_event(message: Message) -> tuple[Signal, ...]:
    """Return what an EventBridge event or a pointer asks to look at; raises InvalidRequest."""
    fields = read_object(message.body)
    if "instances" in fields:
        return tuple(Signal(instance_id=each) for each in check(Pointer, fields).instances)
    detail = fields.get("detail")
    if not isinstance(detail, dict) or not isinstance(detail.get("instance-id"), str):
        raise InvalidRequest("no event about an instance", path="detail.instance-id")
    kind = fields.get("detail-type")
    if kind == SPOT_WARNING:
        at = message.sent_at + SPOT_NOTICE
        return (Signal(instance_id=detail["instance-id"], warned_for=at, why=SPOT_INTERRUPTION),)
    if kind == REBALANCE:
        return (
            Signal(
                instance_id=detail["instance-id"], warned_for=message.sent_at, why="rebalance recommendation"
            ),
        )
    return (Signal(instance_id=detail["instance-id"]),)


def read_report(message: Message, node_role_id: str) -> Signal:
    """Return the signal of a node's report; raises InvalidRequest if it speaks for another machine.

    EC2 names the session of an instance's role after the instance, so SQS's SenderId proves who wrote.
    """
    report = check(Report, read_object(message.body))
    role, _, session = message.sender.partition(":")
    if not node_role_id or role != node_role_id or session != report.instance_id:
        raise InvalidRequest(
            f"sender {message.sender} may not report for {report.instance_id}", path="instance_id"
        )
    return Signal(instance_id=report.instance_id, reported=True)
