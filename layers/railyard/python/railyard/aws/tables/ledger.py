"""Requests, launches, instances and pools in DynamoDB: read by key, changed by whole commits.

Every change of a record is conditioned on the ``sequence`` that was read; counters and quotas follow from the records
(``railyard.model.ledger``) and ride in the same transaction. Indexes only find candidates: what is decided on one is
guarded by the record's own sequence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from railyard.aws.tables.items import R, decode, tagged
from railyard.aws.tables.writes import Write, commit, get_many, put, query, scan, spend
from railyard.errors import Conflict, LimitExceeded
from railyard.model.ami_sets import DEPLOYMENT, Deployment
from railyard.model.answers import stamp
from railyard.model.instances import STATE, Instance, InstanceState
from railyard.model.launches import Launch
from railyard.model.ledger import NOTHING, Commit, Known, Weight
from railyard.model.pools import COUNTERS, DEFINITION, Counters, Pool
from railyard.model.requests import Request
from railyard.model.switches import EVERYWHERE, SWITCHES, Stops, Switch, part_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """Names of the tables; a function leaves out those that it never touches."""

    requests: str = ""
    launches: str = ""
    instances: str = ""
    pools: str = ""

    @classmethod
    def of(cls, settings: object) -> Tables:
        """Return the tables that a function's *settings* name: ``requests_table`` and its like."""
        return cls(**{field.name: getattr(settings, f"{field.name}_table", "") for field in fields(cls)})


class Ledger:
    """The tables that the launch protocol is written in."""

    def __init__(self, dynamodb: Any, tables: Tables) -> None:
        self._db = dynamodb
        self._tables = tables

    # -- reading -------------------------------------------------------------------------------------------

    def look(self, requests: Iterable[str], pools: Iterable[str]) -> Known:
        """Read requests, and all that a launch has to know of pools: one call for a hundred items, consistent."""
        both: list[tuple[str, dict[str, str]]] = [
            (self._tables.requests, {"request_id": key}) for key in sorted(set(requests))
        ]
        names = sorted(set(pools))
        both += [
            (self._tables.pools, {"pool": pool, "part": part})
            for pool in names
            for part in (DEFINITION, COUNTERS, DEPLOYMENT, part_of(Stops.LAUNCH))
        ]
        if names:
            both.append((self._tables.pools, {"pool": EVERYWHERE, "part": part_of(Stops.LAUNCH)}))
        items: dict[str, list[Any]] = {self._tables.requests: [], self._tables.pools: []}
        for start in range(0, len(both), 100):
            wanted: dict[str, list[Mapping[str, str]]] = {}
            for table, key in both[start : start + 100]:
                wanted.setdefault(table, []).append(key)
            for table, found in get_many(self._db, wanted).items():
                items[table] += found
        return _known(items[self._tables.requests], items[self._tables.pools])

    def requests(self, ids: Iterable[str]) -> dict[str, Request]:
        """Read requests by id, consistently."""
        keys = [{"request_id": key} for key in sorted(set(ids))]
        return {each.request_id: each for each in self._get(Request, self._tables.requests, keys)}

    def instances(self, ids: Iterable[str]) -> dict[str, Instance]:
        """Read instances by id, consistently."""
        keys = [{"instance_id": key, "part": STATE} for key in sorted(set(ids))]
        return {each.instance_id: each for each in self._get(Instance, self._tables.instances, keys)}

    def launches(self, ids: Iterable[str]) -> dict[str, Launch]:
        """Read launches by id, consistently."""
        keys = [{"launch_id": key} for key in sorted(set(ids))]
        return {each.launch_id: each for each in self._get(Launch, self._tables.launches, keys)}

    def pools(self) -> Known:
        """Read every pool and its counters."""
        return _known([], scan(self._db, self._tables.pools))

    def waiting(self, pool: str, limit: int = 100) -> list[Request]:
        """Return unanswered requests of *pool*, oldest first."""
        found = query(self._db, self._tables.requests, "waiting", {"waiting": pool}, limit=limit)
        return [decode(Request, item) for item in found]

    def lapsed(self, pool: str, before: datetime, limit: int = 1000) -> list[Request]:
        """Return requests of *pool* whose lease ended before *before*, longest lapsed first."""
        ended = ("lease_until", "<", stamp(before))
        found = query(self._db, self._tables.requests, "lease", {"leased": pool}, where=ended, limit=limit)
        return [decode(Request, item) for item in found]

    def open_launches(self) -> list[Launch]:
        """Return launches that are not settled, oldest first."""
        found = query(self._db, self._tables.launches, "open", {"open": "open"})
        return [decode(Launch, item) for item in found]

    def alive(self) -> list[Instance]:
        """Return instances that are not GONE, oldest first."""
        found = query(self._db, self._tables.instances, "alive", {"alive": "alive"})
        return [decode(Instance, item) for item in found]

    def roomy(self, pool: str, architecture: str, vcpus: int, limit: int = 50) -> list[Instance]:
        """Return instances of *pool* with at least *vcpus* free, least free first."""
        room, enough = {"room": f"{pool}#{architecture}"}, ("free_vcpus", ">=", vcpus)
        found = query(self._db, self._tables.instances, "room", room, where=enough, limit=limit)
        return [decode(Instance, item) for item in found]

    # -- writing -------------------------------------------------------------------------------------------

    def commit(self, change: Commit, limits: Mapping[tuple[str, str], int] | None = None) -> None:
        """Do *change*; *limits* holds the quota of each (pool, requester) that a new launch must respect.

        Raises Conflict when a record is not as it was read, LimitExceeded when a pool or requester has not enough
        left (its code says which): nothing is written then.
        """
        records = self._records(change)
        spending = [
            left(self._tables.pools, pool, NOTHING.plus(weight, -1), guarded=change.guarded)
            for pool, weight in change.spending().items()
        ]
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
        return [
            *(put(tables.requests, "request_id", after, over=before) for before, after in change.requests),
            *(put(tables.launches, "launch_id", launch, over=was) for was, launch in change.launches),
            *(
                put(tables.instances, "instance_id", instance, over=seen, also=_index_keys(instance))
                for seen, instance in change.instances
            ),
        ]

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

    def _get(self, kind: type[R], table: str, keys: Sequence[Mapping[str, str]]) -> list[R]:
        found: list[R] = []
        for start in range(0, len(keys), 100):
            items = get_many(self._db, {table: keys[start : start + 100]})[table]
            found += [decode(kind, item) for item in items]
        return found


def quota_part(requester: str) -> str:
    """Return the sort key of a requester's quota in a pool."""
    return f"quota#{requester}"


def left(table: str, pool: str, weight: Weight, *, guarded: bool = False) -> Write:
    """Add *weight* to what is left of the limits of *pool*; *guarded*: only if it has as much as is taken from it."""
    amounts = {
        "slots_free": weight.slots,
        "pending_free": weight.pending,
        "usd_micros_free": weight.usd_micros,
    }
    taken = {name: -amount for name, amount in amounts.items() if amount < 0}
    return spend(table, {"pool": pool, "part": COUNTERS}, amounts, at_least=taken if guarded else None)


def _index_keys(instance: Instance) -> dict[str, object]:
    """Keys of the sparse indexes: ``alive`` until GONE, ``room`` while shares may be placed on it."""
    keys: dict[str, object] = {"alive": "alive"} if instance.live else {}
    if instance.state is InstanceState.READY:
        keys |= {"room": f"{instance.pool}#{instance.architecture}", "free_vcpus": instance.free.vcpus}
    return keys


def _known(requests: Iterable[Any], pool_items: Iterable[Any]) -> Known:
    pools: dict[str, Pool] = {}
    counters: dict[str, Counters] = {}
    deployments: dict[str, Deployment] = {}
    switches: list[Switch] = []
    for item in pool_items:
        pool, part = item["pool"]["S"], item["part"]["S"]
        if part == DEFINITION:
            pools[pool] = decode(Pool, item)
        elif part == COUNTERS:
            counters[pool] = decode(Counters, item)
        elif part == DEPLOYMENT:
            deployments[pool] = decode(Deployment, item)
        elif part.startswith(SWITCHES):
            switches.append(decode(Switch, item))
    found = (decode(Request, item) for item in requests)
    requests_by_id = {request.request_id: request for request in found}
    return Known(
        requests=requests_by_id,
        pools=pools,
        counters=counters,
        deployments=deployments,
        switches=tuple(switches),
    )
