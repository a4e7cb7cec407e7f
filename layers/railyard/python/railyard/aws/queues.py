"""SQS queues that we send to: pointers for ourselves, answers for others."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from railyard.aws.errors import translated
from railyard.errors import RailyardError
from railyard.model.messages import Message


class Pointers:
    """A queue of pointers. A pointer says where to look and carries no truth; losing one only costs time."""

    def __init__(self, sqs: Any, url: str) -> None:
        self._sqs, self._url = sqs, url

    def send(self, pointers: Iterable[Mapping[str, Any]], *, delay_seconds: int = 0) -> None:
        """Send each of *pointers*, ten in a call, to be seen after *delay_seconds* (at most 900)."""
        bodies = [json.dumps(pointer, sort_keys=True) for pointer in pointers]
        for start in range(0, len(bodies), 10):
            entries = [
                {"Id": str(i), "MessageBody": body, "DelaySeconds": min(delay_seconds, 900)}
                for i, body in enumerate(bodies[start : start + 10])
            ]
            send_batch(self._sqs, self._url, entries)


class Replies:
    """Other people's queues, each reached in its own region."""

    def __init__(self, client: Callable[[str], Any]) -> None:
        """*client* returns the SQS client of a region."""
        self._client = client

    def send(self, arn: str, bodies: Sequence[str]) -> None:
        """Send *bodies* to the queue *arn*, ten in a call."""
        sqs = self._client(arn.split(":")[3])
        for start in range(0, len(bodies), 10):
            entries = [
                {"Id": str(i), "MessageBody": body} for i, body in enumerate(bodies[start : start + 10])
            ]
            send_batch(sqs, queue_url(arn), entries)


def send_batch(sqs: Any, url: str, entries: list[dict[str, Any]]) -> None:
    """Send up to ten messages; raises RailyardError if SQS took less than all."""
    with translated("SendMessageBatch"):
        answer = sqs.send_message_batch(QueueUrl=url, Entries=entries)
    failed = answer.get("Failed", [])
    if failed:
        raise RailyardError(
            f"SendMessageBatch: {len(failed)} of {len(entries)} not taken: {failed[0].get('Message')}"
        )


def queue_url(arn: str) -> str:
    """Return the URL of the queue *arn*. Form: AWS SQS developer guide, "Queue and message identifiers"."""
    _, partition, _, region, account, name = arn.split(":")
    suffix = "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com"
    return f"https://sqs.{region}.{suffix}/{account}/{name}"


FORWARDED = "railyard-sender"
"""Message attribute in which serve_api names the principal that it forwards for."""


def message_of(record: Mapping[str, Any], api_role_id: str) -> Message:
    """Return an SQS record as a message.

    The sender is SQS's own word, except for our API's role, which says for whom it speaks.
    """
    attributes = record["attributes"]
    sender = str(attributes["SenderId"])
    forwarded = record.get("messageAttributes", {}).get(FORWARDED, {}).get("stringValue")
    if api_role_id and forwarded and sender.split(":", 1)[0] == api_role_id:
        sender = str(forwarded)
    return Message(
        message_id=record["messageId"],
        body=record["body"],
        sender=sender,
        sent_at=datetime.fromtimestamp(int(attributes["SentTimestamp"]) // 1000, UTC),
    )
