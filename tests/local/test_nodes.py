"""Simulated machines: boot, reports, disks, notices, silence and lies, all from the seed and what they are told."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from local.identity import Principals
from local.machine import BOOT_SECONDS, GIB, Machine, Volume
from local.nodes import Nodes

START = datetime(2026, 11, 20, 9, tzinfo=UTC)
ROOT, DATA = Volume("vol-0a", 16), Volume("vol-0b", 50)


@dataclass
class Yard:
    """Nodes with a clock, and what they sent."""

    seed: int = 0
    agent: bool = True
    now: datetime = START
    volumes: list[Volume] = field(default_factory=lambda: [ROOT, DATA])
    sent: list[tuple[dict[str, Any], str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.nodes = Nodes(
            send=lambda body, key: self.sent.append((json.loads(body), key)),
            principals=Principals(),
            role=lambda: ("AROANODE", "node"),
            now=lambda: self.now,
            volumes=lambda _: self.volumes,
            has_agent=lambda _: self.agent,
            seed=self.seed,
        )

    def event(self, state: str = "", kind: str = "EC2 Instance State-change Notification") -> None:
        detail = {"instance-id": "i-1"} | ({"state": state} if state else {})
        time = self.now.strftime("%Y-%m-%dT%H:%M:%SZ")
        self.nodes.hear({"time": time, "detail-type": kind, "detail": detail})

    def wait(self, seconds: float) -> list[dict[str, Any]]:
        """Let time pass from one due moment to the next; return what was reported."""
        before, until = len(self.sent), self.now + timedelta(seconds=seconds)
        while (due := self.nodes.run(self.now)) is not None and due <= until:
            self.now = max(self.now, due)
        self.now = until
        self.nodes.run(until)
        return [report for report, _ in self.sent[before:]]


def booted(**more: Any) -> Yard:
    yard = Yard(**more)
    yard.event("running")
    yard.wait(50)
    return yard


def test_a_machine_speaks_after_its_boot_and_every_minute_in_its_own_name() -> None:
    yard = Yard()
    yard.event("running")
    assert yard.wait(BOOT_SECONDS[0] - 1) == []
    reports = yard.wait(BOOT_SECONDS[1] + 125)
    assert [report["sequence"] for report in reports] == [1, 2, 3]
    assert len({report["boot_id"] for report in reports}) == 1
    assert {report["instance_id"] for report in reports} == {"i-1"}


def test_the_same_seed_boots_at_the_same_moment_and_another_at_another() -> None:
    def boots(seed: int) -> datetime:
        return Machine(instance_id="i-1", seed=seed, running_at=START).boots_at

    assert boots(1) == boots(1) != boots(2)


def test_a_machine_of_a_pool_without_the_agent_says_nothing() -> None:
    yard = Yard(agent=False)
    yard.event("running")
    assert yard.wait(600) == []


@pytest.mark.parametrize("state", ["stopping", "shutting-down", "terminated"])
def test_a_machine_that_ends_says_no_more(state: str) -> None:
    yard = booted()
    yard.event(state)
    assert yard.wait(600) == []


def test_a_second_boot_has_another_id_and_begins_to_count_again() -> None:
    yard = booted()
    yard.event("stopping")
    yard.wait(300)
    yard.event("running")
    (first, *_) = yard.wait(60)
    assert first["sequence"] == 1
    assert first["boot_id"] != yard.sent[0][0]["boot_id"]


def test_disks_fill_at_their_rate_and_stop_when_full() -> None:
    yard = booted()
    yard.nodes.fill_disk("i-1", gib_per_hour=60)
    used = [report["filesystems"][1]["used_bytes"] for report in yard.wait(600)]
    assert [(after - before) // GIB for before, after in pairwise(used)] == [1] * 9
    (*_, last) = yard.wait(3600)
    assert last["filesystems"][1]["available_bytes"] == 0
    assert last["filesystems"][0]["used_bytes"] == GIB


def test_a_volume_that_grew_gives_its_filesystem_room() -> None:
    yard = booted()
    yard.nodes.fill_disk("i-1", percent=90)
    yard.volumes = [ROOT, DATA._replace(size_gib=100)]
    data = yard.wait(60)[-1]["filesystems"][1]
    assert (data["total_bytes"], data["used_bytes"]) == (100 * GIB, 45 * GIB)
    assert data["serials"] == ["vol0b"]


def test_a_filesystem_that_is_not_there_is_named() -> None:
    with pytest.raises(KeyError, match="/mnt/data"):
        booted().nodes.fill_disk("i-1", mount="/mnt/nothing", percent=1)


@pytest.mark.parametrize(
    ("kind", "notice", "minutes"),
    [
        ("EC2 Spot Instance Interruption Warning", "spot", 2),
        ("EC2 Instance Rebalance Recommendation", "rebalance", 0),
    ],
)
def test_a_notice_is_told_at_once(kind: str, notice: str, minutes: int) -> None:
    yard = booted()
    at = yard.now + timedelta(minutes=minutes)
    yard.event(kind=kind)
    (report, *_) = yard.wait(1)
    assert report["notices"] == [{"kind": notice, "action_at": at.strftime("%Y-%m-%dT%H:%M:%SZ")}]


def test_an_agent_that_hangs_is_silent_and_then_goes_on() -> None:
    yard = booted()
    yard.nodes.silence("i-1", 300)
    assert yard.wait(299) == []
    assert yard.wait(120) != []
    yard.nodes.silence("i-1", None)
    assert yard.wait(86_400) == []


def test_a_lie_stays_until_it_is_taken_back_and_an_order_wins_over_it() -> None:
    yard = booted()
    yard.nodes.machine("i-1").lies = {"busy": True, "sequence": 1}
    assert [(r["busy"], r["sequence"]) for r in yard.wait(120)] == [(True, 1)] * 2
    assert yard.nodes.report("i-1", {"busy": False})["busy"] is False
    yard.nodes.machine("i-1").lies = {}
    assert yard.wait(60)[-1]["sequence"] > 3


def test_a_machine_tells_the_work_that_it_was_given() -> None:
    yard = booted()
    machine = yard.nodes.machine("i-1")
    machine.busy, machine.used_mib = True, 4096
    (report,) = yard.wait(60)
    assert (report["busy"], report["memory"]) == (True, {"total_mib": 8192, "available_mib": 4096})
