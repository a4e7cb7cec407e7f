"""Conditional writes: the kinds that Railyard makes, alone or together in a transaction.

``put``    a whole item, new or over the version that was read
``drop``   an item, as it was read
``spend``  amounts added to counters, if enough is left

A failed condition is ``Conflict`` and means: read again. Sources: DynamoDB API reference, TransactWriteItems.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from railyard.aws.errors import translate, translated
from railyard.aws.tables.items import Item, encode, tagged
from railyard.errors import Conflict, Throttled
from railyard.model.ledger import MAX_ITEMS

_TRIES = 4
_BUSY = frozenset({"None", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})
"""Reasons of a cancelled transaction that pass. Source: DynamoDB API reference, TransactWriteItems."""


@dataclass(frozen=True, slots=True)
class Write:
    """One conditional write: *verb* is ``Put``, ``Delete`` or ``Update``, *body* its parameters in a transaction."""

    verb: str
    body: Mapping[str, Any]


class WritesConflict(Conflict):
    """A transaction met failed conditions; *failed* holds the positions of those writes."""

    def __init__(self, message: str, failed: tuple[int, ...]) -> None:
        super().__init__(message)
        self.failed = failed


def put(
    table: str,
    key: str,
    record: object,
    *,
    over: object,
    version: str = "sequence",
    also: Mapping[str, object] | None = None,
) -> Write:
    """Put *record*, with the attributes *also*, over the one that was read: *over*, by its field *version*.

    When *over* is ``None`` there must be no item yet; *key* is the name of the partition key.
    """
    item = encode(record) | {name: tagged(value) for name, value in (also or {}).items()}
    if over is None:
        condition: dict[str, Any] = {
            "ConditionExpression": "attribute_not_exists(#key)",
            "ExpressionAttributeNames": {"#key": key},
        }
    else:
        condition = {
            "ConditionExpression": "#version = :seen",
            "ExpressionAttributeNames": {"#version": version},
            "ExpressionAttributeValues": {":seen": tagged(getattr(over, version))},
        }
    return Write("Put", {"TableName": table, "Item": item} | condition)


def drop(table: str, key: Mapping[str, str], *, seen: object, version: str = "sequence") -> Write:
    """Delete the item *key* if it still is the one that was *seen*, by its field *version*."""
    return Write(
        "Delete",
        {
            "TableName": table,
            "Key": {name: tagged(value) for name, value in key.items()},
            "ConditionExpression": "#version = :seen",
            "ExpressionAttributeNames": {"#version": version},
            "ExpressionAttributeValues": {":seen": tagged(getattr(seen, version))},
        },
    )


def spend(
    table: str,
    key: Mapping[str, str],
    amounts: Mapping[str, int],
    *,
    at_least: Mapping[str, int] | None = None,
) -> Write:
    """Add *amounts* (negative ones spend) to numbers of an item, if each attribute holds *at_least* that much."""
    names = {f"#n{i}": name for i, name in enumerate(amounts)}
    values = {f":n{i}": tagged(amount) for i, amount in enumerate(amounts.values())}
    body: dict[str, Any] = {
        "TableName": table,
        "Key": {name: tagged(value) for name, value in key.items()},
        "UpdateExpression": "ADD " + ", ".join(f"#n{i} :n{i}" for i in range(len(amounts))),
    }
    if at_least:
        names |= {f"#c{i}": name for i, name in enumerate(at_least)}
        values |= {f":c{i}": tagged(bound) for i, bound in enumerate(at_least.values())}
        body["ConditionExpression"] = " AND ".join(f"#c{i} >= :c{i}" for i in range(len(at_least)))
    return Write("Update", body | {"ExpressionAttributeNames": names, "ExpressionAttributeValues": values})


def commit(dynamodb: Any, writes: Sequence[Write]) -> None:
    """Do all of *writes* or none; raises WritesConflict, or Throttled when the tables stay busy."""
    if len(writes) == 1:
        _commit_one(dynamodb, writes[0])
        return
    if len(writes) > MAX_ITEMS:
        raise ValueError(f"{len(writes)} writes in one transaction, at most {MAX_ITEMS}")
    items = [{write.verb: dict(write.body)} for write in writes]
    for attempt in range(_TRIES):
        try:
            dynamodb.transact_write_items(TransactItems=items)
            return
        except dynamodb.exceptions.TransactionCanceledException as cancelled:
            reasons = [str(r.get("Code")) for r in cancelled.response.get("CancellationReasons", [])]
            failed = tuple(i for i, code in enumerate(reasons) if code == "ConditionalCheckFailed")
            if failed:
                raise WritesConflict(f"conditions failed: {failed} of {len(writes)}", failed) from cancelled
            if not _BUSY.issuperset(reasons):
                raise translate(cancelled, f"TransactWriteItems {reasons}") from cancelled
        except ClientError as error:
            raise translate(error, "TransactWriteItems") from error
        time.sleep(0.05 * 2**attempt)
    raise Throttled("TransactWriteItems: the items stay busy")


def _commit_one(dynamodb: Any, write: Write) -> None:
    calls = {"Put": dynamodb.put_item, "Delete": dynamodb.delete_item, "Update": dynamodb.update_item}
    call = calls[write.verb]
    try:
        call(**write.body)
    except dynamodb.exceptions.ConditionalCheckFailedException as failed:
        raise WritesConflict("condition failed", (0,)) from failed
    except ClientError as error:
        raise translate(error, write.verb) from error


def get_many(dynamodb: Any, keys: Mapping[str, Sequence[Mapping[str, str]]]) -> dict[str, list[Item]]:
    """Read items by key (at most 100 in all), strongly consistent, by table name; absent ones are absent."""
    found: dict[str, list[Item]] = {table: [] for table in keys}
    asked: dict[str, Any] = {
        table: {"Keys": [{n: tagged(v) for n, v in key.items()} for key in wanted], "ConsistentRead": True}
        for table, wanted in keys.items()
        if wanted
    }
    while asked:
        with translated("BatchGetItem"):
            answer = dynamodb.batch_get_item(RequestItems=asked)
        for table, items in answer["Responses"].items():
            found[table].extend(items)
        asked = answer.get("UnprocessedKeys", {})
    return found


def query(
    dynamodb: Any,
    table: str,
    index: str,
    partition: Mapping[str, str],
    *,
    where: tuple[str, str, object] | None = None,
    limit: int | None = None,
) -> list[Item]:
    """Read one *partition* (its key's name and value) of *index* in its order: all of it, or at least *limit* items.

    *where* bounds the sort key: its name, an operator of DynamoDB, a value.
    """
    ((key, value),) = partition.items()
    arguments: dict[str, Any] = {
        "TableName": table,
        "IndexName": index,
        "KeyConditionExpression": "#key = :key",
        "ExpressionAttributeNames": {"#key": key},
        "ExpressionAttributeValues": {":key": tagged(value)},
    }
    if where:
        sort, operator, bound = where
        arguments["KeyConditionExpression"] += f" AND {sort} {operator} :bound"
        arguments["ExpressionAttributeValues"][":bound"] = tagged(bound)
    if limit:
        arguments["Limit"] = limit
    return _pages("Query", dynamodb.query, arguments, limit)


def scan(dynamodb: Any, table: str) -> list[Item]:
    """Read a whole small table, strongly consistent."""
    return _pages("Scan", dynamodb.scan, {"TableName": table, "ConsistentRead": True})


def _pages(
    name: str, call: Callable[..., Any], arguments: dict[str, Any], limit: int | None = None
) -> list[Item]:
    items: list[Item] = []
    while True:
        with translated(name):
            page = call(**arguments)
        items += page["Items"]
        if "LastEvaluatedKey" not in page or (limit and len(items) >= limit):
            return items
        arguments = arguments | {"ExclusiveStartKey": page["LastEvaluatedKey"]}
