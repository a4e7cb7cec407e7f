"""Who has to go, who is gone, and which events got lost."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from railyard.model.instances import Instance, InstanceState, Sighting
from railyard.model.launches import Launch
from railyard.model.pools import Pool
from railyard.model.switches import EVERYWHERE, Stops, Switch
from reap_instances.plan import INFERRED, Facts, Plan, Why, plan
from reap_instances.settings import Settings
from tests.builders import NOW, a_launch, a_pool, a_sighting, a_tenant, an_instance

SETTINGS = Settings(
    stack="railyard",
    requests_table="",
    launches_table="",
    instances_table="",
    pools_table="",
    wake_queue_url="",
    signals_queue_url="",
    max_terminations=5,
)
IDLE = NOW - timedelta(seconds=600)
MACHINE = "i-0000000000000001"


def facts(
    *records: Instance,
    listed: Iterable[Sighting] | None = None,
    launches: Iterable[Launch] = (),
    pools: Iterable[Pool] | None = None,
) -> Facts:
    """Facts in which EC2 shows every record running, unless *listed* says otherwise."""
    shown = [a_sighting(record.instance_id) for record in records] if listed is None else listed
    return Facts(
        now=NOW,
        listed={each.instance_id: each for each in shown},
        records={record.instance_id: record for record in records},
        launches={launch.launch_id: launch for launch in launches},
        pools={pool.name: pool for pool in ([a_pool()] if pools is None else pools)},
    )


def due(*records: Instance, **changes: Any) -> list[tuple[str, Why]]:
    found = plan(facts(*records, **changes), SETTINGS)
    return [(end.instance.instance_id, end.why) for end in found.ends]


def many(count: int, **changes: Any) -> list[Instance]:
    """Machines that differ in age, the youngest first."""
    return [
        replace(an_instance(f"i-{n:017x}"), launched_at=NOW - timedelta(hours=n + 1), **changes)
        for n in range(count)
    ]


BOOTING: dict[str, Any] = {"state": InstanceState.LAUNCHING, "idle_since": None}


@pytest.mark.parametrize(
    ("machine", "why"),
    [
        (an_instance(idle_since=IDLE), Why.IDLE),
        (an_instance(idle_since=IDLE + timedelta(seconds=1)), None),
        (an_instance(idle_since=None), None),
        (an_instance(MACHINE, a_tenant(), idle_since=IDLE), None),
        (an_instance(ends_at=NOW), Why.END_OF_LIFE),
        (an_instance(MACHINE, a_tenant(), ends_at=NOW - timedelta(seconds=60)), Why.END_OF_LIFE),
        (an_instance(MACHINE, a_tenant(), ends_at=NOW - timedelta(seconds=59)), None),
        (an_instance(state=InstanceState.DRAINING), Why.DRAINED),
        (an_instance(MACHINE, a_tenant(), state=InstanceState.DRAINING), None),
        (an_instance(**BOOTING, launched_at=NOW - timedelta(seconds=600)), Why.BOOT_FAILED),
        (an_instance(**BOOTING, launched_at=NOW - timedelta(seconds=599)), None),
        (an_instance(state=InstanceState.HELD, launched_at=NOW - timedelta(minutes=15)), Why.ORPHAN),
        (an_instance(state=InstanceState.HELD, launched_at=NOW - timedelta(seconds=899)), None),
        (an_instance(state=InstanceState.TERMINATING, idle_since=IDLE, ends_at=NOW), None),
        (an_instance(state=InstanceState.LOST, idle_since=IDLE, ends_at=NOW), None),
    ],
)
def test_a_machine_is_due_for_exactly_one_reason_or_none(machine: Instance, why: Why | None) -> None:
    assert due(machine) == ([(machine.instance_id, why)] if why else [])


def test_a_pool_that_is_gone_keeps_no_idle_machine() -> None:
    assert due(an_instance(idle_since=NOW), pools=()) == [(MACHINE, Why.IDLE)]


def test_a_held_machine_is_kept_for_people() -> None:
    held = [a_sighting(tags={"railyard:hold": "2026-12-01"})]
    assert due(an_instance(idle_since=IDLE), listed=held) == []


def test_a_machine_that_the_listing_does_not_show_is_not_ended() -> None:
    assert due(an_instance(idle_since=IDLE), listed=[]) == []


def test_a_machine_that_dies_by_itself_is_looked_at_and_not_ended() -> None:
    found = plan(facts(an_instance(idle_since=IDLE), listed=[a_sighting(state="terminated")]), SETTINGS)
    assert (found.ends, found.look) == ((), (MACHINE,))


def test_agreed_ends_are_paced_oldest_first_and_the_rest_is_counted() -> None:
    machines = many(8, idle_since=IDLE)
    found = plan(facts(*machines), SETTINGS)
    assert [end.instance for end in found.ends] == list(reversed(machines))[:5]
    assert found.deferred == 3


@pytest.mark.parametrize(
    ("inferred", "others", "ended"), [(2, 0, 2), (3, 0, 0), (3, 26, 0), (3, 27, 3), (4, 27, 0)]
)
def test_more_inferred_ends_than_a_tenth_are_a_mistake_and_end_none(
    inferred: int, others: int, ended: int
) -> None:
    machines = many(inferred + others)
    orphans = [replace(each, state=InstanceState.HELD) for each in machines[:inferred]]
    found = plan(facts(*orphans, *machines[inferred:]), SETTINGS)
    assert (len(found.ends), found.deferred) == (ended, inferred - ended)


def test_an_implausible_number_of_orphans_does_not_hold_up_agreed_ends() -> None:
    orphans = [replace(each, state=InstanceState.HELD) for each in many(4)]
    idle = replace(an_instance("i-idle"), idle_since=IDLE)
    assert due(*orphans, idle) == [("i-idle", Why.IDLE)]


@pytest.mark.parametrize(
    ("pool", "on", "ends"),
    [("default", False, False), (EVERYWHERE, False, False), ("other", False, True), ("default", True, True)],
)
def test_where_the_end_of_machines_is_stopped_none_ends_and_none_is_terminated_again(
    pool: str, *, on: bool, ends: bool
) -> None:
    idle, fenced = (
        replace(an_instance("i-idle"), idle_since=IDLE),
        an_instance(state=InstanceState.TERMINATING),
    )
    switch = Switch(stops=Stops.REAP, pool=pool, on=on, by="ops", at=NOW)
    found = plan(replace(facts(idle, fenced), switches=(switch,)), SETTINGS)
    assert (bool(found.ends), bool(found.terminate)) == (ends, ends)


# -- dead or silent ----------------------------------------------------------------------------------------

FENCED = an_instance(state=InstanceState.TERMINATING)


def test_a_fenced_machine_that_still_runs_is_terminated_again() -> None:
    assert plan(facts(FENCED), SETTINGS).terminate == (FENCED,)
    assert plan(facts(FENCED, listed=[a_sighting(state="shutting-down")]), SETTINGS).terminate == ()


@pytest.mark.parametrize(
    ("state", "gone"),
    [
        (InstanceState.TERMINATING, True),
        (InstanceState.LOST, True),
        (InstanceState.HELD, True),
        (InstanceState.READY, False),  # its tenants have not been told yet
        (InstanceState.LAUNCHING, False),
        (InstanceState.DRAINING, False),
    ],
)
def test_a_machine_seen_terminated_is_gone_once_it_was_fenced_or_told(
    state: InstanceState, *, gone: bool
) -> None:
    record = an_instance(state=state)
    found = plan(facts(record, listed=[a_sighting(state="terminated")]), SETTINGS)
    assert found.gone == ((record,) if gone else ())


def test_a_machine_that_is_still_shutting_down_is_not_gone() -> None:
    assert plan(facts(FENCED, listed=[a_sighting(state="shutting-down")]), SETTINGS).gone == ()


def test_missing_once_is_noted_and_no_more() -> None:
    found = plan(facts(an_instance(), listed=[]), SETTINGS)
    assert (found.missing, found.gone) == ((an_instance(),), ())


@pytest.mark.parametrize(("seconds", "gone"), [(59, False), (60, True)])
def test_missing_in_two_listings_a_minute_apart_is_gone(seconds: int, *, gone: bool) -> None:
    record = an_instance(missing_since=NOW - timedelta(seconds=seconds))
    found = plan(facts(record, listed=[]), SETTINGS)
    assert (bool(found.gone), found.missing) == (gone, ())


def test_a_machine_too_young_to_be_listed_is_not_missing() -> None:
    young = an_instance(launched_at=NOW - timedelta(seconds=299), missing_since=NOW - timedelta(seconds=100))
    found = plan(facts(young, listed=[]), SETTINGS)
    assert (found.missing, found.gone) == ((), ())


def test_a_machine_that_shows_again_is_no_longer_missing() -> None:
    record = an_instance(missing_since=NOW - timedelta(hours=1))
    found = plan(facts(record), SETTINGS)
    assert (found.seen, found.gone) == ((record,), ())


# -- unknown machines, lost events, open launches ----------------------------------------------------------

OURS = {"railyard:stack": "railyard", "railyard:pool": "default", "railyard:launch": "l-9"}


def test_a_machine_without_a_record_is_held_without_room() -> None:
    (held,) = plan(facts(listed=[a_sighting(tags=OURS)]), SETTINGS).held
    assert (held.state, held.pool, held.launch_id) == (InstanceState.HELD, "default", "l-9")
    assert (held.free.vcpus, held.tenants, held.usd_micros_per_hour) == (0, (), 0)


def test_a_machine_of_an_open_launch_is_left_to_it() -> None:
    launch = a_launch(a_tenant(), launch_id="l-9")
    assert plan(facts(listed=[a_sighting(tags=OURS)], launches=[launch]), SETTINGS).held == ()


def test_a_dead_machine_without_a_record_is_nobodys() -> None:
    assert plan(facts(listed=[a_sighting(tags=OURS, state="terminated")]), SETTINGS).held == ()


@pytest.mark.parametrize(
    ("state", "shown", "looks"),
    [
        (InstanceState.LAUNCHING, "running", True),
        (InstanceState.LAUNCHING, "pending", False),
        (InstanceState.READY, "running", False),
        (InstanceState.READY, "terminated", True),
        (InstanceState.DRAINING, "shutting-down", True),
        (InstanceState.TERMINATING, "terminated", False),
    ],
)
def test_a_lost_event_is_made_good_by_a_pointer(state: InstanceState, shown: str, *, looks: bool) -> None:
    record = an_instance(state=state, idle_since=None, launched_at=NOW)
    found = plan(facts(record, listed=[a_sighting(state=shown)]), SETTINGS)
    assert found.look == ((MACHINE,) if looks else ())


def test_a_launch_is_resumed_when_its_lock_is_free() -> None:
    locked, free = a_launch(launch_id="l-1"), a_launch(launch_id="l-2", lock_until=NOW)
    assert plan(facts(launches=[locked, free]), SETTINGS).resume == ("l-2",)


@pytest.mark.parametrize(
    ("deadline", "lock", "shown", "closes"),
    [
        (690, 690, False, True),
        (689, 690, False, False),
        (690, 689, False, False),
        (690, 690, True, False),
    ],
)
def test_an_unanswered_launch_closes_only_when_nothing_of_it_can_come_any_more(
    deadline: int, lock: int, *, shown: bool, closes: bool
) -> None:
    launch = a_launch(
        a_tenant(),
        launch_id="l-9",
        deadline=NOW - timedelta(seconds=deadline),
        lock_until=NOW - timedelta(seconds=lock),
    )
    listed = [a_sighting(tags=OURS, state="terminated")] if shown else []
    assert bool(plan(facts(launches=[launch], listed=listed), SETTINGS).close) is closes


# -- laws --------------------------------------------------------------------------------------------------

SECONDS_AGO = st.integers(-1_000, 2_000).map(lambda seconds: NOW - timedelta(seconds=seconds))
RECORDS: Any = st.builds(
    dict,
    state=st.sampled_from([state for state in InstanceState if state is not InstanceState.GONE]),
    tenants=st.sampled_from([(), (a_tenant(),)]),
    idle_since=st.none() | SECONDS_AGO,
    launched_at=SECONDS_AGO,
    ends_at=SECONDS_AGO,
    missing_since=st.none() | SECONDS_AGO,
)
SHOWN = st.sampled_from(["absent", "pending", "running", "shutting-down", "terminated"])


@st.composite
def worlds(draw: st.DrawFn) -> Facts:
    """Any records, with anything in EC2's listing about them."""
    drawn = draw(st.lists(st.tuples(RECORDS, SHOWN), max_size=30))
    records = [replace(an_instance(f"i-{n:017x}"), **record) for n, (record, _) in enumerate(drawn)]
    shown = zip(records, (state for _, state in drawn), strict=True)
    listed = [a_sighting(r.instance_id, state=state) for r, state in shown if state != "absent"]
    return facts(*records, listed=listed)


@given(world=worlds())
def test_a_plan_keeps_its_limits(world: Facts) -> None:
    found = plan(world, SETTINGS)
    inferred = [end for end in found.ends if end.why in INFERRED]
    assert len(found.ends) <= SETTINGS.max_terminations
    assert len(inferred) <= max(2, len(world.records) // 10)
    ages = [end.instance.launched_at for end in found.ends]
    assert ages == sorted(ages)


@given(world=worlds())
def test_a_machine_with_a_lease_ends_only_at_the_end_of_its_life_or_before_it_ran(world: Facts) -> None:
    for end in plan(world, SETTINGS).ends:
        if end.instance.tenants:
            assert end.why in (Why.END_OF_LIFE, Why.BOOT_FAILED, Why.ORPHAN)
            assert end.why is not Why.BOOT_FAILED or end.instance.state is InstanceState.LAUNCHING
            assert end.why is not Why.ORPHAN or end.instance.state is InstanceState.HELD


@given(world=worlds())
def test_nothing_destructive_rests_on_silence_alone(world: Facts) -> None:
    found = plan(world, SETTINGS)
    assert all(world.listed[end.instance.instance_id].alive for end in found.ends)
    assert all(world.listed[each.instance_id].alive for each in found.terminate)
    for record in found.gone:
        shown = world.listed.get(record.instance_id)
        assert shown.state == "terminated" if shown else record.missing_since


@given(world=worlds(), order=st.randoms(use_true_random=False))
def test_the_order_in_which_facts_come_does_not_matter(world: Facts, order: Any) -> None:
    def shuffled(of: Any) -> Any:
        items = list(of.items())
        order.shuffle(items)
        return dict(items)

    turned = replace(world, listed=shuffled(world.listed), records=shuffled(world.records))
    found, again = plan(world, SETTINGS), plan(turned, SETTINGS)
    assert found.ends == again.ends
    for name in ("terminate", "gone", "missing", "seen", "look"):
        assert set(_ids(getattr(found, name))) == set(_ids(getattr(again, name)))


@given(world=worlds())
def test_a_plan_carried_out_in_full_leaves_nothing_to_do(world: Facts) -> None:
    found = plan(world, SETTINGS)
    after = plan(_carried_out(world, found), replace(SETTINGS, max_terminations=1_000))
    assert len(after.ends) <= found.deferred
    assert (after.terminate, after.gone, after.missing, after.seen) == ((), (), (), ())


def _carried_out(world: Facts, done: Plan) -> Facts:
    records, listed = dict(world.records), dict(world.listed)
    for end in done.ends:
        records[end.instance.instance_id] = replace(end.instance, tenants=()).terminating(end.why)
    for fenced in (*done.terminate, *(end.instance for end in done.ends)):
        listed[fenced.instance_id] = replace(listed[fenced.instance_id], state="shutting-down")
    for record in done.missing:
        records[record.instance_id] = records[record.instance_id].missing(world.now)
    for record in done.seen:
        records[record.instance_id] = records[record.instance_id].seen()
    for record in done.gone:
        del records[record.instance_id]
        listed.pop(record.instance_id, None)
    return replace(world, records=records, listed=listed)


def _ids(of: Iterable[Any]) -> list[str]:
    return [each if isinstance(each, str) else each.instance_id for each in of]
