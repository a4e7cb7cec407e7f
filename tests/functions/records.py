"""The records in memory, as strict as the tables: a commit is whole or nothing, and conditioned on what was read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from railyard.errors import Conflict
from railyard.model.instances import Instance
from railyard.model.launches import Launch
from railyard.model.ledger import Commit, Known
from railyard.model.pools import Pool
from railyard.model.requests import Request
from tests.builders import a_pool

MAX_ITEMS = 90


class MemoryLedger:
    """Requests, launches and machines by id. *races* happen once each, just before a commit."""

    def __init__(self, *records: Request | Launch | Instance, pools: Iterable[Pool] = ()) -> None:
        self.stored: dict[tuple[type, str], Any] = {_key(record): record for record in records}
        self.by_name = {pool.name: pool for pool in (*pools, *(() if pools else (a_pool(),)))}
        self.races: list[Callable[[], None]] = []
        self.commits: list[Commit] = []

    def put(self, record: Request | Launch | Instance) -> None:
        self.stored[_key(record)] = record

    def request(self, request_id: str) -> Request:
        return self.stored[Request, request_id]  # type: ignore[no-any-return]

    def instance(self, instance_id: str) -> Instance:
        return self.stored[Instance, instance_id]  # type: ignore[no-any-return]

    # -- the port ------------------------------------------------------------------------------------------

    def requests(self, ids: Iterable[str]) -> dict[str, Request]:
        return {key: self.stored[Request, key] for key in set(ids) if (Request, key) in self.stored}

    def instances(self, ids: Iterable[str]) -> dict[str, Instance]:
        return {key: self.stored[Instance, key] for key in set(ids) if (Instance, key) in self.stored}

    def alive(self) -> list[Instance]:
        return [each for each in self._all(Instance) if each.live]

    def open_launches(self) -> list[Launch]:
        return [each for each in self._all(Launch) if each.open]

    def pools(self) -> Known:
        return Known(requests={}, pools=self.by_name, counters={})

    def pool(self, name: str) -> Pool | None:
        return self.by_name.get(name)

    def lapsed(self, pool: str, before: datetime) -> list[Request]:
        return [r for r in self._all(Request) if r.leased == pool and r.lease_until < before]

    def waiting(self, pool: str, limit: int = 100) -> list[Request]:
        return [request for request in self._all(Request) if request.waiting == pool][:limit]

    def commit(self, change: Commit) -> None:
        while self.races:
            self.races.pop(0)()
        both: tuple[tuple[Any, Any], ...] = (*change.requests, *change.launches, *change.instances)
        keys = [_key(after) for _, after in both]
        if len(set(keys)) != len(keys) or change.size > MAX_ITEMS:
            raise ValueError(f"DynamoDB takes each item once, and {MAX_ITEMS} in all: {keys}")
        for (before, after), key in zip(both, keys, strict=True):
            there: Any = self.stored.get(key)
            if (there is None) is not (before is None) or (before and there.sequence != before.sequence):
                raise Conflict(f"{key} is not as it was read")
            if before and after.sequence <= before.sequence:
                raise ValueError(f"{key} does not get a new sequence")
        self.stored |= {key: after for (_, after), key in zip(both, keys, strict=True)}
        self.commits.append(change)

    def _all(self, kind: type) -> list[Any]:
        return [record for (of, _), record in self.stored.items() if of is kind]


def _key(record: Request | Launch | Instance) -> tuple[type, str]:
    name = {Request: "request_id", Launch: "launch_id", Instance: "instance_id"}[type(record)]
    return type(record), getattr(record, name)
