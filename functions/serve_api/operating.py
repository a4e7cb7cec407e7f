"""Hands for what operators keep: pools, requesters, switches."""

from __future__ import annotations

from datetime import datetime

from railyard.model.switches import EVERYWHERE, Stops
from serve_api.calls import Answer, Asked, error
from serve_api.changes import tag
from serve_api.plan import Call, Route
from serve_api.pools import delete_pool, pool_view, put_pool
from serve_api.ports import Ports
from serve_api.requesters import delete_requester, put_requester, show_requester, show_requesters
from serve_api.switches import show_switch, show_switches, turn_switch

OPERATED = frozenset(
    [
        Route.POOLS,
        Route.POOL,
        Route.PUT_POOL,
        Route.DELETE_POOL,
        Route.REQUESTERS,
        Route.REQUESTER,
        Route.PUT_REQUESTER,
        Route.DELETE_REQUESTER,
        Route.SWITCHES,
        Route.SWITCH,
        Route.TURN,
    ]
)


def operate(call: Call, asked: Asked, ports: Ports, now: datetime) -> Answer:
    """Answer a call about pools, requesters or switches."""
    match call.route:
        case Route.POOLS | Route.POOL:
            return _pools(call, ports)
        case Route.PUT_POOL:
            return put_pool(call.name, asked, ports.pools, ports.rules, now)
        case Route.DELETE_POOL:
            return delete_pool(call.name, asked, ports.pools.records)
        case Route.REQUESTERS:
            return show_requesters(ports.requesters)
        case Route.REQUESTER:
            return show_requester(call.name, ports.requesters)
        case Route.PUT_REQUESTER:
            return put_requester(call.name, asked, ports.requesters, ports.reply_queues)
        case Route.DELETE_REQUESTER:
            return delete_requester(call.name, asked, ports.requesters)
        case Route.SWITCHES:
            return show_switches(ports.switches)
    stops, *pool = call.names
    where = pool[0] if pool else EVERYWHERE
    if call.route is Route.SWITCH:
        return show_switch(ports.switches, Stops(stops), where)
    return turn_switch(ports.switches, asked, Stops(stops), where, now)


def _pools(call: Call, ports: Ports) -> Answer:
    known = ports.records.pools()
    if call.route is Route.POOLS:
        items = [pool_view(pool, known) for _, pool in sorted(known.pools.items())]
        return Answer(status=200, body={"items": items, "next_token": None})
    pool = known.pools.get(call.name)
    if pool is None:
        return error(404, "not_found", f"there is no pool {call.name!r}")
    return Answer(status=200, body=pool_view(pool, known), headers={"ETag": tag(pool)})
