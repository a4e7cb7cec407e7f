"""The second port: the API of the stack, the release feed, and ``/_local``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import unquote

from local import control, gateway
from local.listener import Request, Response

if TYPE_CHECKING:
    from local.world import World

STAGE = "v1"


def answer(world: World, request: Request) -> Response:
    """Answer one request."""
    if request.path.startswith("/_local/"):
        return control.answer(world, request)
    if request.path.startswith("/feed/"):
        return world.feed.answer(request)
    stage, path = _split(request.path)
    if stage != STAGE:
        return _message(403, "Missing Authentication Token", "MissingAuthenticationTokenException")
    return _api(world, request, path)


def _api(world: World, request: Request, path: str) -> Response:
    for route in world.run.routes:
        parameters = route.parameters(request.method, path)
        if parameters is None:
            continue
        who = gateway.caller(request, world.principals)
        if route.signed and who is None:
            return _message(403, "Missing Authentication Token", "MissingAuthenticationTokenException")
        event = gateway.proxy_event(
            request, route, STAGE, path, parameters, who or gateway.ANYONE, world.clock.now()
        )
        return gateway.proxied(world.functions.invoke(route.function, json.dumps(event).encode()))
    return _message(403, "Missing Authentication Token", "MissingAuthenticationTokenException")


def _split(path: str) -> tuple[str, str]:
    stage, _, rest = path.lstrip("/").partition("/")
    return unquote(stage), f"/{rest}"


def _message(status: int, text: str, error: str) -> Response:
    """Refuse as API Gateway does."""
    headers = {"Content-Type": "application/json", "x-amzn-ErrorType": error}
    return Response(status, json.dumps({"message": text}).encode(), headers)
