"""One DynamoDB call at a time, and transactions that copy only what they change.

moto's ``transact_write_items`` copies whole tables, once for each item, writes, and on a failed condition puts the
copies back: writes that others made in between are lost (measured: 2-9 of 800), and a table of a few hundred items
with its stream takes half a second. A lock around every call closes that window; within a transaction the copy of a
table shares the items that the transaction does not update in place.
"""

from __future__ import annotations

import copy
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from moto.dynamodb.models import DynamoDBBackend, dynamodb_backends
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.table import Table
from moto.dynamodb.responses import DynamoHandler

from local.identity import ACCOUNT, REGION

_HANDLER: Any = DynamoHandler
_BACKEND: Any = DynamoDBBackend
_TABLE: Any = Table

LOCK = threading.RLock()
_updated: dict[str, list[dict[str, Any]]] | None = None
"""Keys that the transaction under way updates, by table; ``None`` outside of one. Guarded by the lock."""


def install() -> None:
    """Serialise DynamoDB, make transactions cheap, and let nobody but our poller read streams."""
    if hasattr(_HANDLER.call_action, "serialised"):
        return
    _serialise_calls()
    _copy_less()
    # moto invokes a mapped function inside the write itself, and drops the records when that "succeeds".
    _TABLE.lambda_event_source_mappings = property(lambda _: {}, lambda *_: None)


def _serialise_calls() -> None:
    original = _HANDLER.call_action

    def call_action(self: Any) -> Any:
        with LOCK:
            return original(self)

    call_action.serialised = True  # type: ignore[attr-defined]  # marks that the shim is in
    _HANDLER.call_action = call_action


def _copy_less() -> None:
    original = _BACKEND.transact_write_items

    def transact_write_items(self: Any, items: list[dict[str, Any]]) -> Any:
        global _updated  # noqa: PLW0603  # what moto's own call of deepcopy cannot be told otherwise
        with LOCK:
            _updated = _keys_updated(items)
            try:
                return original(self, items)
            finally:
                _updated = None

    _BACKEND.transact_write_items = transact_write_items
    _TABLE.__deepcopy__ = _copied


def _keys_updated(items: Iterable[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for item in items:
        if "Update" in item:
            found[item["Update"]["TableName"]].append(item["Update"]["Key"])
    return found


def _copied(table: Any, memo: dict[int, Any]) -> Any:
    """Copy *table*: whole, or within a transaction as far as that can change it."""
    twin = copy.copy(table)
    if _updated is None:
        memo[id(table)] = twin
        vars(twin).update(copy.deepcopy(vars(table), memo))
        return twin
    twin.items = defaultdict(dict)
    for hash_key, held in table.items.items():
        twin.items[hash_key] = dict(held) if table.has_range_key else held
    for key in _updated.get(table.name, ()):
        _set_apart(twin, key)
    if table.stream_shard is not None:
        twin.stream_shard = copy.copy(table.stream_shard)
        twin.stream_shard.items = list(table.stream_shard.items)
        twin.stream_shard.table = twin
    return twin


def _set_apart(twin: Any, key: dict[str, Any]) -> None:
    """Give the copy an item of its own where moto will change the original's in place."""
    hash_key = DynamoType(key[twin.hash_key_attr])
    if not twin.has_range_key:
        if hash_key in twin.items:
            twin.items[hash_key] = copy.deepcopy(twin.items[hash_key])
        return
    range_key = DynamoType(key[twin.range_key_attr])
    if range_key in twin.items.get(hash_key, {}):
        twin.items[hash_key][range_key] = copy.deepcopy(twin.items[hash_key][range_key])


def present() -> dict[str, Any]:
    """Return the items of all tables, for ``as_of`` at a later moment."""
    with LOCK:
        return {table.name: copy.deepcopy(table.items) for table in _tables()}


@contextmanager
def as_of(before: dict[str, Any]) -> Iterator[None]:
    """Let reads see the tables as they were *before*; a table that is younger is as it is."""
    with LOCK:
        now = [(table, table.items) for table in _tables() if table.name in before]
        for table, _ in now:
            table.items = before[table.name]
        try:
            yield
        finally:
            for table, items in now:
                table.items = items


def _tables() -> list[Any]:
    return list(dynamodb_backends[ACCOUNT][REGION].tables.values())
