"""Pools and requesters, as operators change them: over the generation that was read, with a pool's counters.

What is left of a pool's limits follows from its definition before and after, in the same transaction: no caller counts.
"""

from __future__ import annotations

from typing import Any

import msgspec

from railyard.aws.tables.items import decode, tagged
from railyard.aws.tables.ledger import Ledger, Tables, left
from railyard.aws.tables.writes import Write, commit, drop, put, scan
from railyard.model.ami_sets import DEPLOYMENT
from railyard.model.ledger import Known, weight_of_limits
from railyard.model.pools import DEFINITION, Pool, Requester


class Pools:
    """The definitions in the table ``pools``."""

    def __init__(self, dynamodb: Any, table: str) -> None:
        self._db, self._table = dynamodb, table
        self._ledger = Ledger(dynamodb, Tables(pools=table))

    def all(self) -> Known:
        """Return every pool with its counters and deployment."""
        return self._ledger.pools()

    def look(self, name: str) -> Known:
        """Return the pool *name*, if it exists, with its counters and deployment."""
        return self._ledger.look((), (name,))

    def write(self, seen: Pool | None, shall: Pool | None) -> None:
        """Write *shall* over the definition that was *seen*; None closes the pool.

        A closed pool takes no requests any more; its counters stay for the machines that still run. Raises Conflict if
        it is not as it was read, or if an AMI set is deployed to a pool that is to close or to name its own images.
        """
        pool = shall or seen
        if pool is None:
            raise ValueError("neither a pool that was nor one that shall be")
        key = {"pool": pool.name, "part": DEFINITION}
        if shall:
            definition = put(self._table, "pool", shall, over=seen, version="generation", also=key)
        else:
            definition = drop(self._table, key, seen=seen, version="generation")
        added = weight_of_limits(shall.limits if shall else None)
        added = added.plus(weight_of_limits(seen.limits if seen else None), -1)
        writes = [_with_limits(definition, seen), left(self._table, pool.name, added)]
        if shall is None or shall.image_ids:
            writes.append(_undeployed(self._table, pool.name))
        commit(self._db, writes)


class RequesterRecords:
    """The table ``requesters``, as it is now."""

    def __init__(self, dynamodb: Any, table: str) -> None:
        self._db, self._table = dynamodb, table

    def all(self) -> list[Requester]:
        """Return every requester, by name."""
        found = [decode(Requester, item) for item in scan(self._db, self._table)]
        return sorted(found, key=lambda each: each.name)

    def write(self, seen: Requester | None, shall: Requester | None) -> None:
        """Write *shall* over the one that was *seen*; None forgets it. Raises Conflict."""
        if shall:
            change = put(self._table, "name", shall, over=seen, version="generation")
        elif seen:
            change = drop(self._table, {"name": seen.name}, seen=seen, version="generation")
        else:
            raise ValueError("neither a requester that was nor one that shall be")
        commit(self._db, [change])


def _with_limits(definition: Write, seen: Pool | None) -> Write:
    """Hold the write to the limits that were *seen*: a pool that was closed and made anew counts generations anew."""
    if seen is None:
        return definition
    body = dict(definition.body)
    body["ConditionExpression"] += " AND limits = :limits"
    limits = {":limits": tagged(msgspec.to_builtins(seen.limits))}
    return Write(
        definition.verb, body | {"ExpressionAttributeValues": body["ExpressionAttributeValues"] | limits}
    )


def _undeployed(table: str, pool: str) -> Write:
    key = {"pool": tagged(pool), "part": tagged(DEPLOYMENT)}
    return Write(
        "ConditionCheck",
        {"TableName": table, "Key": key, "ConditionExpression": "attribute_not_exists(part)"},
    )
