"""DynamoDB's limits on one request, and the ten minutes in which a transaction's token is remembered.

moto accepts what DynamoDB refuses (a batch of 26 writes, a transaction of 5 MB) and carries a transaction out again
when its token comes again.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from typing import Any

from moto.core.responses import ActionResult
from moto.core.utils import unix_time
from moto.dynamodb.exceptions import DynamodbException, MockValidationException
from moto.dynamodb.responses import DynamoHandler

_HANDLER: Any = DynamoHandler

BATCH_WRITE_ITEMS = 25
BATCH_WRITE_BYTES = 16 * 1024 * 1024
TRANSACTION_BYTES = 4 * 1024 * 1024
TOKEN_SECONDS = 600
"""Source: DynamoDB API reference, BatchWriteItem and TransactWriteItems."""


@dataclass(frozen=True, slots=True)
class _Answered:
    """A transaction that was carried out: its content and when."""

    content: str
    at: float


_answered: dict[str, _Answered] = {}
_LOCK = threading.RLock()


def install() -> None:
    """Put the limits and the tokens before moto's own work."""
    if not hasattr(_HANDLER.transact_write_items, "remembers"):
        _HANDLER.batch_write_item = _limited(_HANDLER.batch_write_item)
        _HANDLER.transact_write_items = _remembering(_HANDLER.transact_write_items)


def forget() -> None:
    """Forget every token."""
    _answered.clear()


def _limited(original: Any) -> Any:
    def batch_write_item(self: Any) -> Any:
        requests = [request for table in self.body["RequestItems"].values() for request in table]
        if len(requests) > BATCH_WRITE_ITEMS:
            constraint = "Member must have length less than or equal to 25"
            raise MockValidationException(
                f"1 validation error detected: Value at 'requestItems' failed to satisfy constraint: {constraint}"
            )
        if _size(requests) > BATCH_WRITE_BYTES:
            raise MockValidationException("The batch write request size exceeds the limit of 16 MB")
        return original(self)

    return batch_write_item


def _remembering(original: Any) -> Any:
    def transact_write_items(self: Any) -> Any:
        items, token = self.body["TransactItems"], self.body.get("ClientRequestToken")
        if _size(items) > TRANSACTION_BYTES:
            raise MockValidationException("Transaction request cannot exceed 4 MB")
        if not token:
            return original(self)
        content, now = json.dumps(items, sort_keys=True, default=str), unix_time()
        with _LOCK:
            before = _answered.get(token)
            if before is not None and now - before.at < TOKEN_SECONDS:
                if before.content != content:
                    raise DynamodbException(
                        "com.amazonaws.dynamodb.v20120810#IdempotentParameterMismatchException",
                        "The token was used within ten minutes with other content",
                    )
                return ActionResult({})
            result = original(self)
            _answered[token] = _Answered(content, now)
            return result

    transact_write_items.remembers = True  # type: ignore[attr-defined]  # marks that the shim is in
    return transact_write_items


def _size(written: list[Any]) -> int:
    """Return the bytes of what is written, as JSON: somewhat more than DynamoDB counts."""
    return len(json.dumps(written, default=str))
