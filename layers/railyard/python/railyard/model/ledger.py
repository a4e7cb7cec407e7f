"""What one transaction changes, and what that does to the pools' counters: conservation by construction.

Slots and dollars belong to a launch's open slot, then to the instance that takes it, until that is GONE. A pending
slot is one whose machine is not READY yet. A requester's quota follows the placed shares of its requests. All of it
is the difference between the records before and after, so no caller ever counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from railyard.model.ami_sets import Deployment
from railyard.model.instances import Instance, InstanceState
from railyard.model.launches import Launch, LaunchState
from railyard.model.pools import Counters, Limits, Pool
from railyard.model.requests import Request
from railyard.model.switches import Switch

A = TypeVar("A")
B = TypeVar("B")
MAX_ITEMS = 90
"""Items of one transaction; DynamoDB allows 100. ``docs/protocol.md`` rule 8."""

RequestChange = tuple[Request | None, Request]
LaunchChange = tuple[Launch | None, Launch]
InstanceChange = tuple[Instance | None, Instance]
"""(as read, as it shall be); ``None`` where nothing may exist yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What one read found, by key. Absent keys are absent."""

    requests: Mapping[str, Request]
    pools: Mapping[str, Pool]
    counters: Mapping[str, Counters]
    deployments: Mapping[str, Deployment] = field(default_factory=dict)
    """What a pool launches of an AMI set, by pool."""
    switches: tuple[Switch, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """What something takes of its pool's limits."""

    slots: int = 0
    pending: int = 0
    usd_micros: int = 0

    def plus(self, other: Weight, sign: int = 1) -> Weight:
        """Return the sum; *sign* -1 for the difference."""
        return Weight(
            slots=self.slots + sign * other.slots,
            pending=self.pending + sign * other.pending,
            usd_micros=self.usd_micros + sign * other.usd_micros,
        )


NOTHING = Weight()


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """Changes that happen together or not at all."""

    requests: tuple[RequestChange, ...] = ()
    launches: tuple[LaunchChange, ...] = ()
    instances: tuple[InstanceChange, ...] = ()

    @property
    def guarded(self) -> bool:
        """Whether it takes from limits, and may fail for it: only a new launch does. Anything else is a fact."""
        return any(before is None for before, _ in self.launches)

    def spending(self) -> Mapping[str, Weight]:
        """Return what each pool has less of afterwards (negative: more); pools without a difference are absent."""
        spent: dict[str, Weight] = {}
        for pool, weight, sign in _weights(self):
            spent[pool] = spent.get(pool, NOTHING).plus(weight, sign)
        return {pool: weight for pool, weight in sorted(spent.items()) if weight != NOTHING}

    def quotas(self) -> Mapping[tuple[str, str], int]:
        """Return how many more instances each (pool, requester) holds afterwards."""
        held: dict[tuple[str, str], int] = {}
        for before, after in self.requests:
            key = (after.pool, after.requester)
            held[key] = held.get(key, 0) + after.placed - (before.placed if before else 0)
        return {key: count for key, count in sorted(held.items()) if count}

    @property
    def size(self) -> int:
        """How many items its transaction has."""
        changes = len(self.requests) + len(self.launches) + len(self.instances)
        return changes + len(self.spending()) + len(self.quotas())


def together(commits: Iterable[Commit]) -> Commit:
    """Return *commits*, made one after the other, as one: a record that several of them change is changed once."""
    requests: dict[str, RequestChange] = {}
    launches: dict[str, LaunchChange] = {}
    instances: dict[str, InstanceChange] = {}
    for commit in commits:
        _follow(requests, {after.request_id: (before, after) for before, after in commit.requests})
        _follow(launches, {after.launch_id: (before, after) for before, after in commit.launches})
        _follow(instances, {after.instance_id: (before, after) for before, after in commit.instances})
    return Commit(
        requests=tuple(requests.values()),
        launches=tuple(launches.values()),
        instances=tuple(instances.values()),
    )


def _follow(made: dict[str, tuple[B, A]], more: Mapping[str, tuple[B, A]]) -> None:
    """Let the changes *more* follow those *made*: what was read first, as it shall be at last."""
    for key, (before, after) in more.items():
        made[key] = made[key][0] if key in made else before, after


def weight_of_limits(limits: Limits | None) -> Weight:
    """Return what *limits* allow in all."""
    if limits is None:
        return NOTHING
    return Weight(
        slots=limits.instances, pending=limits.pending_instances, usd_micros=limits.usd_micros_per_hour
    )


def weight_of_launch(launch: Launch | None) -> Weight:
    """Return what the open slots of *launch* take."""
    if launch is None or launch.state is not LaunchState.INTENT:
        return NOTHING
    open_slots = len(launch.empty_slots)
    return Weight(slots=open_slots, pending=open_slots, usd_micros=open_slots * launch.reserved_usd_micros)


def weight_of_instance(instance: Instance | None) -> Weight:
    """Return what *instance* takes."""
    if instance is None or not instance.counted:
        return NOTHING
    pending = int(instance.ready_at is None and instance.state is not InstanceState.HELD)
    return Weight(slots=1, pending=pending, usd_micros=instance.usd_micros_per_hour)


def _weights(commit: Commit) -> Iterable[tuple[str, Weight, int]]:
    for before, after in commit.launches:
        yield after.pool, weight_of_launch(after), 1
        yield after.pool, weight_of_launch(before), -1
    for was, becomes in commit.instances:
        yield becomes.pool, weight_of_instance(becomes), 1
        yield becomes.pool, weight_of_instance(was), -1
