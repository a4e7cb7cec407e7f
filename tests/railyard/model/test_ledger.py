"""Conservation: whatever happens in whatever order, free and in use are together the limits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from railyard.model.instances import Instance, InstanceState
from railyard.model.launches import Launch, LaunchState
from railyard.model.ledger import Commit, Weight, together
from railyard.model.requests import Request
from tests.builders import NOW, a_launch, a_request, a_tenant, an_instance, reserved

LIMIT = Weight(slots=100, pending=50, usd_micros=10_000_000)
POOLS = ("default", "big")


class Books:
    """Records and counters, changed by whole commits."""

    def __init__(self) -> None:
        self.requests: dict[str, Request] = {}
        self.launches: dict[str, Launch] = {}
        self.instances: dict[str, Instance] = {}
        self.free = dict.fromkeys(POOLS, LIMIT)
        self.held: Counter[tuple[str, str]] = Counter()

    def apply(self, change: Commit) -> None:
        self.requests |= {after.request_id: after for _, after in change.requests}
        self.launches |= {after.launch_id: after for _, after in change.launches}
        self.instances |= {after.instance_id: after for _, after in change.instances}
        for pool, weight in change.spending().items():
            self.free[pool] = self.free[pool].plus(weight, -1)
        self.held.update(change.quotas())

    def in_use(self, pool: str) -> Weight:
        """Count from the records alone, in other words than the product's."""
        slots = pending = dollars = 0
        for launch in self.launches.values():
            if launch.pool == pool and launch.state is LaunchState.INTENT:
                empty = sum(not slot.instance_id for slot in launch.slots)
                slots, pending = slots + empty, pending + empty
                dollars += empty * launch.reserved_usd_micros
        for each in self.instances.values():
            if each.pool == pool and each.state is not InstanceState.GONE:
                slots, dollars = slots + 1, dollars + each.usd_micros_per_hour
                pending += each.ready_at is None and each.state is not InstanceState.HELD
        return Weight(slots=slots, pending=pending, usd_micros=dollars)

    def placed(self, pool: str) -> dict[tuple[str, str], int]:
        found: Counter[tuple[str, str]] = Counter()
        for request in self.requests.values():
            if request.pool == pool:
                found[pool, request.requester] += sum(bool(share.launch_id) for share in request.shares)
        return {key: count for key, count in found.items() if count}


def ask_and_launch(books: Books, pick: int) -> Commit:
    number, pool = len(books.requests), POOLS[pick % 2]
    request = a_request(
        f"ci-{number}", pool=pool, waiting=pool, requester=f"r-{pick % 3}", count=1 + pick % 4
    )
    tenants = [a_tenant(request.request_id, index) for index in range(request.count)]
    launch = a_launch(*tenants, launch_id=f"l-{number}", pool=pool, reserved_usd_micros=200_000 + pick)
    return Commit(requests=((None, reserved(request, launch.launch_id)),), launches=((None, launch),))


def bind(books: Books, pick: int) -> Commit:
    opened = [
        each for each in books.launches.values() if each.state is LaunchState.INTENT and each.empty_slots
    ]
    if not opened:
        return Commit()
    launch = opened[pick % len(opened)]
    slot = launch.empty_slots[pick % len(launch.empty_slots)]
    machine = an_instance(
        f"i-{len(books.instances)}",
        slot.tenant,
        state=InstanceState.LAUNCHING,
        ready_at=None,
        pool=launch.pool,
        usd_micros_per_hour=100_000 + pick,
    )
    request = books.requests[slot.tenant.request_id]
    return Commit(
        requests=((request, request.bound({slot.tenant.index: machine.instance_id})),),
        launches=((launch, launch.bound({slot.number: machine.instance_id})),),
        instances=((None, machine),),
    )


def settle(books: Books, pick: int) -> Commit:
    opened = [each for each in books.launches.values() if each.state is LaunchState.INTENT]
    if not opened:
        return Commit()
    launch = opened[pick % len(opened)]
    back = frozenset(slot.tenant.index for slot in launch.empty_slots)
    request = books.requests[launch.slots[0].tenant.request_id]
    again = request.unplaced(back) if request.unanswered else request
    changed = ((request, again),) if again is not request else ()
    return Commit(requests=changed, launches=((launch, launch.settled(NOW)),))


def hold(books: Books, pick: int) -> Commit:
    stray = an_instance(f"i-{len(books.instances)}", state=InstanceState.HELD, ready_at=None)
    return Commit(instances=((None, replace(stray, pool=POOLS[pick % 2])),))


def live_on(books: Books, pick: int) -> Commit:
    alive = [each for each in books.instances.values() if each.live]
    if not alive:
        return Commit()
    machine = alive[pick % len(alive)]
    after = {
        0: lambda: machine.ready(NOW, "10.0.0.1", "one"),
        1: lambda: machine.draining("drifted"),
        2: lambda: machine.terminating("idle"),
        3: lambda: machine.lost(NOW, "died"),
        4: lambda: machine.gone(NOW, timedelta(days=1)),
    }[pick % 5]()
    return Commit(instances=((machine, after),))


def end(books: Books, pick: int) -> Commit:
    going = [each for each in books.requests.values() if each.shares]
    if not going:
        return Commit()
    request = going[pick % len(going)]
    after = (
        request.cancelled(NOW) if pick % 2 else request.released(NOW, frozenset({request.shares[0].index}))
    )
    return Commit(requests=((request, after),))


Move = Callable[[Books, int], Commit]
MOVES: tuple[Move, ...] = (ask_and_launch, bind, bind, bind, settle, hold, live_on, live_on, end)
STEPS = st.lists(st.tuples(st.sampled_from(MOVES), st.integers(0, 1_000)), max_size=40)


@given(steps=STEPS)
def test_free_and_in_use_are_the_limits_after_every_commit(steps: list[tuple[Move, int]]) -> None:
    books = Books()
    for move, pick in steps:
        books.apply(move(books, pick))
        for pool in POOLS:
            assert books.free[pool].plus(books.in_use(pool)) == LIMIT
            held = {key: count for key, count in books.held.items() if key[0] == pool and count}
            assert held == books.placed(pool)


@given(steps=STEPS)
def test_a_change_and_its_inverse_spend_nothing(steps: list[tuple[Move, int]]) -> None:
    books = Books()
    for move, pick in steps:
        change = move(books, pick)
        books.apply(change)
        there = Commit(
            requests=tuple((before, after) for before, after in change.requests if before),
            launches=tuple((before, after) for before, after in change.launches if before),
            instances=tuple((before, after) for before, after in change.instances if before),
        )
        back = Commit(
            requests=tuple((after, before) for before, after in there.requests if before),
            launches=tuple((after, before) for before, after in there.launches if before),
            instances=tuple((after, before) for before, after in there.instances if before),
        )
        assert negated(there) == (dict(back.spending()), dict(back.quotas()))


def negated(change: Commit) -> tuple[dict[str, Weight], dict[tuple[str, str], int]]:
    """Return what *change* spends and holds, with the sign turned."""
    spending = {pool: Weight().plus(weight, -1) for pool, weight in change.spending().items()}
    return spending, {key: -count for key, count in change.quotas().items()}


@given(steps=STEPS)
def test_changes_made_together_spend_what_they_spend_one_by_one(steps: list[tuple[Move, int]]) -> None:
    books, changes = Books(), []
    for move, pick in steps:
        changes.append(move(books, pick))
        books.apply(changes[-1])
    spent: dict[str, Weight] = {}
    for change in changes:
        for pool, weight in change.spending().items():
            spent[pool] = spent.get(pool, Weight()).plus(weight)
    whole = together(changes)
    assert whole.spending() == {pool: weight for pool, weight in sorted(spent.items()) if weight != Weight()}
    names = [request.request_id for _, request in whole.requests]
    assert len(names) == len(set(names))


def test_only_a_new_launch_is_guarded_by_the_limits() -> None:
    launch = a_launch(a_tenant())
    assert Commit(launches=((None, launch),)).guarded
    assert not Commit(launches=((launch, launch.settled(NOW)),)).guarded
    assert not Commit(instances=((None, an_instance()),)).guarded


def test_the_size_of_a_commit_counts_its_records_its_pools_and_its_requesters() -> None:
    request = reserved(a_request())
    assert Commit(requests=((None, request),), launches=((None, a_launch(a_tenant())),)).size == 4


def test_dollars_are_settled_when_a_machine_takes_its_slot() -> None:
    launch = a_launch(a_tenant(), reserved_usd_micros=300_000)
    machine = an_instance("i-1", a_tenant(), ready_at=None, usd_micros_per_hour=120_000)
    bound = Commit(launches=((launch, launch.bound({0: "i-1"})),), instances=((None, machine),))
    assert bound.spending() == {"default": Weight(usd_micros=-180_000)}


def test_a_machine_found_beyond_the_plan_is_charged_but_never_pending() -> None:
    stray = an_instance(state=InstanceState.HELD, ready_at=None, usd_micros_per_hour=7)
    assert Commit(instances=((None, stray),)).spending() == {"default": Weight(slots=1, usd_micros=7)}


def test_slots_and_dollars_return_once() -> None:
    gone = an_instance().gone(NOW, timedelta(days=1))
    assert Commit(instances=((an_instance(), gone),)).spending()["default"].slots == -1
    assert Commit(instances=((gone, gone.gone(NOW, timedelta(days=1))),)).spending() == {}
