"""The queues: ``requests``, ``leases`` and ``reports`` are public; ``wake``, ``signals``, ``images`` are ours."""

from __future__ import annotations

from typing import Final

from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.blocks.queue import add_queue

ALLOCATE_SECONDS: Final = 90
KEEP_LEASES_SECONDS: Final = 30
TRACK_SECONDS: Final = 60
VALIDATE_SECONDS: Final = 300
"""Timeouts of the functions that read a queue: its visibility timeout follows from them."""

SIGNALS: Final = {
    "StateChanged": "EC2 Instance State-change Notification",
    "SpotInterrupted": "EC2 Spot Instance Interruption Warning",
    "RebalanceAdvised": "EC2 Instance Rebalance Recommendation",
}
"""Detail types on the account's default bus. Source: EC2 user guide, EventBridge (January 2026)."""

STATES: Final = {"state": ["running", "stopping", "stopped", "shutting-down", "terminated"]}
"""States that change something; ``pending`` is what a launch has said already."""


class Queues(Construct):
    """All queues of a stage, and the EC2 events that reach ``signals``."""

    def __init__(self, scope: Construct, stage: str, topic: sns.ITopic | None) -> None:
        super().__init__(scope, "Queues")

        def queue(name: str, seconds: int) -> sqs.Queue:
            return add_queue(self, name, stage, topic, handled_in_seconds=seconds)

        self.requests = queue("requests", ALLOCATE_SECONDS)
        self.wake = queue("wake", ALLOCATE_SECONDS)
        self.leases = queue("leases", KEEP_LEASES_SECONDS)
        self.signals = queue("signals", TRACK_SECONDS)
        self.reports = queue("reports", TRACK_SECONDS)
        self.images = queue("images", VALIDATE_SECONDS)
        for name, detail_type in SIGNALS.items():
            events.Rule(
                self,
                name,
                rule_name=f"{stage}-{name}",
                event_pattern=events.EventPattern(
                    source=["aws.ec2"],
                    detail_type=[detail_type],
                    detail=STATES if name == "StateChanged" else None,
                ),
                targets=[targets.SqsQueue(self.signals)],
            )

    def hear_of_images(self, stage: str, bus: events.IEventBus) -> None:
        """Let ``images`` hear of releases that were published, and of AMIs of this account that changed."""
        target = [targets.SqsQueue(self.images)]
        events.Rule(
            self,
            "ImageReleased",
            rule_name=f"{stage}-ImageReleased",
            event_bus=bus,
            event_pattern=events.EventPattern(source=["railyard"], detail_type=["Image Released"]),
            targets=target,
        )
        events.Rule(
            self,
            "AmiChanged",
            rule_name=f"{stage}-AmiChanged",
            event_pattern=events.EventPattern(source=["aws.ec2"], detail_type=["EC2 AMI State Change"]),
            targets=target,
        )
