"""Requesters through the API: who may ask under a name, and which queue gets the answers."""
# ruff: noqa: D102  # a port's methods are named in the domain's words

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Protocol

from railyard.model.pools import BY_API, Requester, succeeding
from railyard.wire.decoding import defects, read_object
from railyard.wire.pools import RequesterDocument, read_requester
from railyard.wire.requests import Name
from serve_api.calls import Answer, Asked, error, plain
from serve_api.changes import objection, refused, removed, tag, tried

NO_LIMITS = "not kept here: what a requester may have at once is a pool's limits.per_requester.instances"


class Records(Protocol):
    """Requesters, written over what was read (Conflict); None forgets one."""

    def all(self) -> Sequence[Requester]: ...
    def write(self, seen: Requester | None, shall: Requester | None) -> None: ...


def show_requesters(records: Records) -> Answer:
    """Show every requester, by name."""
    items = [plain(each) for each in sorted(records.all(), key=lambda each: each.name)]
    return Answer(status=200, body={"items": items, "next_token": None})


def show_requester(name: str, records: Records) -> Answer:
    """Show one requester, with the tag that a change may be bound to."""
    found = _named(name, records.all())
    return _shown(200, found) if found else error(404, "not_found", f"there is no requester {name!r}")


def put_requester(name: str, asked: Asked, records: Records, reply_queues: Collection[str]) -> Answer:
    """Make or change a requester: 201 if it is new, 200 if not; its queue is one of *reply_queues* or none."""
    value = read_object(asked.body)
    wrong = list(_wrong(name, value))
    if wrong:
        return refused(400, wrong)
    wanted = read_requester(name, value, managed=BY_API)

    def once() -> Answer:
        others = records.all()
        seen = _named(name, others)
        if no := objection(seen, asked):
            return no
        if unfit := list(_unfit(wanted, others, reply_queues)):
            return refused(422, unfit)
        if shall := succeeding(wanted, seen):
            records.write(seen, shall)
        return _shown(200 if seen else 201, shall or seen or wanted)

    return tried(name, once)


def delete_requester(name: str, asked: Asked, records: Records) -> Answer:
    """Forget a requester: its principals are the requester ``default`` then. 204, also if there is none."""
    return tried(name, lambda: removed(_named(name, records.all()), asked, records.write))


def _wrong(name: str, value: dict[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the document by itself."""
    if value.pop("name", name) != name:
        yield f"name: {name} in the path"
    if "limits" in value:
        value.pop("limits")
        yield f"limits: {NO_LIMITS}"
    yield from defects(name, Name, "name")
    yield from defects(value, RequesterDocument, "")


def _unfit(wanted: Requester, others: Sequence[Requester], reply_queues: Collection[str]) -> Iterator[str]:
    """Yield what does not go with the stage and with who is there already."""
    if wanted.reply_queue_arn and wanted.reply_queue_arn not in reply_queues:
        message = "no function may send there: list it under reply_queues in railyard.toml, and deploy"
        yield f"reply_queue_arn: {message}"
    for other in others:
        for principal in sorted(set(wanted.principals) & set(other.principals)):
            if other.name != wanted.name:
                yield f"principals: {principal} is the requester {other.name} already"


def _named(name: str, requesters: Sequence[Requester]) -> Requester | None:
    return next((each for each in requesters if each.name == name), None)


def _shown(status: int, requester: Requester) -> Answer:
    return Answer(status=status, body=plain(requester), headers={"ETag": tag(requester)})
