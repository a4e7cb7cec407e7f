"""Who gets which of the machines that EC2 gave."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from allocate_instances.plan.binding import MAX_MACHINES, bind, unbound
from railyard.model.instances import InstanceState, Machine
from railyard.model.launches import Launch, LaunchState
from railyard.model.reasons import Code, Reason
from railyard.model.requests import Request, RequestState
from railyard.model.room import settle
from tests.builders import NOW, a_launch, a_request, a_tenant, an_offering, reserved

SHORT = Reason(code=Code.INSUFFICIENT_CAPACITY, message="none left")
DENIED = Reason(code=Code.LAUNCH_DENIED, message="no")


def machine(number: int, **changes: str) -> Machine:
    base = Machine(
        instance_id=f"i-{number:017x}",
        instance_type="m7i.xlarge",
        availability_zone="us-east-1a",
        market="on-demand",
    )
    return replace(base, **changes)


def launched(count: int) -> tuple[Launch, dict[str, Request]]:
    """A launch of *count* requests of one share, and those requests."""
    names = [f"r-{i}" for i in range(count)]
    return a_launch(*(a_tenant(name) for name in names)), {n: reserved(a_request(n)) for n in names}


def test_sorted_ids_take_free_slots_in_order() -> None:
    launch, requests = launched(3)
    change = bind(launch, [machine(9), machine(1), machine(5)], requests, NOW)
    assert [slot.instance_id[-1] for slot in change.launches[0][1].slots] == ["1", "5", "9"]
    assert [(r.request_id, r.shares[0].instance_id[-1]) for _, r in change.requests] == [
        ("r-0", "1"),
        ("r-1", "5"),
        ("r-2", "9"),
    ]


def test_a_full_launch_is_bound_and_a_part_stays_open() -> None:
    launch, requests = launched(2)
    whole = bind(launch, [machine(1), machine(2)], requests, NOW).launches[0][1]
    part = bind(launch, [machine(1)], requests, NOW).launches[0][1]
    assert (whole.state, whole.open, whole.open_calls) == (LaunchState.BOUND, None, 0)
    assert (part.state, len(part.empty_slots)) == (LaunchState.INTENT, 1)


def test_a_machine_is_recorded_with_the_price_and_room_of_the_offering_that_it_is() -> None:
    launch, requests = launched(1)
    other = an_offering("m7g.large", architecture="arm64", usd_micros_per_hour=80_000)
    launch = replace(
        launch,
        plan=replace(launch.plan, offerings=(an_offering(), other), images={"amd64": "a", "arm64": "b"}),
    )
    change = bind(launch, [machine(1, instance_type="m7g.large")], requests, NOW)
    record = change.instances[0][1]
    assert (record.usd_micros_per_hour, record.architecture, record.image_id) == (80_000, "arm64", "b")
    assert (record.state, record.ends_at) == (InstanceState.LAUNCHING, launch.plan.ends_at)
    assert record.free == record.capacity.minus(record.tenants[0].room)


def test_machines_beyond_the_plan_are_spare_room() -> None:
    launch, requests = launched(1)
    change = bind(launch, [machine(1), machine(2)], requests, NOW)
    spare = change.instances[1][1]
    assert (spare.tenants, spare.free, spare.idle_since) == ((), spare.capacity, NOW)


def test_the_machine_of_a_request_that_ended_meanwhile_is_spare() -> None:
    launch, requests = launched(1)
    change = bind(launch, [machine(1)], {"r-0": requests["r-0"].cancelled(NOW)}, NOW)
    assert change.requests == ()
    assert change.instances[0][1].tenants == ()
    assert change.launches[0][1].state is LaunchState.BOUND


def test_a_share_that_moved_to_another_launch_takes_nothing_from_this_one() -> None:
    launch, requests = launched(1)
    moved = reserved(requests["r-0"].unplaced(frozenset({0})), "l-2")
    assert bind(launch, [machine(1)], {"r-0": moved}, NOW).requests == ()


def test_an_empty_slot_is_settled_and_its_share_waits_again() -> None:
    launch, requests = launched(2)
    half = bind(launch, [machine(1)], requests, NOW)
    stored = requests | {r.request_id: r for _, r in half.requests}
    end = settle(half.launches[0][1], stored, SHORT, NOW)
    ((before, after),) = end.requests
    assert before is requests["r-1"]
    assert (after.state, after.placed, after.obstacle) == (RequestState.REQUESTED, 0, SHORT)
    assert end.launches[0][1].state is LaunchState.PARTLY_BOUND


def test_what_no_further_try_can_help_is_refused() -> None:
    launch, requests = launched(1)
    end = settle(launch, requests, DENIED, NOW)
    assert end.requests[0][1].state is RequestState.REFUSED
    assert end.launches[0][1].state is LaunchState.REFUSED


def test_settling_leaves_a_cancelled_request_alone() -> None:
    launch, requests = launched(1)
    assert settle(launch, {"r-0": requests["r-0"].cancelled(NOW)}, SHORT, NOW).requests == ()
    assert settle(launch, {}, SHORT, NOW).requests == ()


@given(
    slots=st.integers(1, 60),
    numbers=st.lists(st.integers(0, 200), max_size=90, unique=True),
    ended=st.sets(st.integers(0, 60)),
)
def test_binding_in_steps_seats_each_machine_once_and_records_it_once(
    slots: int, numbers: list[int], ended: set[int]
) -> None:
    launch, requests = launched(slots)
    requests |= {n: r.cancelled(NOW) for i, (n, r) in enumerate(requests.items()) if i in ended}
    machines = [machine(number) for number in numbers]
    recorded: list[str] = []
    while unbound(launch, machines):
        change = bind(launch, machines, requests, NOW)
        assert len(change.instances) <= MAX_MACHINES
        recorded += [instance.instance_id for _, instance in change.instances]
        launch = change.launches[0][1]
        requests |= {request.request_id: request for _, request in change.requests}
    seated = [slot.instance_id for slot in launch.slots if slot.instance_id]
    assert len(seated) == len(set(seated)) == min(slots, len(machines))
    assert len(recorded) == len(set(recorded))
    assert set(seated) <= set(recorded) <= {each.instance_id for each in machines}
    held = [s.instance_id for r in requests.values() for s in r.shares if s.instance_id]
    assert len(held) == len(set(held))
    assert set(held) <= set(seated)
