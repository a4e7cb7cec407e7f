"""The client that others use: it asks, waits, keeps the lease and gives it back."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

from railyard.client import Lease, NotServed, Railyard

FULFILLED = {
    "version": 1,
    "id": "ci-1#1#fulfilled",
    "event": "fulfilled",
    "request_id": "ci-1",
    "epoch": 1,
    "allocations": [{"index": 0, "private_ip": "10.0.0.1"}],
    "lease_until": "2026-11-20T12:15:00Z",
}
LEASE = Lease(request_id="ci-1", epoch=1, allocations=[], lease_until="2026-11-20T12:15:00Z")


def word(event: str, request_id: str = "ci-1", **more: Any) -> dict[str, Any]:
    return {"id": f"{request_id}#1#{event}", "event": event, "request_id": request_id, "epoch": 1} | more


class Sqs:
    """Three queues: what is sent is kept, what is said is delivered once, in batches of ten."""

    def __init__(self, *said: dict[str, Any]) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.waiting = list(said)
        self.deleted: list[str] = []
        self.waits: list[int] = []
        self.on_send: Callable[[dict[str, Any]], None] = lambda _: None

    def send_message(self, *, QueueUrl: str, MessageBody: str) -> None:  # noqa: N803
        body = json.loads(MessageBody)
        self.sent.append((QueueUrl, body))
        self.on_send(body)

    def receive_message(self, *, QueueUrl: str, MaxNumberOfMessages: int, WaitTimeSeconds: int) -> Any:  # noqa: N803
        assert (QueueUrl, MaxNumberOfMessages) == ("replies", 10)
        assert 0 <= WaitTimeSeconds <= 20
        self.waits.append(WaitTimeSeconds)
        taken, self.waiting = self.waiting[:10], self.waiting[10:]
        if not taken:
            return {}
        return {"Messages": [{"Body": json.dumps(body), "ReceiptHandle": body["id"]} for body in taken]}

    def delete_message(self, *, QueueUrl: str, ReceiptHandle: str) -> None:  # noqa: N803
        self.deleted.append(ReceiptHandle)

    def of(self, action: str) -> list[dict[str, Any]]:
        return [body for _, body in self.sent if body["action"] == action]


def yard(sqs: Sqs) -> Railyard:
    return Railyard(
        request_queue_url="requests",
        lease_queue_url="leases",
        reply_queue_url="replies",
        reply_to="ci",
        sqs=sqs,
    )


def test_a_request_has_the_form_of_the_contract() -> None:
    sqs = Sqs()
    yard(sqs).ask("ci-1", pool="default", vcpus=4, memory_mib=8192, disk_gib=50, count=2, labels={"a": "b"})
    assert sqs.sent == [
        (
            "requests",
            {
                "version": 1,
                "action": "allocate",
                "request_id": "ci-1",
                "pool": "default",
                "reply_to": "ci",
                "requirements": {"vcpus": 4, "memory_mib": 8192, "disk_gib": 50},
                "count": 2,
                "labels": {"a": "b"},
            },
        )
    ]


def test_a_positive_answer_is_a_lease() -> None:
    sqs = Sqs(FULFILLED)
    lease = yard(sqs).wait("ci-1", seconds=5)
    assert (lease.request_id, lease.epoch) == ("ci-1", 1)
    assert lease.allocations == FULFILLED["allocations"]
    assert lease.lease_until == "2026-11-20T12:15:00Z"
    assert sqs.deleted == ["ci-1#1#fulfilled"]


@pytest.mark.parametrize("event", ["refused", "timed_out", "cancelled"])
def test_a_negative_answer_is_raised_with_its_reason(event: str) -> None:
    reason = {"code": "quota", "message": "full", "path": None, "retryable": True}
    with pytest.raises(NotServed) as raised:
        yard(Sqs(word(event, reason=reason))).wait("ci-1", seconds=5)
    assert (raised.value.event, raised.value.reason) == (event, reason)


def test_no_answer_in_time_is_a_timeout() -> None:
    with pytest.raises(TimeoutError, match="ci-1"):
        yard(Sqs(word("refused", "ci-2"))).wait("ci-1", seconds=0.05)


def test_answers_to_other_requests_are_kept_for_them() -> None:
    client = yard(Sqs(FULFILLED | {"id": "x", "request_id": "ci-2"}, FULFILLED))
    assert client.wait("ci-1", seconds=5).request_id == "ci-1"
    assert client.wait("ci-2", seconds=0).request_id == "ci-2"


def test_events_are_told_once_and_a_duplicate_changes_nothing() -> None:
    warned = word("warned")
    client = yard(Sqs(warned, warned, word("lost")))
    assert [each["event"] for each in client.events()] == ["warned", "lost"]
    assert client.events() == []


def test_no_wait_is_longer_than_sqs_allows() -> None:
    sqs = Sqs()
    yard(sqs).events(seconds=600)
    assert sqs.waits == [20]


@pytest.mark.parametrize(
    ("indexes", "said"), [(None, {}), ([0, 2], {"indexes": [0, 2]}), ([], {"indexes": []})]
)
def test_a_release_names_its_shares_or_means_all(indexes: list[int] | None, said: dict[str, Any]) -> None:
    sqs = Sqs()
    yard(sqs).release(LEASE, indexes)
    base = {"version": 1, "action": "release", "request_id": "ci-1", "epoch": 1}
    assert sqs.sent == [("leases", base | said)]


def test_a_renewal_and_a_cancel_go_to_the_lease_queue() -> None:
    sqs = Sqs()
    yard(sqs).renew(LEASE, lease_seconds=600)
    yard(sqs).renew(LEASE)
    yard(sqs).cancel("ci-1")
    base = {"version": 1, "action": "renew", "request_id": "ci-1", "epoch": 1}
    assert sqs.sent == [
        ("leases", base | {"lease_seconds": 600}),
        ("leases", base),
        ("leases", {"version": 1, "action": "cancel", "request_id": "ci-1"}),
    ]


class Ticking(threading.Event):
    """An event whose waits end at once until *ticks* of them have passed; then it waits to be set."""

    ticks = 3
    waits: list[float]

    def wait(self, timeout: float | None = None) -> bool:
        if timeout is None:
            return super().wait()
        self.waits.append(timeout)
        return False if len(self.waits) <= self.ticks else super().wait(10)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between renewals; three pass at once."""
    waits: list[float] = []
    Ticking.waits = waits
    real = threading.Event
    made: list[None] = []

    def event() -> threading.Event:
        made.append(None)  # the first is the client's own; threads make theirs afterwards
        return Ticking() if len(made) == 1 else real()

    monkeypatch.setattr(threading, "Event", event)
    return waits


def until_renewed(sqs: Sqs, times: int) -> Callable[[], None]:
    """Return what waits until *times* renewals were sent."""
    done = threading.Semaphore(0)
    sqs.on_send = lambda body: done.release() if body["action"] == "renew" else None

    def wait() -> None:
        for _ in range(times):
            assert done.acquire(timeout=10)

    return wait


def test_the_lease_is_renewed_every_third_of_it_and_released_at_the_end(pauses: list[float]) -> None:
    sqs = Sqs(FULFILLED)
    renewed = until_renewed(sqs, 3)
    before = threading.active_count()
    with yard(sqs).machines("ci-1", pool="default", vcpus=2, memory_mib=4096, lease_seconds=600) as lease:
        renewed()
        assert lease.epoch == 1
        assert sqs.of("release") == []
    assert set(pauses) == {200.0}
    assert [body["lease_seconds"] for body in sqs.of("renew")] == [600] * 3
    assert len(sqs.of("release")) == 1
    assert sqs.sent[-1][1]["action"] == "release"
    assert threading.active_count() == before


def test_a_renewal_that_could_not_be_sent_is_tried_again_sooner(
    pauses: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    sqs = Sqs(FULFILLED)
    tried = threading.Semaphore(0)

    def broken(body: dict[str, Any]) -> None:
        if body["action"] == "renew":
            tried.release()
            if len(sqs.of("renew")) == 1:
                raise OSError("no network")

    sqs.on_send = broken
    with yard(sqs).machines("ci-1", pool="default", vcpus=2, memory_mib=4096, lease_seconds=600):
        for _ in range(3):
            assert tried.acquire(timeout=10)
    assert pauses[:3] == [200.0, 10, 200.0]
    assert "ci-1" in caplog.text


def test_machines_are_given_back_when_the_work_fails(pauses: list[float]) -> None:
    sqs = Sqs(FULFILLED)
    with (
        pytest.raises(ZeroDivisionError),
        yard(sqs).machines("ci-1", pool="default", vcpus=2, memory_mib=4096),
    ):
        raise ZeroDivisionError
    assert len(sqs.of("release")) == 1


def test_what_was_not_served_is_neither_renewed_nor_released() -> None:
    sqs = Sqs(word("refused", reason={"code": "quota"}))
    with (
        pytest.raises(NotServed),
        yard(sqs).machines("ci-1", pool="default", vcpus=2, memory_mib=4096, timeout_seconds=30),
    ):
        pytest.fail("there are no machines")
    assert [body["action"] for _, body in sqs.sent] == ["allocate"]
    assert sqs.sent[0][1]["timeout_seconds"] == 30
