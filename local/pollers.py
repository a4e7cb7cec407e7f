"""SQS event source mappings: one poller for each, doing what Lambda's own pollers promise.

Batch size and window, at most the mapping's concurrency, delete only what succeeded, honour partial batch
failures, and leave the rest to visibility and redrive. Receives are short polls inside the process. On a
virtual clock a window lasts a blink, because nothing waits there.
"""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from moto.core.utils import unix_time_millis
from moto.sqs.models import sqs_backends

from local.functions import Functions
from local.identity import ACCOUNT, REGION
from local.runtime_api import Failure

IDLE_SECONDS = 0.03
BLINK_SECONDS = 0.05
"""A batching window on a virtual clock."""

DEFAULT_CONCURRENCY = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueMapping:
    """One mapping from a queue to a function."""

    queue: str
    function: str
    batch_size: int
    window_seconds: float
    concurrency: int
    partial_failures: bool


class QueuePoller:
    """Polls one queue for one function until closed."""

    def __init__(self, mapping: QueueMapping, functions: Functions) -> None:
        self.mapping = mapping
        self._functions = functions
        self._slots = threading.BoundedSemaphore(mapping.concurrency)
        self._pool = ThreadPoolExecutor(mapping.concurrency, thread_name_prefix=mapping.queue)
        self._closing = threading.Event()
        self._busy = 0
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name=f"poll {mapping.queue}", daemon=True)
        self._thread.start()

    def idle(self) -> bool:
        """Say whether nothing is received, in flight here, or waiting to be received."""
        with self._lock:
            return self._busy == 0 and not _queue(self.mapping.queue).messages

    @property
    def name(self) -> str:
        """Return what is polled."""
        return self.mapping.queue

    def stop_receiving(self) -> None:
        """Take no further message."""
        self._closing.set()

    def close(self) -> None:
        """Wait for the batches under way."""
        self._thread.join()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _run(self) -> None:
        while not self._closing.is_set():
            if not _queue(self.mapping.queue).messages:
                self._closing.wait(IDLE_SECONDS)
                continue
            self._slots.acquire()
            with self._lock:
                self._busy += 1
            batch = self._gather()
            if batch and not self._closing.is_set():
                self._pool.submit(self._handle, batch)
            else:
                self._end()

    def _gather(self) -> list[Any]:
        batch = _receive(self.mapping.queue, self.mapping.batch_size)
        deadline = time.monotonic() + self.mapping.window_seconds
        while batch and len(batch) < self.mapping.batch_size and time.monotonic() < deadline:
            self._closing.wait(IDLE_SECONDS)
            batch += _receive(self.mapping.queue, self.mapping.batch_size - len(batch))
        return batch

    def _handle(self, batch: list[Any]) -> None:
        try:
            event = {"Records": [record(message, self.mapping.queue) for message in batch]}
            result = self._functions.invoke(self.mapping.function, json.dumps(event).encode())
            for message in batch:
                if message.id not in self._failed(result, batch):
                    _backend().delete_message(self.mapping.queue, message.receipt_handle)
        finally:
            self._end()

    def _failed(self, result: bytes | Failure, batch: list[Any]) -> set[str]:
        every = {message.id for message in batch}
        if isinstance(result, Failure):
            return every
        if not self.mapping.partial_failures:
            return set()
        # Lambda takes an answer that it cannot read, or that names a message it never sent, as a failure of
        # all.
        named = reported_failures(result)
        return every if named is None or not named <= every else named

    def _end(self) -> None:
        with self._lock:
            self._busy -= 1
        self._slots.release()


def reported_failures(result: bytes) -> set[str] | None:
    """Return the ids of ``batchItemFailures``; ``None`` when the answer is malformed."""
    try:
        answer = json.loads(result or b"null")
        identifiers = {failure["itemIdentifier"] for failure in (answer or {}).get("batchItemFailures") or ()}
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return identifiers if all(isinstance(i, str) and i for i in identifiers) else None


def record(message: Any, queue: str) -> dict[str, Any]:
    """Return a message as a function receives it."""
    return {
        "messageId": message.id,
        "receiptHandle": message.receipt_handle,
        "body": message.body,
        "attributes": {
            "ApproximateReceiveCount": str(message.approximate_receive_count),
            "SentTimestamp": str(message.sent_timestamp),
            "SenderId": message.sender_id,
            "ApproximateFirstReceiveTimestamp": str(message.approximate_first_receive_timestamp),
        },
        "messageAttributes": {name: _attribute(value) for name, value in message.message_attributes.items()},
        "md5OfBody": message.body_md5,
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}",
        "awsRegion": REGION,
    }


def _attribute(value: dict[str, Any]) -> dict[str, Any]:
    given = {name[0].lower() + name[1:]: text for name, text in value.items() if text is not None}
    return given | {"stringListValues": [], "binaryListValues": []}


def next_visible(queues: set[str]) -> float | None:
    """Return in how many seconds the next hidden message of *queues* shows; ``None`` if none will."""
    present = unix_time_millis()
    due = [
        (moment - present) / 1000
        for name in queues
        for message in list(_queue(name)._messages)
        if (moment := max(message.visible_at, message.delayed_until)) >= present
    ]
    return min(due) + 0.001 if due else None


def _backend() -> Any:
    return sqs_backends[ACCOUNT][REGION]


def _queue(name: str) -> Any:
    return _backend().get_queue(name)


def _receive(queue: str, count: int) -> list[Any]:
    visibility = _queue(queue).visibility_timeout
    batch: list[Any] = _backend().receive_message(queue, count, 0, visibility, ["All"])
    return batch
