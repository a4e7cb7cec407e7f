"""Ask Railyard for machines: ask, wait, keep the lease, release.

::

    from railyard.client import Railyard

    yard = Railyard(request_queue_url=..., lease_queue_url=..., reply_queue_url=..., reply_to="ci")
    with yard.machines("ci-4711", pool="default", vcpus=4, memory_mib=8192) as lease:
        for machine in lease.allocations:
            print(machine["private_ip"])

Nothing but boto3 is needed. One ``Railyard`` is the only reader of its reply queue. A renewal is sent every third of
the lease by a thread that ends with the ``with`` block.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

logger = logging.getLogger(__name__)
VERDICTS = frozenset({"fulfilled", "refused", "timed_out", "cancelled"})


class NotServed(Exception):
    """Railyard answered, and the answer is no. *reason*: ``code``, ``message``, ``path``, ``retryable``."""

    def __init__(self, event: str, reason: Mapping[str, Any]) -> None:
        super().__init__(f"{event}: {reason.get('code')}: {reason.get('message')}")
        self.event = event
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """Machines that are ours for a while. *allocations* are as in the answer."""

    request_id: str
    epoch: int
    allocations: list[dict[str, Any]]
    lease_until: str


class Railyard:
    """A requester: its queues, and what it has heard."""

    def __init__(
        self,
        *,
        request_queue_url: str,
        lease_queue_url: str,
        reply_queue_url: str,
        reply_to: str,
        sqs: Any = None,
    ) -> None:
        """*reply_to* is the name under which this requester is registered; *sqs* a boto3 client, made if absent."""
        if sqs is None:
            import boto3  # noqa: PLC0415  # only when nobody brought a client

            sqs = boto3.client("sqs")
        self._sqs = sqs
        self._requests, self._leases, self._replies = request_queue_url, lease_queue_url, reply_queue_url
        self._reply_to = reply_to
        self._heard: dict[str, dict[str, Any]] = {}

    @contextmanager
    def machines(self, request_id: str, *, timeout_seconds: int = 900, **asked: Any) -> Iterator[Lease]:
        """Ask, wait, hold the lease for the block, release. Arguments as in ``ask``; raises NotServed, TimeoutError."""
        self.ask(request_id, timeout_seconds=timeout_seconds, **asked)
        lease = self.wait(request_id, seconds=timeout_seconds + 60)
        over = threading.Event()
        lease_seconds = int(asked.get("lease_seconds", 900))
        renewing = threading.Thread(target=self._keep, args=(lease, lease_seconds, over), daemon=True)
        renewing.start()
        try:
            yield lease
        finally:
            over.set()
            renewing.join()
            self.release(lease)

    def ask(self, request_id: str, *, pool: str, vcpus: int, memory_mib: int, **more: Any) -> None:
        """Send an allocate. *more*: any other field of the contract, requirements by their own names."""
        top = (
            "count",
            "minimum_count",
            "market",
            "sharing",
            "lease_seconds",
            "timeout_seconds",
            "deadline",
            "labels",
            "parameters",
        )
        requirements = {name: value for name, value in more.items() if name not in top}
        body = {
            "version": 1,
            "action": "allocate",
            "request_id": request_id,
            "pool": pool,
            "reply_to": self._reply_to,
            "requirements": {"vcpus": vcpus, "memory_mib": memory_mib, **requirements},
            **{name: value for name, value in more.items() if name in top},
        }
        self._send(self._requests, body)

    def wait(self, request_id: str, *, seconds: float) -> Lease:
        """Return the lease of *request_id*; raises NotServed with the reason, or TimeoutError after *seconds*."""
        answer = self._answer(request_id, VERDICTS, seconds)
        if answer["event"] != "fulfilled":
            raise NotServed(answer["event"], answer.get("reason", {}))
        return Lease(
            request_id=request_id,
            epoch=answer["epoch"],
            allocations=answer["allocations"],
            lease_until=answer["lease_until"],
        )

    def renew(self, lease: Lease, *, lease_seconds: int | None = None) -> None:
        """Send a renewal; it counts from the moment it is sent."""
        more = {"lease_seconds": lease_seconds} if lease_seconds else {}
        self._send(self._leases, self._about(lease, "renew") | more)

    def release(self, lease: Lease, indexes: list[int] | None = None) -> None:
        """Give the machines back, or the shares *indexes* of them."""
        self._send(
            self._leases, self._about(lease, "release") | ({} if indexes is None else {"indexes": indexes})
        )

    def cancel(self, request_id: str) -> None:
        """Take a request back, answered or not."""
        self._send(self._leases, {"version": 1, "action": "cancel", "request_id": request_id})

    def events(self, seconds: float = 0) -> list[dict[str, Any]]:
        """Return what was said since the last call (``warned``, ``lost`` ...), waiting up to *seconds*."""
        self._listen(seconds)
        said, self._heard = list(self._heard.values()), {}
        return said

    def _about(self, lease: Lease, action: str) -> dict[str, Any]:
        return {"version": 1, "action": action, "request_id": lease.request_id, "epoch": lease.epoch}

    def _keep(self, lease: Lease, lease_seconds: int, over: threading.Event) -> None:
        pause = lease_seconds / 3
        while not over.wait(pause):
            try:
                self.renew(lease, lease_seconds=lease_seconds)
            except Exception:  # whatever it was: a lease of which a third is gone can still be saved
                logger.exception("renewal of %s not sent, trying again", lease.request_id)
                pause = min(pause, 10)
            else:
                pause = lease_seconds / 3

    def _answer(self, request_id: str, events: frozenset[str], seconds: float) -> dict[str, Any]:
        until = time.monotonic() + seconds
        while True:
            for key, body in list(self._heard.items()):
                if body["request_id"] == request_id and body["event"] in events:
                    return self._heard.pop(key)
            left = until - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"no answer to {request_id} within {seconds:.0f} s")
            self._listen(min(left, 20))

    def _listen(self, seconds: float) -> None:
        """Read what the reply queue holds; equal bodies come under equal ids, so a duplicate changes nothing."""
        answer = self._sqs.receive_message(
            QueueUrl=self._replies, MaxNumberOfMessages=10, WaitTimeSeconds=min(20, round(seconds))
        )
        for message in answer.get("Messages", []):
            body = json.loads(message["Body"])
            self._heard[body["id"]] = body
            self._sqs.delete_message(QueueUrl=self._replies, ReceiptHandle=message["ReceiptHandle"])

    def _send(self, url: str, body: Mapping[str, Any]) -> None:
        self._sqs.send_message(QueueUrl=url, MessageBody=json.dumps(body))
