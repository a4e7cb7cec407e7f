"""API Gateway's part: the template's routes, and the proxy event (REST, version 1.0) for the function.

Paths stay as they were sent, percent-encoded: REST APIs hand them on so (localstack pull request 7728, aws-sam-cli
issue 771), and what IAM judged is what the function gets. ``local.iam.door`` says who is let in.
"""

from __future__ import annotations

import base64
import json
import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl
from uuid import uuid4

from local.iam import signature
from local.identity import ACCOUNT, Principal
from local.listener import Request, Response
from local.runtime_api import Failure
from local.template import Stack, referenced


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A method of a resource, and the function behind it; *api* is the id of the API."""

    api: str
    method: str
    resource: str
    function: str
    signed: bool

    def parameters(self, method: str, path: str) -> dict[str, str] | None:
        """Return the path parameters if the route takes this request."""
        if self.method not in ("ANY", method):
            return None
        pattern = re.sub(r"\{(\w+)\+\}", r"(?P<\1>.+)", self.resource)
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", pattern)
        found = re.fullmatch(pattern, path)
        return found.groupdict() if found else None


def routes(stack: Stack) -> list[Route]:
    """Return the template's routes, fixed paths before greedy ones."""
    parts = dict(stack.raw("AWS::ApiGateway::Resource"))

    def path(logical_id: str) -> str:
        given = parts.get(logical_id)
        return f"{path(referenced(given['ParentId']))}/{given['PathPart']}" if given else ""

    found = []
    for _, given in stack.raw("AWS::ApiGateway::Method"):
        function = referenced(given.get("Integration", {}).get("Uri"))
        if function:
            found.append(
                Route(
                    api=stack.physical(referenced(given["RestApiId"])),
                    method=given["HttpMethod"],
                    resource=path(referenced(given["ResourceId"])) or "/",
                    function=stack.physical(function),
                    signed=given.get("AuthorizationType") == "AWS_IAM",
                )
            )
    return sorted(found, key=lambda route: ("+}" in route.resource, "{" in route.resource, route.resource))


def proxy_event(
    request: Request,
    route: Route,
    stage: str,
    path: str,
    parameters: dict[str, str],
    who: Principal,
    at: datetime,
) -> dict[str, Any]:
    """Return the event that the function gets for *request*."""
    claim = signature.claimed(request)
    values: dict[str, list[str]] = defaultdict(list)
    for name, value in parse_qsl(request.query, keep_blank_values=True):
        values[name].append(value)
    headers: dict[str, list[str]] = defaultdict(list)
    for name, value in request.headers.items():
        headers[name].append(value)
    text, encoded = _body(request.body)
    return {
        "resource": route.resource,
        "path": path,
        "httpMethod": request.method,
        "headers": {name: given[-1] for name, given in headers.items()},
        "multiValueHeaders": dict(headers),
        "queryStringParameters": {name: given[-1] for name, given in values.items()} or None,
        "multiValueQueryStringParameters": dict(values) or None,
        "pathParameters": parameters or None,
        "stageVariables": None,
        "requestContext": {
            "resourcePath": route.resource,
            "httpMethod": request.method,
            "path": f"/{stage}{path}",
            "stage": stage,
            "accountId": ACCOUNT,
            "requestId": str(uuid4()),
            "protocol": "HTTP/1.1",
            "requestTime": at.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "requestTimeEpoch": int(at.timestamp() * 1000),
            "identity": {
                "sourceIp": request.peer,
                "userAgent": request.headers.get("User-Agent"),
                "accessKey": claim.key if claim and who is not ANYONE else None,
                "accountId": ACCOUNT if who is not ANYONE else None,
                "caller": who.sender_id or None,
                "user": who.sender_id or None,
                "userArn": who.arn or None,
            },
        },
        "body": text,
        "isBase64Encoded": encoded,
    }


def _body(body: bytes) -> tuple[str | None, bool]:
    try:
        return (body.decode() if body else None), False
    except UnicodeDecodeError:
        return base64.b64encode(body).decode(), True


def proxied(result: bytes | Failure) -> Response:
    """Return the HTTP answer for a function's result; what is not a proxy answer is a 502, as on AWS."""
    broken = Response(502, b'{"message": "Internal server error"}', {"Content-Type": "application/json"})
    if isinstance(result, Failure):
        return broken
    try:
        answer = json.loads(result)
        body = answer.get("body") or ""
        content = base64.b64decode(body) if answer.get("isBase64Encoded") else body.encode()
        several = {name: given[-1] for name, given in (answer.get("multiValueHeaders") or {}).items()}
        headers = {"Content-Type": "application/json"} | several | (answer.get("headers") or {})
        return Response(
            int(answer["statusCode"]), content, {name: str(value) for name, value in headers.items()}
        )
    except (ValueError, KeyError, AttributeError, TypeError):
        return broken


ANYONE = Principal(sender_id="", arn="")
"""The caller of a route that needs no signature."""
