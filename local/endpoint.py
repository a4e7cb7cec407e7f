"""The one URL of this AWS: EC2 and Pricing from our model, Invoke to our workers, everything else from moto.

Requests are routed by the service in their credential scope, in process and without a queue. What functions
ask is logged; a planned fault changes the answer.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import unquote

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from local import identity, protocols
from local.calls import KILL_AFTER, KILL_BEFORE, LOST_RESPONSE, Calls, Faults
from local.listener import Request, Response
from local.runtime_api import Failure

Service = Callable[[Request, str], Response]
"""Answers a request in a region."""


class Functions(Protocol):
    """The world's functions, as Invoke sees them."""

    def has(self, name: str) -> bool:
        """Say whether there is a function of this name."""

    def invoke(self, name: str, payload: bytes) -> bytes | Failure:
        """Run it and wait."""

    def invoke_later(self, name: str, payload: bytes) -> None:
        """Run it without waiting."""

    def kill(self, worker_id: str) -> None:
        """Crash one worker."""


class Endpoint:
    """Answers every AWS request of the world."""

    def __init__(
        self,
        *,
        functions: Callable[[], Functions],
        principals: identity.Principals,
        now: Callable[[], datetime],
        services: dict[str, Service],
    ) -> None:
        self.calls = Calls()
        self.faults = Faults()
        self._functions = functions
        self._principals = principals
        self._now = now
        self._services = services | {"lambda": self._lambda}
        self._moto = DomainDispatcherApplication(create_backend_app)

    def answer(self, request: Request) -> Response:
        """Answer one request, in the name of whoever signed it."""
        key, region, service = protocols.signature(request)
        principal = self._principals.of(key)
        operation = protocols.operation(request, service)
        with identity.acting_as(principal):
            response = self._answer(request, service, operation, region, principal.function)
        if principal.function:
            lost = LOST_RESPONSE if response.dropped else protocols.error_code(response)
            self.calls.add(self._now().isoformat(), service, operation, principal.function, lost)
        return response

    def _answer(
        self, request: Request, service: str, operation: str, region: str, function: str | None
    ) -> Response:
        fault = self.faults.take(service, operation, function) if function else None
        if fault == KILL_BEFORE:
            self._kill(request)
            return Response(0, dropped=True)
        if fault and fault not in (LOST_RESPONSE, KILL_AFTER):
            return protocols.refusal(service, fault, "a fault that was asked for")
        response = self._services.get(service, self.ask_moto)(request, region)
        if fault == KILL_AFTER:
            self._kill(request)
        return Response(0, dropped=True) if fault else response

    def _kill(self, request: Request) -> None:
        self._functions().kill(request.headers.get("X-Amz-Security-Token", ""))

    def _lambda(self, request: Request, region: str) -> Response:
        if protocols.operation(request, "lambda") != "Invoke":
            return self.ask_moto(request, region)
        name = protocols.invoked_function(request)
        if not self._functions().has(name):
            return protocols.refusal("lambda", "ResourceNotFoundException", f"Function not found: {name}")
        payload = request.body or b"{}"
        if request.headers.get("X-Amz-Invocation-Type") == "Event":
            self._functions().invoke_later(name, payload)
            return Response(202)
        result = self._functions().invoke(name, payload)
        if isinstance(result, Failure):
            return Response(200, result.payload(), {"X-Amz-Function-Error": "Unhandled"})
        return Response(200, result, {"X-Amz-Executed-Version": "$LATEST"})

    def ask_moto(self, request: Request, _region: str) -> Response:
        """Let moto answer."""
        status: list[Any] = []

        def start_response(line: str, headers: list[tuple[str, str]], *_: Any) -> None:
            status[:] = [int(line.split(maxsplit=1)[0]), dict(headers)]

        body = b"".join(self._moto(environ(request), start_response))
        return Response(status[0], body, status[1])


def environ(request: Request) -> dict[str, Any]:
    """Return *request* as a WSGI environment."""
    host = request.headers.get("Host", "127.0.0.1")
    values: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(request.path, "latin-1"),
        "RAW_URI": request.target,
        "REQUEST_URI": request.target,
        "QUERY_STRING": request.query,
        "CONTENT_LENGTH": str(len(request.body)),
        "CONTENT_TYPE": request.headers.get("Content-Type", ""),
        "SERVER_NAME": host.partition(":")[0],
        "SERVER_PORT": host.partition(":")[2] or "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": request.peer,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.input_terminated": True,
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in request.headers.items():
        key = "HTTP_" + name.upper().replace("-", "_")
        if key not in ("HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH"):
            values[key] = value
    return values
