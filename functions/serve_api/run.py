"""The hands of serve_api: read what is asked, forward what is for a queue."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from railyard.errors import Conflict, InvalidRequest
from railyard.model.requests import Request
from railyard.wire.decoding import read_object
from serve_api.ami_set_checks import validate
from serve_api.ami_set_reading import show_sets
from serve_api.ami_sets import change_set, remove_set
from serve_api.calls import Answer, Asked, error, page, plain
from serve_api.deployments import change_deployment
from serve_api.lines import change_line, show_lines
from serve_api.moves import summary
from serve_api.operating import OPERATED, operate
from serve_api.plan import Call, Route, route
from serve_api.pools import used
from serve_api.ports import Forward, Ports
from serve_api.switches import view

STATUS = {
    "not_found": 404,
    "unknown_release": 404,
    "unknown_set": 404,
    "unknown_version": 404,
    "unknown_pool": 404,
    "precondition_failed": 412,
    "no_image": 422,
    "precondition_required": 428,
}
"""Codes of an InvalidRequest that is not a 400."""


def run(asked: Asked, ports: Ports, now: datetime) -> Answer:
    """Answer one API call."""
    call = route(asked.method, asked.path)
    try:
        return _answered(call, asked, ports, now)
    except InvalidRequest as wrong:
        return error(STATUS.get(wrong.code, 400), wrong.code, str(wrong), path=wrong.path)
    except Conflict as no:
        return error(409, no.code, str(no))


def _answered(  # noqa: C901, PLR0912  # one line a route
    call: Call, asked: Asked, ports: Ports, now: datetime
) -> Answer:
    records = ports.records
    match call.route:
        case Route.STATUS:
            return _status(ports, now)
        case Route.ALLOCATION:
            return _one(records.requests([call.name]).get(call.name), _allocation_view, call)
        case Route.INSTANCE:
            return _one(records.instances([call.name]).get(call.name), plain, call)
        case Route.ALLOCATIONS:
            return page(asked, records.request_page, _allocation_view)
        case Route.INSTANCES:
            return page(asked, records.instance_page, plain)
        case Route.ALLOCATE | Route.LEASE:
            return _forward(asked, ports.requests if call.route is Route.ALLOCATE else ports.leases)
        case Route.LINES | Route.LINE | Route.HISTORY:
            return show_lines(call, asked, ports.lines, now)
        case Route.PIN | Route.UNPIN | Route.ROLL_BACK | Route.DISMISS:
            return change_line(call, asked, ports, now)
        case Route.DESCRIPTION:
            from serve_api.openapi import document  # noqa: PLC0415  # read by few, and slow to make

            return Answer(status=200, body=document())
        case Route.BAD_NAME:
            return error(400, "invalid_request", f"{call.name!r} is not a name", path="path")
        case Route.NOT_BUILT:
            return error(501, "not_built", f"{asked.method} {asked.path} is not built yet")
        case Route.NOT_FOUND:
            return error(404, "not_found", f"there is no {asked.path}")
    if call.route in OPERATED:
        return operate(call, asked, ports, now)
    return _of_sets(call, asked, ports, now)


def _of_sets(call: Call, asked: Asked, ports: Ports, now: datetime) -> Answer:
    match call.route:
        case Route.CREATE_SET | Route.UPDATE_SET | Route.ROLL_BACK_SET:
            return change_set(call, asked, ports, now)
        case Route.REMOVE_SET:
            return remove_set(call, asked, ports.sets, now)
        case Route.VALIDATE_SET:
            return validate(call, ports, now)
        case Route.DEPLOY | Route.WITHDRAW:
            return change_deployment(call, asked, ports, now)
    return show_sets(call, asked, ports.sets)


def _status(ports: Ports, now: datetime) -> Answer:
    known = ports.records.pools()
    lines = {line.line: summary(line) for line in sorted(ports.lines.all(), key=lambda line: line.line)}
    pools = {name: used(pool, known.counters.get(name)) for name, pool in sorted(known.pools.items())}
    switches = [view(each) for each in known.switches if not each.on]
    return Answer(
        status=200, body={"at": plain(now), "images": lines, "pools": pools, "switched_off": switches}
    )


def _one(found: Any, view: Any, call: Call) -> Answer:
    if found is None:
        return error(404, "not_found", f"there is no {call.route.value} {call.name!r}")
    return Answer(status=200, body=view(found))


def _forward(asked: Asked, forward: Forward) -> Answer:
    """Hand the body on as it is: the queue's reader judges it, once, for every way in."""
    fields = read_object(asked.body)
    message_id = forward(asked.body, asked.sender)
    return Answer(status=202, body={"request_id": fields.get("request_id"), "message_id": message_id})


def _allocation_view(request: Request) -> dict[str, Any]:
    """A request for its reader: without our bookkeeping, with its answer as JSON."""
    hidden = ("outbox", "told", "answer", "body", "content", "waiting", "leased", "expires", "schema")
    shown = {name: value for name, value in plain(request).items() if name not in hidden}
    return shown | {"answer": json.loads(request.answer) if request.answer else None}
