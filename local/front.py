"""The second port: the API of the stack, the release feed, and ``/_local``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from local import control, gateway
from local.iam import door
from local.iam.signature import Refused
from local.identity import ACCOUNT, REGION
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
        return _refusal(UNKNOWN)
    return _api(world, request, path)


def _api(world: World, request: Request, path: str) -> Response:
    for route in world.run.routes:
        parameters = route.parameters(request.method, path)
        if parameters is None:
            continue
        who = gateway.ANYONE
        if route.signed:
            resource = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{route.api}/{STAGE}/{request.method}{path}"
            try:
                who = door.admit(request, resource, world.principals, world.clock.now())
            except Refused as refused:
                return _refusal(refused)
        event = gateway.proxy_event(request, route, STAGE, path, parameters, who, world.clock.now())
        return gateway.proxied(world.functions.invoke(route.function, json.dumps(event).encode()))
    return _refusal(UNKNOWN)


def _split(path: str) -> tuple[str, str]:
    """Return the stage and the path; API Gateway takes many slashes between them for one (localstack issue 11253)."""
    stage, _, rest = path.lstrip("/").partition("/")
    return stage, "/" + rest.lstrip("/")


def _refusal(refused: Refused) -> Response:
    """Refuse as API Gateway does."""
    headers = {"Content-Type": "application/json", "x-amzn-ErrorType": refused.error}
    return Response(refused.status, json.dumps({refused.field: refused.text}).encode(), headers)


UNKNOWN = Refused("MissingAuthenticationTokenException", "Missing Authentication Token")
"""API Gateway's answer where nothing is deployed, too."""
