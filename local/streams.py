"""DynamoDB stream mappings: records in commit order, each until it is handled or given up.

One shard, so one batch at a time. A failed batch is tried again, from the first record that the function
names; with bisect it is halved. After ``MaximumRetryAttempts`` the batch is dropped, to the failure queue
if there is one.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from typing import Any

from moto.dynamodb.models import dynamodb_backends
from moto.sqs.models import sqs_backends

from local.functions import Functions
from local.identity import ACCOUNT, REGION
from local.pollers import reported_failures
from local.runtime_api import Failure

IDLE_SECONDS = 0.03
RETRY_SECONDS = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamMapping:
    """One mapping from a table's stream to a function; ``retries`` -1 means until it works."""

    table: str
    stream_arn: str
    function: str
    batch_size: int
    retries: int
    bisect: bool
    partial_failures: bool
    failure_queue: str | None
    from_latest: bool


class StreamPoller:
    """Reads one stream for one function until closed."""

    def __init__(self, mapping: StreamMapping, functions: Functions) -> None:
        self.mapping = mapping
        self._functions = functions
        self._position = len(self._records()) if mapping.from_latest else 0
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"stream {mapping.table}", daemon=True)
        self._thread.start()

    def idle(self) -> bool:
        """Say whether every record so far has been dealt with."""
        return self._position >= len(self._records())

    @property
    def name(self) -> str:
        """Return what is read."""
        return f"stream of {self.mapping.table}"

    def stop_receiving(self) -> None:
        """Read no further record."""
        self._closing.set()

    def close(self) -> None:
        """Wait for the batch under way."""
        self._thread.join()

    def _records(self) -> list[Any]:
        table = dynamodb_backends[ACCOUNT][REGION].tables[self.mapping.table]
        return table.stream_shard.items if table.stream_shard else []

    def _run(self) -> None:
        while not self._closing.is_set():
            end = min(len(self._records()), self._position + self.mapping.batch_size)
            if end > self._position:
                self._deliver(end)
            else:
                self._closing.wait(IDLE_SECONDS)

    def _deliver(self, end: int) -> None:
        """Get the records up to *end* handled or given up, and advance."""
        attempts = 0
        while self._position < end and not self._closing.is_set():
            batch = [self._record(item) for item in self._records()[self._position : end]]
            done = self._handled(batch)
            self._position += done
            if done == len(batch):
                return
            attempts = 1 if done else attempts + 1
            if self.mapping.bisect and end - self._position > 1:
                end = self._position + (end - self._position) // 2
            elif self.mapping.retries >= 0 and attempts > self.mapping.retries:
                self._give_up(batch[done:])
                self._position = end
                return
            self._closing.wait(min(RETRY_SECONDS * 2**attempts, 5))

    def _handled(self, batch: list[dict[str, Any]]) -> int:
        """Return how many records of *batch*, from its start, the function has dealt with."""
        result = self._functions.invoke(self.mapping.function, json.dumps({"Records": batch}).encode())
        if isinstance(result, Failure):
            return 0
        if not self.mapping.partial_failures:
            return len(batch)
        failed = reported_failures(result)
        numbers = [record["dynamodb"]["SequenceNumber"] for record in batch]
        if failed is None or not failed <= set(numbers):
            return 0
        return min((numbers.index(number) for number in failed), default=len(batch))

    def _record(self, item: Any) -> dict[str, Any]:
        record = item.to_json()
        change = dict(record["dynamodb"])
        change["ApproximateCreationDateTime"] = change["ApproximateCreationDateTime"].timestamp()
        return {**record, "awsRegion": REGION, "dynamodb": change, "eventSourceARN": self.mapping.stream_arn}

    def _give_up(self, batch: list[dict[str, Any]]) -> None:
        if self.mapping.failure_queue:
            numbers = [record["dynamodb"]["SequenceNumber"] for record in batch]
            about = {
                "startSequenceNumber": numbers[0],
                "endSequenceNumber": numbers[-1],
                "batchSize": len(batch),
            }
            body = {"version": "1.0", "DDBStreamBatchInfo": about | {"streamArn": self.mapping.stream_arn}}
            sqs_backends[ACCOUNT][REGION].send_message(self.mapping.failure_queue, json.dumps(body))
