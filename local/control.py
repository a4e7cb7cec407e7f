"""``/_local``: what a developer or a test does to this world over HTTP.

Answers are JSON. What is wrong with a request comes back as ``{"code", "message"}`` with 400, or 404 for
what does not exist.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote

from local.aws import queue_depths
from local.faults import Fault
from local.functions import decoded
from local.listener import Request, Response
from local.machine import DATA
from local.runtime_api import Failure
from local.shims import queues

if TYPE_CHECKING:
    from local.world import World

Answer = tuple[int, Any]


def answer(world: World, request: Request) -> Response:
    """Carry out one control request."""
    what, _, rest = request.path.removeprefix("/_local/").partition("/")
    act = ACTIONS.get((request.method, what))
    if act is None:
        return _response(404, {"code": "not_found", "message": f"no {request.method} /_local/{what}"})
    try:
        return _response(*act(world, request, unquote(rest)))
    except KeyError as absent:
        return _response(404, {"code": "not_found", "message": str(absent.args[0])})
    except (ValueError, TypeError, RuntimeError) as wrong:
        return _response(400, {"code": "invalid_request", "message": str(wrong)})


def _status(world: World, _request: Request, _rest: str) -> Answer:
    return 200, status(world)


def _invoke(world: World, request: Request, name: str) -> Answer:
    result = world.functions.invoke(world.functions.resolve(name), request.body or b"{}")
    return (500 if isinstance(result, Failure) else 200), decoded(result)


def _clock(world: World, request: Request, _rest: str) -> Answer:
    world.advance(float(_body(request, "advance_seconds")["advance_seconds"]))
    return 200, {"now": world.clock.now().isoformat()}


def _faults(world: World, request: Request, _rest: str) -> Answer:
    given = _body(request, "service", "operation", "error")
    world.faults.add(Fault(**given))
    return 200, {"pending": [_fault(fault) for fault in world.faults.pending()]}


def _capacity(world: World, request: Request, _rest: str) -> Answer:
    given = _body(request, "instance_type", "zone", "market", "available")
    world.ec2.set_capacity(**given)
    return 200, given


def _queues(_: World, request: Request, name: str) -> Answer:
    given = _body(request)
    if name not in queue_depths():
        raise KeyError(f"no queue {name}")
    if "duplicate" in given:
        queues.duplicate(name, int(given["duplicate"]))
    elif "delay_seconds" in given:
        queues.delay(name, float(given["delay_seconds"]), int(given.get("times", 1)))
    else:
        raise ValueError("say one of duplicate, delay_seconds")
    return 200, given


def _nodes(world: World, request: Request, instance_id: str) -> Answer:
    given = _body(request)
    if instance_id not in {instance.instance_id for instance in world.ec2.instances()}:
        raise KeyError(f"no instance {instance_id}")
    nodes = world.nodes
    if "report" in given:
        return 200, nodes.report(instance_id, given["report"])
    if "disk_used_percent" in given:
        percent = float(given["disk_used_percent"])
        return 200, nodes.fill_disk(instance_id, mount=given.get("mount", DATA), percent=percent)
    if "disk_gib_per_hour" in given:
        rate = float(given["disk_gib_per_hour"])
        return 200, nodes.fill_disk(instance_id, mount=given.get("mount", DATA), gib_per_hour=rate)
    if "silent_seconds" in given:
        nodes.silence(instance_id, given["silent_seconds"])
    elif "work" in given:
        machine = nodes.machine(instance_id)
        machine.busy = bool(given["work"]["busy"])
        machine.used_mib = int(given["work"].get("memory_mib", machine.used_mib))
    elif "lies" in given:
        nodes.machine(instance_id).lies = dict(given["lies"])
    elif given.get("interrupt") == "spot":
        world.ec2.interrupt(instance_id)
    elif given.get("die") is True:
        world.ec2.die(instance_id)
    else:
        raise ValueError(f"say one of {', '.join(ORDERS)}")
    return 200, {"instance_id": instance_id}


ORDERS = (
    "report",
    "interrupt",
    "die",
    "disk_used_percent",
    "disk_gib_per_hour",
    "silent_seconds",
    "work",
    "lies",
)


def _calls(world: World, request: Request, _rest: str) -> Answer:
    since = int(parse_qs(request.query).get("since", ["0"])[0])
    return 200, {"calls": [asdict(call) for call in world.calls(since)]}


def _fault(fault: Fault) -> dict[str, Any]:
    return {field.name: getattr(fault, field.name) for field in fields(fault) if field.repr}


def _cloudformation(world: World, request: Request, request_id: str) -> Answer:
    world.answers.put(request_id, _body(request, "Status"))
    return 200, {}


ACTIONS: dict[tuple[str, str], Callable[[World, Request, str], Answer]] = {
    ("GET", "status"): _status,
    ("POST", "invoke"): _invoke,
    ("POST", "clock"): _clock,
    ("POST", "faults"): _faults,
    ("POST", "capacity"): _capacity,
    ("POST", "queues"): _queues,
    ("POST", "nodes"): _nodes,
    ("GET", "calls"): _calls,
    ("PUT", "cfn"): _cloudformation,
}


def _body(request: Request, *required: str) -> dict[str, Any]:
    document = json.loads(request.body or b"{}")
    if not isinstance(document, dict):
        raise ValueError("expected a JSON object")
    missing = [name for name in required if name not in document]
    if missing:
        raise ValueError(f"missing: {', '.join(missing)}")
    return document


def _response(status: int, document: Any) -> Response:
    return Response(status, json.dumps(document).encode(), {"Content-Type": "application/json"})


def status(world: World) -> dict[str, Any]:
    """Return endpoints, clock, functions, schedules, queue depths and planned faults."""
    functions = world.functions.by_name.values()
    return {
        **world.endpoints,
        "clock": {"now": world.clock.now().isoformat(), "kind": world.options.clock},
        "functions": {f.spec.name: {"workers": f.workers, "running": f.running} for f in functions},
        "schedules": {s.name: s.due.isoformat() if s.due else None for s in world.run.schedules},
        "queues": queue_depths(),
        "faults": [_fault(fault) for fault in world.faults.pending()],
    }
