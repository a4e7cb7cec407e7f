"""What is launched now, what waits, and what stands in its way.

Requests of one shape share a launch: same pool, need, market and sharing. Within a pool's limits the oldest come
first; what does not fit waits with its obstacle, and is answered with it at its deadline.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import groupby

from allocate_instances.plan.offers import disk_gib, fitting, largest, offerings
from railyard.model import ownership
from railyard.model.ami_sets import Deployment
from railyard.model.answers import stamp
from railyard.model.catalogue import Catalogue
from railyard.model.instances import Tenant
from railyard.model.launches import Launch, LaunchPlan, Offering, Slot, launch_id
from railyard.model.ledger import RequestChange
from railyard.model.pools import Counters, Pool
from railyard.model.reasons import Code, Reason
from railyard.model.requests import Request
from railyard.model.switches import Stops, Switch, off

MAX_SLOTS = 40
"""Slots of one launch, reserved in one transaction with their requests. ``docs/protocol.md`` rule 5."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What placing has to know. *images* is by pool and architecture; *templates* and *deployments* are by pool."""

    stack: str
    now: datetime
    lock: timedelta
    pools: Mapping[str, Pool]
    counters: Mapping[str, Counters]
    catalogue: Catalogue | None
    images: Mapping[str, Mapping[str, str]]
    templates: Mapping[str, str]
    deployments: Mapping[str, Deployment] = field(default_factory=dict)
    switches: tuple[Switch, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One launch to be reserved, with the requests whose shares it carries."""

    launch: Launch
    requests: tuple[RequestChange, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """The plan: launches; and requests that are refused, or wait with an obstacle noted."""

    drafts: tuple[Draft, ...]
    settled: tuple[RequestChange, ...]


Waiting = tuple[Request | None, Request]
"""(as stored, as it is now): the first is ``None`` for a request that no table knows yet."""


def place(waiting: Sequence[Waiting], facts: Facts, tried: Mapping[str, frozenset[str]]) -> Placement:
    """Return launches for the unplaced shares of *waiting*, oldest first; *tried*: offerings refused, by request."""
    stored = {now.request_id: before for before, now in waiting}
    current = {now.request_id: now for _, now in waiting}
    left = dict(facts.counters)
    drafts: list[Draft] = []
    settled: list[RequestChange] = []

    def change(request: Request) -> RequestChange:
        before = stored[request.request_id]
        stored[request.request_id] = current[request.request_id] = request
        return before, request

    for group in _groups(current.values(), tried):
        first = group[0]
        verdict = _choose(first, facts, left.get(first.pool), tried.get(first.request_id, frozenset()))
        if isinstance(verdict, Reason):
            settled += [change(_stopped(request, verdict, facts.now)) for request in group]
            continue
        tenants = [r.tenant(share.index) for r in group for share in r.shares if not share.launch_id]
        fit, obstacle = _affordable(len(tenants), verdict, left[first.pool])
        left[first.pool] = _less(left[first.pool], fit, verdict)
        for start in range(0, fit, MAX_SLOTS):
            seated = tenants[start : min(start + MAX_SLOTS, fit)]
            launch = _launch(seated, verdict, current, facts)
            reserved = (current[key].reserved(launch.launch_id, given) for key, given in _indexes(seated))
            drafts.append(Draft(launch=launch, requests=tuple(change(request) for request in reserved)))
        blocked = dict.fromkeys(tenant.request_id for tenant in tenants[fit:])
        settled += [change(current[key].obstructed(obstacle)) for key in blocked if obstacle]
    return Placement(drafts=tuple(drafts), settled=tuple(settled))


def _groups(requests: Iterable[Request], tried: Mapping[str, frozenset[str]]) -> Iterator[list[Request]]:
    def shape(request: Request) -> str:
        return repr(
            (
                request.pool,
                request.need,
                request.market,
                request.sharing,
                sorted(request.parameters.items()),
                request.request_id if request.parameters else "",
                sorted(tried.get(request.request_id, ())),
            )
        )

    by_shape = sorted(requests, key=lambda request: (shape(request), request.since, request.request_id))
    groups = [list(group) for _, group in groupby(by_shape, key=shape)]
    return iter(sorted(groups, key=lambda group: (group[0].since, group[0].request_id)))


def _choose(
    request: Request, facts: Facts, left: Counters | None, tried: frozenset[str]
) -> tuple[Offering, ...] | Reason:
    """Return the offerings for a share of *request*, or why there are none."""
    pool = facts.pools.get(request.pool)
    if pool is None or left is None:
        return Reason(Code.UNKNOWN_POOL, f"there is no pool {request.pool!r} any more", path="pool")
    if stopped := off(facts.switches, Stops.LAUNCH, pool.name):
        return Reason(
            Code.PAUSED, f"{stopped.by} has stopped launches: {stopped.reason or 'no reason given'}"
        )
    if facts.catalogue is None:
        return Reason(Code.INSUFFICIENT_CAPACITY, "the catalogue of machine types is not there yet")
    types = fitting(request.need, pool, facts.catalogue)
    if not types:
        message = _too_large(request, pool, facts.catalogue)
        return Reason(Code.RESOURCES_EXHAUSTED, message, path="requirements")
    launchable = [each for each in types if each.architecture in facts.images[pool.name]]
    if not launchable:
        return _no_image(sorted({each.architecture for each in types}), facts.deployments.get(pool.name))
    dear = pool.limits.usd_micros_per_hour
    if (launchable[0].usd_micros_per_hour or 0) > dear:
        message = (
            f"the cheapest fitting type, {launchable[0].name}, is above the pool's {dear / 1e6:.2f} USD/h"
        )
        return Reason(Code.RESOURCES_EXHAUSTED, message, path="requirements")
    affordable = [each for each in launchable if (each.usd_micros_per_hour or 0) <= left.usd_micros_free]
    if not affordable:
        return Reason(Code.BUDGET, "the pool's dollars per hour are spent")
    found = offerings(request.need, pool, request.market, affordable, tried)
    if not found:
        message = "every fitting machine type was refused in every zone"
        return Reason(Code.INSUFFICIENT_CAPACITY, message, tried=tuple(sorted(tried))[:50])
    return found


def _no_image(architectures: Sequence[str], deployed: Deployment | None) -> Reason:
    """Say which image is missing. What a deployed version does not name it will never have: no wait helps."""
    names = ", ".join(architectures)
    if deployed is None:
        return Reason(Code.IMAGE_UNAVAILABLE, f"no image is published for {names}")
    version = f"AMI set {deployed.ami_set!r}, version {deployed.number}"
    bad = [
        f"{each}: {', '.join(deployed.defects[each])}" for each in architectures if each in deployed.defects
    ]
    if any(each in deployed.images for each in architectures):
        return Reason(Code.IMAGE_UNAVAILABLE, f"{version} has no sound image ({'; '.join(bad) or names})")
    return Reason(Code.IMAGE_UNAVAILABLE, f"{version} has no image for {names} here", final=True)


def _too_large(request: Request, pool: Pool, catalogue: Catalogue) -> str:
    need, top = request.need, largest(pool, catalogue)
    biggest = (
        f"the largest in the pool is {top.name} with {top.vcpus} vCPUs and {top.memory_mib} MiB"
        if top
        else "it has none"
    )
    return f"no type of pool {pool.name!r} offers {need.vcpus} vCPUs and {need.memory_mib} MiB as asked; {biggest}"


def _stopped(request: Request, reason: Reason, now: datetime) -> Request:
    """What can pass waits with its obstacle; what never will, is refused; enough that runs already, is an answer."""
    if reason.final or not reason.retryable:
        return request.refused(reason, now)
    waiting = request.obstructed(reason)
    return waiting.fulfilled(now) if waiting.complete else waiting


def _affordable(wanted: int, found: tuple[Offering, ...], left: Counters) -> tuple[int, Reason | None]:
    """Return how many slots the pool's counters allow, and what stops the others."""
    by_slots = max(0, min(left.slots_free, left.pending_free))
    by_dollars = max(0, left.usd_micros_free // _dearest(found)) if _dearest(found) else wanted
    if wanted <= min(by_slots, by_dollars):
        return wanted, None
    if by_dollars < by_slots:
        return by_dollars, Reason(Code.BUDGET, "the pool's dollars per hour are spent")
    return by_slots, Reason(Code.POOL_LIMIT, "the pool's limit of instances is reached")


def _less(left: Counters, slots: int, found: tuple[Offering, ...]) -> Counters:
    return replace(
        left,
        slots_free=left.slots_free - slots,
        pending_free=left.pending_free - slots,
        usd_micros_free=left.usd_micros_free - slots * _dearest(found),
    )


def _dearest(found: tuple[Offering, ...]) -> int:
    return max(offering.usd_micros_per_hour for offering in found)


def _indexes(tenants: Sequence[Tenant]) -> Iterator[tuple[str, frozenset[int]]]:
    """Yield each request of *tenants* with the indexes of its shares among them."""
    for key in dict.fromkeys(tenant.request_id for tenant in tenants):
        yield key, frozenset(tenant.index for tenant in tenants if tenant.request_id == key)


def _launch(
    tenants: Sequence[Tenant], found: tuple[Offering, ...], requests: Mapping[str, Request], facts: Facts
) -> Launch:
    """Return the launch that brings a machine to each of *tenants*, whose requests are all of one shape."""
    sample = requests[tenants[0].request_id]
    pool = facts.pools[sample.pool]
    token = launch_id(facts.stack, [(t.request_id, t.index, requests[t.request_id].attempt) for t in tenants])
    ends_at = facts.now + timedelta(seconds=pool.max_life_seconds)
    return Launch(
        launch_id=token,
        open="open",
        pool=pool.name,
        plan=LaunchPlan(
            template=facts.templates[pool.name],
            images={o.architecture: facts.images[pool.name][o.architecture] for o in found},
            market=found[0].market,
            offerings=found,
            subnets={o.availability_zone: pool.subnets[o.availability_zone] for o in found},
            root_gib=pool.disk.root_gib,
            disk_gib=disk_gib(sample.need, pool),
            disk_type=pool.disk.type,
            disk_iops=pool.disk.iops,
            disk_throughput=pool.disk.throughput,
            tags=_birth_tags(facts.stack, token, pool, sample, ends_at),
            ends_at=ends_at,
            agent=pool.agent,
        ),
        slots=tuple(Slot(number=number, tenant=tenant) for number, tenant in enumerate(tenants)),
        deadline=max(requests[tenant.request_id].deadline or facts.now for tenant in tenants),
        opened_at=facts.now,
        first_call_at=facts.now,
        lock_until=facts.now + facts.lock,
        reserved_usd_micros=_dearest(found),
    )


def _birth_tags(stack: str, launch: str, pool: Pool, sample: Request, ends_at: datetime) -> dict[str, str]:
    """The tags that the machines are born with; ours win over the pool's own."""
    return {
        "Name": f"{stack}-{pool.name}",
        **pool.tags,
        **{ownership.PARAMETER + name: value for name, value in sample.parameters.items()},
        ownership.STACK: stack,
        ownership.POOL: pool.name,
        ownership.LAUNCH: launch,
        ownership.ENDS_AT: stamp(ends_at),
    }
