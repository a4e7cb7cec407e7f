"""What a look at one machine changes: it became ready, it will be taken, it died."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from railyard.model.allocations import allocation
from railyard.model.instances import RUNS, Instance, InstanceState, Sighting
from railyard.model.ledger import Commit, RequestChange
from railyard.model.requests import Request, RequestState
from railyard.model.room import evicted, tenants_of
from track_instances.signals import SPOT_INTERRUPTION, Signal


def track(
    instance: Instance,
    sighting: Sighting | None,
    signal: Signal,
    requests: Mapping[str, Request],
    now: datetime,
) -> Commit | None:
    """Return what to write about *instance* as EC2 shows it; ``None`` when nothing has changed.

    Not shown is no news: silence is not death.
    """
    if sighting is None or instance.state not in RUNS:
        return None
    if not sighting.alive:
        return _lost(instance, sighting, requests, now)
    if (
        instance.state is InstanceState.LAUNCHING
        and sighting.state == "running"
        and (signal.reported or not instance.agent)
    ):
        return _ready(instance, sighting, requests, now)
    if signal.warned_for and _is_news(instance, signal):
        return _warned(instance, signal, requests, now)
    return None


def _is_news(instance: Instance, signal: Signal) -> bool:
    """A first warning is; later ones are not, except the notice of the end itself after a mere recommendation."""
    draining = instance.state is InstanceState.DRAINING
    return not draining or (signal.why == SPOT_INTERRUPTION and instance.reason != SPOT_INTERRUPTION)


def _ready(instance: Instance, sighting: Sighting, requests: Mapping[str, Request], now: datetime) -> Commit:
    ready = instance.ready(now, sighting.private_ip, sighting.private_dns_name)
    changes: list[RequestChange] = []
    for request in tenants_of(instance, requests):
        given = {
            t.index: allocation(ready, t) for t in instance.tenants if t.request_id == request.request_id
        }
        after = request.ready(given) if request.unanswered else request
        if after is not request:
            changes.append((request, after.fulfilled(now) if after.complete else after))
    return Commit(instances=((instance, ready),), requests=tuple(changes))


def _lost(instance: Instance, sighting: Sighting, requests: Mapping[str, Request], now: datetime) -> Commit:
    why = sighting.state_reason or f"the instance is {sighting.state}"
    changes = evicted(instance, requests, why, now)
    return Commit(instances=((instance, instance.lost(now, why)),), requests=changes)


def _warned(instance: Instance, signal: Signal, requests: Mapping[str, Request], now: datetime) -> Commit:
    """A machine that will be taken: a holder is told, a request still waiting for it waits for another one."""
    assert signal.warned_for is not None  # what makes it a warning
    draining = instance.draining(signal.why)
    changes: list[RequestChange] = []
    for request in tenants_of(instance, requests):
        if request.state is RequestState.FULFILLED:
            warned = request.warned(now, instance.instance_id, signal.warned_for, signal.why)
            changes.append((request, warned))
        elif request.unanswered:
            mine = request.shares_on(instance.instance_id)
            draining = draining.without(request.request_id, mine, now)
            changes.append((request, request.unplaced(mine)))
    return Commit(instances=((instance, draining),), requests=tuple(changes))
