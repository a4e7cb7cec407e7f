"""Who has to go, who is gone, and which events got lost: EC2's listing held against our records.

Nothing here acts on silence. A machine is GONE when EC2 shows it terminated, or when two complete listings a minute
apart, both later than it must have been visible, do not show it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from railyard.model import ownership
from railyard.model.instances import RUNS, Instance, InstanceState, Room, Sighting
from railyard.model.launches import Launch
from railyard.model.pools import Pool
from railyard.model.switches import Stops, Switch, off
from reap_instances.settings import Settings

SECOND_LOOK = timedelta(seconds=60)
KEEP_GONE = timedelta(days=2)


class Why(StrEnum):
    """Why a machine ends."""

    IDLE = "idle"
    END_OF_LIFE = "end_of_life"
    DRAINED = "drained"
    BOOT_FAILED = "boot_failed"
    ORPHAN = "orphan"


INFERRED = frozenset({Why.BOOT_FAILED, Why.ORPHAN})
"""Ends that nobody agreed to; they are limited, not merely paced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What one run sees. *listed* is complete, and was read before the records."""

    now: datetime
    listed: Mapping[str, Sighting]
    records: Mapping[str, Instance]
    launches: Mapping[str, Launch]
    """Open launches, by id."""
    pools: Mapping[str, Pool]
    switches: tuple[Switch, ...] = ()

    def stopped(self, pool: str) -> bool:
        """Whether people have stopped the end of machines in *pool*."""
        return off(self.switches, Stops.REAP, pool) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """A machine to be fenced, and why."""

    instance: Instance
    why: Why


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What one run does about machines."""

    ends: tuple[End, ...] = ()
    deferred: int = 0
    terminate: tuple[Instance, ...] = ()
    """Fenced, and still alive in EC2."""
    gone: tuple[Instance, ...] = ()
    missing: tuple[Instance, ...] = ()
    seen: tuple[Instance, ...] = ()
    held: tuple[Instance, ...] = ()
    """Records to make for machines that are ours by tag and unknown to us."""
    look: tuple[str, ...] = ()
    """Machines whose event must have been lost: track_instances shall look."""
    resume: tuple[str, ...] = ()
    """Launches to go on with."""
    close: tuple[Launch, ...] = ()


def plan(facts: Facts, settings: Settings) -> Plan:
    """Return what is due at ``facts.now``: ends oldest first, agreed ones paced, inferred ones limited."""
    due = sorted(_due(facts, settings), key=lambda end: (end.instance.launched_at, end.instance.instance_id))
    ends = _within_limits(due, facts, settings)
    gone = [record for record in facts.records.values() if _is_gone(record, facts, settings)]
    absent = [r for r in facts.records.values() if _overdue(r, facts, settings) and r not in gone]
    return Plan(
        ends=tuple(ends),
        deferred=len(due) - len(ends),
        terminate=tuple(_still_alive(facts)),
        gone=tuple(gone),
        missing=tuple(record for record in absent if record.missing_since is None),
        seen=tuple(r for r in facts.records.values() if r.missing_since and r.instance_id in facts.listed),
        held=tuple(_unknown(facts)),
        look=tuple(_forgotten(facts)),
        resume=tuple(
            launch.launch_id for launch in facts.launches.values() if launch.lock_until <= facts.now
        ),
        close=tuple(launch for launch in facts.launches.values() if _closable(launch, facts, settings)),
    )


def _due(facts: Facts, settings: Settings) -> Iterable[End]:
    for record in facts.records.values():
        shown = facts.listed.get(record.instance_id)
        why = _reason(record, facts.pools.get(record.pool), facts.now, settings)
        held = shown is None or ownership.HOLD in shown.tags or facts.stopped(record.pool)
        if why and shown and shown.alive and not held:
            yield End(instance=record, why=why)


def _reason(record: Instance, pool: Pool | None, now: datetime, settings: Settings) -> Why | None:
    """Return why *record* is due, ``None`` when it is not; a pool that is gone keeps nothing waiting."""
    idle_seconds = pool.idle_seconds if pool else 0
    boot_seconds = pool.boot_seconds if pool else 0
    state, idle = record.state, not record.tenants
    if state is InstanceState.HELD and now - record.launched_at >= settings.orphan_grace:
        return Why.ORPHAN
    if state not in RUNS:
        return None
    if record.ends_at + (timedelta() if idle else 2 * settings.clock_tolerance) <= now:
        return Why.END_OF_LIFE  # leases end no later than the machine: they have lapsed by now
    if state is InstanceState.LAUNCHING:
        return Why.BOOT_FAILED if now - record.launched_at >= timedelta(seconds=boot_seconds) else None
    if state is InstanceState.DRAINING:
        return Why.DRAINED if idle else None
    if idle and record.idle_since and now - record.idle_since >= timedelta(seconds=idle_seconds):
        return Why.IDLE
    return None


def _within_limits(due: list[End], facts: Facts, settings: Settings) -> list[End]:
    """Agreed ends up to ``max_terminations``; inferred ones only if all of them fit max(2, 10 %) of the machines.

    A plan with more inferred ends than that is a mistake somewhere: it ends none of them.
    """
    inferred = [end for end in due if end.why in INFERRED]
    ceiling = max(2, len(facts.records) // 10)
    allowed = [end for end in due if end.why not in INFERRED or len(inferred) <= ceiling]
    return allowed[: settings.max_terminations]


def _is_gone(record: Instance, facts: Facts, settings: Settings) -> bool:
    shown = facts.listed.get(record.instance_id)
    if shown is not None:
        return shown.state == "terminated" and record.state in (
            InstanceState.TERMINATING,
            InstanceState.LOST,
            InstanceState.HELD,
        )
    if not _overdue(record, facts, settings) or record.missing_since is None:
        return False
    return facts.now - record.missing_since >= SECOND_LOOK


def _overdue(record: Instance, facts: Facts, settings: Settings) -> bool:
    """Whether *record* ought to be listed by now and is not."""
    return record.instance_id not in facts.listed and facts.now - record.launched_at >= settings.visibility


def _still_alive(facts: Facts) -> Iterable[Instance]:
    for record in facts.records.values():
        shown = facts.listed.get(record.instance_id)
        ending = record.state is InstanceState.TERMINATING and not facts.stopped(record.pool)
        if ending and shown is not None and shown.alive:
            yield record


def _unknown(facts: Facts) -> Iterable[Instance]:
    """Machines of ours without a record: of an open launch they are adopted by it, else held."""
    for shown in facts.listed.values():
        launch = shown.tags.get(ownership.LAUNCH, "")
        if shown.instance_id not in facts.records and shown.alive and launch not in facts.launches:
            yield Instance(
                instance_id=shown.instance_id,
                state=InstanceState.HELD,
                pool=shown.tags.get(ownership.POOL, ""),
                launch_id=launch,
                architecture=shown.architecture,
                instance_type=shown.instance_type,
                availability_zone=shown.availability_zone,
                market=shown.market,
                image_id=shown.image_id,
                template="",
                usd_micros_per_hour=0,
                capacity=Room(),
                free=Room(),
                launched_at=shown.launched_at,
                ends_at=facts.now,
                reason="found without a record",
            )


def _forgotten(facts: Facts) -> Iterable[str]:
    """Machines whose state in EC2 says that an event should have moved them."""
    for record in facts.records.values():
        shown = facts.listed.get(record.instance_id)
        if shown is None or record.state not in RUNS:
            continue
        if not shown.alive or (record.state is InstanceState.LAUNCHING and shown.state == "running"):
            yield record.instance_id


def _closable(launch: Launch, facts: Facts, settings: Settings) -> bool:
    """Whether an unanswered launch can have no effect any more: late enough, and nothing of it is listed."""
    last = max(launch.deadline, launch.lock_until)
    shown = any(each.tags.get(ownership.LAUNCH) == launch.launch_id for each in facts.listed.values())
    return facts.now - last >= settings.close_wait and not shown
