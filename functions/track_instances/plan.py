"""What a look at one machine changes: it became ready, it will be taken, it died."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from railyard.model.allocations import allocation
from railyard.model.instances import Instance, InstanceState, Sighting
from railyard.model.ledger import Commit, RequestChange
from railyard.model.requests import Request, RequestState
from track_instances.signals import SPOT_INTERRUPTION, Signal

RUNS = frozenset({InstanceState.LAUNCHING, InstanceState.READY, InstanceState.DRAINING})


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
    for request in _tenants(instance, requests):
        given = {
            t.index: allocation(ready, t) for t in instance.tenants if t.request_id == request.request_id
        }
        after = request.ready(given) if request.unanswered else request
        if after is not request:
            changes.append((request, after.fulfilled(now) if after.complete else after))
    return Commit(instances=((instance, ready),), requests=tuple(changes))


def _lost(instance: Instance, sighting: Sighting, requests: Mapping[str, Request], now: datetime) -> Commit:
    """A machine that died: a holder is told, a request still waiting for it waits for another one."""
    why = sighting.state_reason or f"the instance is {sighting.state}"
    changes: list[RequestChange] = []
    for request in _tenants(instance, requests):
        if request.state is RequestState.FULFILLED:
            changes.append((request, request.lost(now, instance.instance_id, why)))
        elif request.unanswered:
            changes.append((request, request.unplaced(_shares_on(instance, request))))
    return Commit(instances=((instance, instance.lost(now, why)),), requests=tuple(changes))


def _warned(instance: Instance, signal: Signal, requests: Mapping[str, Request], now: datetime) -> Commit:
    """A machine that will be taken: a holder is told, a request still waiting for it waits for another one."""
    assert signal.warned_for is not None  # what makes it a warning
    draining = instance.draining(signal.why)
    changes: list[RequestChange] = []
    for request in _tenants(instance, requests):
        if request.state is RequestState.FULFILLED:
            warned = request.warned(now, instance.instance_id, signal.warned_for, signal.why)
            changes.append((request, warned))
        elif request.unanswered:
            mine = _shares_on(instance, request)
            draining = draining.without(request.request_id, mine, now)
            changes.append((request, request.unplaced(mine)))
    return Commit(instances=((instance, draining),), requests=tuple(changes))


def _tenants(instance: Instance, requests: Mapping[str, Request]) -> Iterable[Request]:
    """The requests that hold a share of *instance*, each once."""
    for request_id in dict.fromkeys(tenant.request_id for tenant in instance.tenants):
        request = requests.get(request_id)
        if request and any(share.instance_id == instance.instance_id for share in request.shares):
            yield request


def _shares_on(instance: Instance, request: Request) -> frozenset[int]:
    return frozenset(share.index for share in request.shares if share.instance_id == instance.instance_id)
