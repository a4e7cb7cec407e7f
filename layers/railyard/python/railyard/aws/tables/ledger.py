"""Requests, launches, instances and pools in DynamoDB: read by key, changed by whole commits.

Every change of a record is conditioned on the ``sequence`` that was read; counters and quotas follow from the records
(``railyard.model.ledger``) and ride in the same transaction. Indexes only find candidates: what is decided on one is
guarded by the record's own sequence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from railyard.aws.tables.items import decode, tagged
from railyard.aws.tables.writes import Write, commit, create, get_many, query, replace, scan, spend
from railyard.errors import Conflict, LimitExceeded
from railyard.model.answers import stamp
from railyard.model.instances import STATE, Instance, InstanceState
from railyard.model.launches import Launch
from railyard.model.ledger import Commit, Weight
from railyard.model.pools import COUNTERS, DEFINITION, Counters, Pool
from railyard.model.requests import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """Names of the tables; a function leaves out those that it never touches."""

    requests: str = ""
    launches: str = ""
    instances: str = ""
    pools: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What one read found, by key. Absent keys are absent."""

    requests: Mapping[str, Request]
    pools: Mapping[str, Pool]
    counters: Mapping[str, Counters]
    held: Mapping[tuple[str, str], int]
    """(pool, requester) -> instances that its requests hold."""


class Ledger:
    """The tables that the launch protocol is written in."""

    def __init__(self, dynamodb: Any, tables: Tables) -> None:
        self._db = dynamodb
        self._tables = tables

    # -- reading -------------------------------------------------------------------------------------------

    def look(self, requests: Iterable[str], pools: Iterable[str], requesters: Iterable[str]) -> Known:
        """Read requests, pools with their counters, and those requesters' quotas there: one call, consistent."""
        pool_names, names = sorted(set(pools)), sorted(set(requesters))
        parts = [
            (p, part) for p in pool_names for part in (DEFINITION, COUNTERS, *(quota_part(r) for r in names))
        ]
        request_keys = [{"request_id": key} for key in sorted(set(requests))]
        pool_keys = [{"pool": pool, "part": part} for pool, part in parts]
        items: dict[str, list[Any]] = {self._tables.requests: [], self._tables.pools: []}
        both = [(self._tables.requests, key) for key in request_keys] + [
            (self._tables.pools, key) for key in pool_keys
        ]
        for start in range(0, len(both), 100):
            wanted: dict[str, list[Mapping[str, str]]] = {}
            for table, key in both[start : start + 100]:
                wanted.setdefault(table, []).append(key)
            for table, found in get_many(self._db, wanted).items():
                items[table] += found
        return _known(items[self._tables.requests], items[self._tables.pools])

    def requests(self, ids: Iterable[str]) -> dict[str, Request]:
        """Read requests by id, consistently."""
        found = self._get(self._tables.requests, [{"request_id": key} for key in sorted(set(ids))])
        return {r.request_id: r for r in (decode(Request, item) for item in found)}

    def instances(self, ids: Iterable[str]) -> dict[str, Instance]:
        """Read instances by id, consistently."""
        found = self._get(
            self._tables.instances, [{"instance_id": key, "part": STATE} for key in sorted(set(ids))]
        )
        return {i.instance_id: i for i in (decode(Instance, item) for item in found)}

    def launches(self, ids: Iterable[str]) -> dict[str, Launch]:
        """Read launches by id, consistently."""
        found = self._get(self._tables.launches, [{"launch_id": key} for key in sorted(set(ids))])
        return {launch.launch_id: launch for launch in (decode(Launch, item) for item in found)}

    def pools(self) -> Known:
        """Read every pool and its counters."""
        return _known([], scan(self._db, self._tables.pools))

    def waiting(self, pool: str, limit: int = 100) -> list[Request]:
        """Return unanswered requests of *pool*, oldest first."""
        found = query(self._db, self._tables.requests, "waiting", "waiting", pool, Limit=limit)
        return [decode(Request, item) for item in found]

    def lapsed(self, pool: str, before: datetime, limit: int = 1000) -> list[Request]:
        """Return requests of *pool* whose lease ended before *before*, longest lapsed first."""
        found = query(
            self._db,
            self._tables.requests,
            "lease",
            "leased",
            pool,
            KeyConditionExpression="#key = :key AND lease_until < :before",
            ExpressionAttributeValues={":key": tagged(pool), ":before": tagged(stamp(before))},
            Limit=limit,
        )
        return [decode(Request, item) for item in found]

    def open_launches(self) -> list[Launch]:
        """Return launches that are not settled, oldest first."""
        return [
            decode(Launch, item) for item in query(self._db, self._tables.launches, "open", "open", "open")
        ]

    def alive(self) -> list[Instance]:
        """Return instances that are not GONE, oldest first."""
        return [
            decode(Instance, item)
            for item in query(self._db, self._tables.instances, "alive", "alive", "alive")
        ]

    def roomy(self, pool: str, architecture: str, vcpus: int, limit: int = 50) -> list[Instance]:
        """Return instances of *pool* with at least *vcpus* free, least free first."""
        room = f"{pool}#{architecture}"
        found = query(
            self._db,
            self._tables.instances,
            "room",
            "room",
            room,
            KeyConditionExpression="#key = :key AND free_vcpus >= :vcpus",
            ExpressionAttributeValues={":key": tagged(room), ":vcpus": tagged(vcpus)},
            Limit=limit,
        )
        return [decode(Instance, item) for item in found]

    # -- writing -------------------------------------------------------------------------------------------

    def commit(self, change: Commit, limits: Mapping[tuple[str, str], int] | None = None) -> None:
        """Do *change*; *limits* holds the quota of each (pool, requester) that a new launch must respect.

        Raises Conflict when a record is not as it was read, LimitExceeded when a pool or requester has not enough
        left (its code says which): nothing is written then.
        """
        records = self._records(change)
        spending = [self._spend(pool, weight, change.guarded) for pool, weight in change.spending().items()]
        quotas = [
            self._hold(pool, requester, count, (limits or {}).get((pool, requester)))
            for (pool, requester), count in change.quotas().items()
        ]
        try:
            commit(self._db, [*records, *spending, *quotas])
        except Conflict as conflict:
            failed = set(getattr(conflict, "failed", ()))
            if failed & set(range(len(records))):
                raise
            if failed & set(range(len(records), len(records) + len(spending))):
                raise LimitExceeded("the pool's limits leave no room", code="pool_limit") from conflict
            raise LimitExceeded("the requester's quota is used up", code="requester_quota") from conflict

    def _records(self, change: Commit) -> list[Write]:
        tables = self._tables
        writes = [_write(tables.requests, "request_id", before, after) for before, after in change.requests]
        writes += [_write(tables.launches, "launch_id", was, launch) for was, launch in change.launches]
        for seen, instance in change.instances:
            write = _write(tables.instances, "instance_id", seen, instance)
            write.body["Item"].update(_index_keys(instance))
            writes.append(write)
        return writes

    def _spend(self, pool: str, weight: Weight, guarded: bool) -> Write:
        amounts = {
            "slots_free": weight.slots,
            "pending_free": weight.pending,
            "usd_micros_free": weight.usd_micros,
        }
        at_least = {name: amount for name, amount in amounts.items() if amount > 0} if guarded else None
        negated = {name: -amount for name, amount in amounts.items()}
        return spend(self._tables.pools, {"pool": pool, "part": COUNTERS}, negated, at_least=at_least)

    def _hold(self, pool: str, requester: str, count: int, limit: int | None) -> Write:
        """Quotas are stored as what is held, so that a limit can change without touching them."""
        key = {"pool": pool, "part": quota_part(requester)}
        write = spend(self._tables.pools, key, {"held": count})
        if limit is None or count <= 0:
            return write
        # Who holds nothing yet has no item: that is within the limit only if all of *count* is.
        enough = "attribute_not_exists(held) OR held <= :most" if count <= limit else "held <= :most"
        body = dict(write.body) | {"ConditionExpression": enough}
        body["ExpressionAttributeValues"] = body["ExpressionAttributeValues"] | {
            ":most": tagged(limit - count)
        }
        return Write("Update", body)

    def _get(self, table: str, keys: Sequence[Mapping[str, str]]) -> list[Any]:
        found: list[Any] = []
        for start in range(0, len(keys), 100):
            found += get_many(self._db, {table: keys[start : start + 100]})[table]
        return found


def quota_part(requester: str) -> str:
    """Return the sort key of a requester's quota in a pool."""
    return f"quota#{requester}"


def _write(table: str, key: str, before: Any, after: Any) -> Write:
    return create(table, key, after) if before is None else replace(table, after, seen=before.sequence)


def _index_keys(instance: Instance) -> dict[str, Any]:
    """Keys of the sparse indexes: ``alive`` until GONE, ``room`` while shares may be placed on it."""
    keys: dict[str, Any] = {}
    if instance.live:
        keys["alive"] = tagged("alive")
    if instance.state is InstanceState.READY:
        keys["room"] = tagged(f"{instance.pool}#{instance.architecture}")
        keys["free_vcpus"] = tagged(instance.free.vcpus)
    return keys


def _known(requests: Iterable[Any], pool_items: Iterable[Any]) -> Known:
    pools: dict[str, Pool] = {}
    counters: dict[str, Counters] = {}
    held: dict[tuple[str, str], int] = {}
    for item in pool_items:
        pool, part = item["pool"]["S"], item["part"]["S"]
        if part == DEFINITION:
            pools[pool] = decode(Pool, item)
        elif part == COUNTERS:
            counters[pool] = decode(Counters, item)
        else:
            held[pool, part.removeprefix("quota#")] = int(item["held"]["N"])
    found = (decode(Request, item) for item in requests)
    return Known(requests={r.request_id: r for r in found}, pools=pools, counters=counters, held=held)
