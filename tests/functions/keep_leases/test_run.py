"""A batch of the lease queue: decided one by one, each in one commit."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from keep_leases.run import Outcome, run
from railyard.errors import Throttled
from railyard.model.requests import Request, RequestState
from tests.bench import CI, Pointers
from tests.builders import NOW, a_message, a_request, a_tenant, an_instance, fulfilled, reserved
from tests.functions.records import MemoryLedger

MACHINE = "i-0000000000000001"


def held() -> MemoryLedger:
    """A fulfilled request on its machine."""
    return MemoryLedger(fulfilled(), an_instance(MACHINE, a_tenant("ci-1")))


def body(action: str, **more: Any) -> str:
    return json.dumps({"version": 1, "action": action, "request_id": "ci-1"} | more)


def carry_out(ledger: MemoryLedger, *bodies: str, wake: Pointers | None = None, **message: Any) -> Outcome:
    messages = [a_message(text, f"m-{number}", **message) for number, text in enumerate(bodies)]
    return run(messages, ledger, wake or Pointers(), (CI,), NOW)


def answer(ledger: MemoryLedger, number: int = 0) -> dict[str, Any]:
    """What the refusal of message *number* says."""
    (said,) = ledger.request(f"!m-{number}").outbox
    return json.loads(said)  # type: ignore[no-any-return]


def test_a_renewal_is_one_write_of_the_request_alone() -> None:
    ledger = held()
    sent = NOW - timedelta(seconds=10)
    outcome = carry_out(ledger, body("renew", epoch=1, lease_seconds=3_600), sent_at=sent)
    assert outcome.renewed == 1
    assert ledger.request("ci-1").lease_until == sent + timedelta(hours=1)
    assert [commit.size for commit in ledger.commits] == [1]


def test_a_renewal_is_taken_while_the_record_is_fulfilled_even_after_the_lease_has_run_out() -> None:
    ledger = MemoryLedger(fulfilled(lease_until=NOW - timedelta(seconds=5)))
    carry_out(ledger, body("renew", epoch=1))
    assert ledger.request("ci-1").lease_until == NOW + timedelta(minutes=15)


@pytest.mark.parametrize(
    ("stored", "sender", "code"),
    [
        (None, "AROACI:x", "unknown_request"),
        (fulfilled(), "AROATHIEF:x", "not_holder"),
        (fulfilled(epoch=2), "AROACI:x", "stale_epoch"),
        (fulfilled().expired(NOW), "AROACI:x", "lease_expired"),
    ],
)
@pytest.mark.parametrize("action", ["renew", "release"])
def test_a_refusal_is_a_record_of_its_own_and_leaves_the_request_alone(
    stored: Request | None, sender: str, code: str, action: str
) -> None:
    ledger = MemoryLedger(*([stored] if stored else []))
    outcome = carry_out(ledger, body(action, epoch=1), sender=sender)
    said = answer(ledger)
    assert (said["event"], said["action"], said["reason"]["code"]) == (f"{action}_refused", action, code)
    assert (said["request_id"], said["epoch"], outcome.refused) == ("ci-1", 1, 1)
    if stored:
        assert ledger.request("ci-1") is stored


def test_a_thiefs_refusal_never_goes_to_the_holders_queue() -> None:
    ledger = held()
    carry_out(ledger, body("release", epoch=1), sender="AROATHIEF:x")
    assert (ledger.request("!m-0").requester, ledger.request("!m-0").reply_to) == ("default", None)


def test_a_refusal_delivered_twice_is_one_record() -> None:
    ledger = MemoryLedger()
    carry_out(ledger, body("renew", epoch=1))
    outcome = carry_out(ledger, body("renew", epoch=1))
    assert (outcome.refused, outcome.repeated, len(ledger.commits)) == (0, 1, 1)


def test_a_release_gives_the_room_back_in_the_same_write_and_wakes_the_pool() -> None:
    ledger, wake = held(), Pointers()
    outcome = carry_out(ledger, body("release", epoch=1), wake=wake)
    machine = ledger.instance(MACHINE)
    assert (machine.tenants, machine.free, machine.idle_since) == ((), machine.capacity, NOW)
    assert ledger.request("ci-1").state is RequestState.RELEASED
    assert (outcome.released, len(ledger.commits), wake.take()) == (1, 1, [{"pool": "default"}])


def test_a_release_of_one_share_leaves_the_other_on_its_machine() -> None:
    one = fulfilled().shares[0]
    both = fulfilled(count=2, shares=(one, replace(one, index=1)))
    ledger = MemoryLedger(both, an_instance(MACHINE, a_tenant("ci-1"), a_tenant("ci-1", 1)))
    carry_out(ledger, body("release", epoch=1, indexes=[1]))
    assert [tenant.index for tenant in ledger.instance(MACHINE).tenants] == [0]
    assert ledger.request("ci-1").state is RequestState.FULFILLED


def test_a_release_delivered_twice_changes_nothing_the_second_time() -> None:
    ledger = held()
    carry_out(ledger, body("release", epoch=1))
    outcome = carry_out(ledger, body("release", epoch=1))
    assert (outcome.released, outcome.repeated, len(ledger.commits)) == (0, 1, 1)


def test_more_machines_than_one_write_holds_are_freed_by_the_writes_after_it() -> None:
    one = fulfilled().shares[0]
    ids = [f"i-{n:017x}" for n in range(100)]
    shares = tuple(replace(one, index=n, instance_id=key) for n, key in enumerate(ids))
    machines = (an_instance(key, a_tenant("ci-1", n)) for n, key in enumerate(ids))
    ledger = MemoryLedger(fulfilled(count=100, shares=shares), *machines)
    carry_out(ledger, body("release", epoch=1))
    assert all(ledger.instance(key).tenants == () for key in ids)
    assert len(ledger.commits) == 3


def test_a_cancel_before_the_request_leaves_a_tombstone_that_answers() -> None:
    ledger = MemoryLedger()
    outcome = carry_out(ledger, body("cancel"))
    assert ledger.request("ci-1").state is RequestState.CANCELLED
    assert json.loads(ledger.request("ci-1").outbox[0])["event"] == "cancelled"
    assert outcome.cancelled == 1


def test_a_cancel_of_a_waiting_request_frees_the_room_that_it_had_on_the_way() -> None:
    waiting = reserved(a_request()).bound({0: MACHINE})
    ledger = MemoryLedger(waiting, an_instance(MACHINE, a_tenant("ci-1")))
    carry_out(ledger, body("cancel"))
    assert ledger.request("ci-1").state is RequestState.CANCELLED
    assert ledger.instance(MACHINE).tenants == ()


def test_a_cancel_of_a_fulfilled_request_releases_it() -> None:
    ledger = held()
    carry_out(ledger, body("cancel"))
    assert json.loads(ledger.request("ci-1").outbox[0])["event"] == "released"
    assert ledger.instance(MACHINE).tenants == ()


def test_nonsense_in_a_batch_is_answered_and_the_rest_is_carried_out() -> None:
    ledger = held()
    outcome = carry_out(ledger, "not json", body("renew", epoch=1), '{"version": 1, "action": "dance"}')
    assert (outcome.refused, outcome.renewed, outcome.failed) == (2, 1, [])
    assert answer(ledger, 0)["reason"]["code"] == "invalid_request"
    assert answer(ledger, 2)["reason"]["code"] == "unsupported_action"


def test_an_epoch_that_is_no_number_makes_no_record_that_cannot_be_read_again() -> None:
    ledger = MemoryLedger()
    carry_out(ledger, body("renew", epoch=True))
    assert type(ledger.request("!m-0").epoch) is int


def test_commands_of_one_batch_see_what_the_ones_before_them_did() -> None:
    ledger = held()
    outcome = carry_out(ledger, body("release", epoch=1), body("renew", epoch=1), body("cancel"))
    assert (outcome.released, outcome.repeated) == (1, 1)
    assert answer(ledger, 1)["reason"]["code"] == "lease_expired"


def test_a_lost_race_is_decided_anew_on_what_is_there_then() -> None:
    ledger = held()
    ledger.races.append(lambda: ledger.put(ledger.request("ci-1").expired(NOW)))
    outcome = carry_out(ledger, body("renew", epoch=1))
    assert (outcome.renewed, outcome.refused) == (0, 1)
    assert ledger.request("ci-1").state is RequestState.EXPIRED
    assert answer(ledger)["reason"]["code"] == "lease_expired"


def test_a_lost_race_for_the_machine_is_tried_again() -> None:
    ledger = held()
    ledger.races.append(lambda: ledger.put(ledger.instance(MACHINE).hosting(a_tenant("other"))))
    outcome = carry_out(ledger, body("release", epoch=1))
    assert outcome.released == 1
    assert [tenant.request_id for tenant in ledger.instance(MACHINE).tenants] == ["other"]


def test_what_cannot_be_written_comes_again_and_holds_up_nobody() -> None:
    ledger = held()

    def busy() -> None:
        raise Throttled("busy")

    ledger.races.append(busy)
    outcome = carry_out(ledger, body("cancel", request_id="ci-2"), body("renew", epoch=1))
    assert (outcome.failed, outcome.renewed) == (["m-0"], 1)


def test_nobody_is_woken_when_no_room_came_back() -> None:
    wake = Pointers()
    carry_out(held(), body("renew", epoch=1), wake=wake)
    assert wake.sent == []
