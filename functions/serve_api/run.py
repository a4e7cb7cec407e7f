"""The hands of serve_api: read what is asked, forward what is for a queue."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import msgspec

from railyard.errors import InvalidRequest
from railyard.model.images import Release
from railyard.model.instances import Instance
from railyard.model.ledger import Known
from railyard.model.pools import Counters, Pool
from railyard.model.requests import Request
from railyard.wire.decoding import read_object
from serve_api.plan import Call, Route, route

MAX_PAGE = 100


class Records(Protocol):
    """What the tables hold; pages come with the token of the next one, empty at the end."""

    def pools(self) -> Known: ...
    def releases(self) -> Sequence[Release]: ...
    def requests(self, ids: Iterable[str]) -> Mapping[str, Request]: ...
    def instances(self, ids: Iterable[str]) -> Mapping[str, Instance]: ...
    def request_page(self, limit: int, token: Mapping[str, Any] | None) -> tuple[list[Request], Any]: ...
    def instance_page(self, limit: int, token: Mapping[str, Any] | None) -> tuple[list[Instance], Any]: ...


class Forward(Protocol):
    """A queue, on behalf of *sender*."""

    def __call__(self, body: str, sender: str) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """An API call: who, what, with which query and body."""

    method: str
    path: str
    query: Mapping[str, str]
    body: str
    sender: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Status and JSON body."""

    status: int
    body: Mapping[str, Any]


def run(  # noqa: C901  # one line a route
    asked: Asked, records: Records, requests: Forward, leases: Forward, now: datetime
) -> Answer:
    """Answer one API call."""
    call = route(asked.method, asked.path)
    try:
        match call.route:
            case Route.STATUS:
                return _status(records, now)
            case Route.POOLS | Route.POOL:
                return _pools(call, records)
            case Route.ALLOCATION:
                return _one(records.requests([call.name]).get(call.name), _allocation_view, call)
            case Route.INSTANCE:
                return _one(records.instances([call.name]).get(call.name), _view, call)
            case Route.ALLOCATIONS:
                return _page(asked, records.request_page, _allocation_view)
            case Route.INSTANCES:
                return _page(asked, records.instance_page, _view)
            case Route.ALLOCATE | Route.LEASE:
                return _forward(asked, requests if call.route is Route.ALLOCATE else leases)
            case Route.BAD_NAME:
                return error(400, "invalid_request", f"{call.name!r} is not a name", path="path")
            case Route.NOT_BUILT:
                return error(501, "not_built", f"{asked.method} {asked.path} is not built yet")
            case Route.NOT_FOUND:
                return error(404, "not_found", f"there is no {asked.path}")
    except InvalidRequest as wrong:
        return error(400, wrong.code, str(wrong), path=wrong.path)


def error(status: int, code: str, message: str, *, path: str | None = None) -> Answer:
    """Return an error in the form of the contract."""
    return Answer(status=status, body={"error": {"code": code, "message": message, "path": path}})


def _status(records: Records, now: datetime) -> Answer:
    known = records.pools()
    lines = {
        release.line: {
            "version": release.release,
            "regions": len(release.images),
            "source": release.source,
            "signature": release.signature,
            "withdrawn": sorted(release.withdrawn),
            "behind": sorted(release.behind),
        }
        for release in records.releases()
    }
    left = {name: _left(pool, known.counters.get(name)) for name, pool in sorted(known.pools.items())}
    return Answer(status=200, body={"at": _plain(now), "images": lines, "pools": left})


def _pools(call: Call, records: Records) -> Answer:
    known = records.pools()

    def view(pool: Pool) -> dict[str, Any]:
        return _pool_view(pool, known.counters.get(pool.name))

    if call.route is Route.POOL:
        return _one(known.pools.get(call.name), view, call)
    items = [view(pool) for _, pool in sorted(known.pools.items())]
    return Answer(status=200, body={"items": items, "next_token": None})


def _pool_view(pool: Pool, counters: Counters | None) -> dict[str, Any]:
    """A pool as it was written, with the subnets that were found for it, and what is in use."""
    found = {"subnets": sorted(pool.subnets.values()), "security_groups": list(pool.security_groups)}
    about = {"name": pool.name, "generation": pool.generation, "managed": pool.managed}
    return pool.document | found | about | {"in_use": _left(pool, counters)}


def _left(pool: Pool, counters: Counters | None) -> dict[str, Any]:
    if counters is None:
        return {}
    spent = pool.limits.usd_micros_per_hour - counters.usd_micros_free
    return {
        "instances": pool.limits.instances - counters.slots_free,
        "pending_instances": pool.limits.pending_instances - counters.pending_free,
        "usd_per_hour": spent / 1_000_000,
    }


def _one(found: Any, view: Any, call: Call) -> Answer:
    if found is None:
        return error(404, "not_found", f"there is no {call.route.value} {call.name!r}")
    return Answer(status=200, body=view(found))


def _page(asked: Asked, read: Any, view: Any) -> Answer:
    items, following = read(_limit(asked.query.get("limit", "")), _token(asked.query.get("next_token")))
    return Answer(
        status=200, body={"items": [view(item) for item in items], "next_token": _written(following)}
    )


def _limit(text: str) -> int:
    if text and not (text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= MAX_PAGE):
        raise InvalidRequest(f"limit is 1 to {MAX_PAGE}", path="limit")
    return int(text or MAX_PAGE)


def _token(text: str | None) -> dict[str, Any] | None:
    if not text:
        return None
    try:
        return dict(read_object(base64.urlsafe_b64decode(text).decode()))
    except (ValueError, InvalidRequest):
        raise InvalidRequest("next_token is not one of ours", path="next_token") from None


def _written(following: Any) -> str | None:
    return base64.urlsafe_b64encode(json.dumps(following).encode()).decode() if following else None


def _forward(asked: Asked, forward: Forward) -> Answer:
    """Hand the body on as it is: the queue's reader judges it, once, for every way in."""
    fields = read_object(asked.body)
    message_id = forward(asked.body, asked.sender)
    return Answer(status=202, body={"request_id": fields.get("request_id"), "message_id": message_id})


def _allocation_view(request: Request) -> dict[str, Any]:
    """A request for its reader: without our bookkeeping, with its answer as JSON."""
    hidden = ("outbox", "told", "answer", "body", "content", "waiting", "leased", "expires", "schema")
    shown = {name: value for name, value in _plain(request).items() if name not in hidden}
    return shown | {"answer": json.loads(request.answer) if request.answer else None}


def _view(record: object) -> dict[str, Any]:
    return dict(_plain(record))


def _plain(value: object) -> Any:
    return msgspec.to_builtins(value, str_keys=True)
