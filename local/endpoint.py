"""The one URL of this AWS: EC2 and Pricing from our model, Invoke to our workers, everything else from moto.

Requests are routed by the service in their credential scope, in process and without a queue. What functions
ask is logged; a planned fault changes the answer.
"""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol
from urllib.parse import unquote

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from local import faults, identity, protocols
from local.calls import Calls
from local.ec2.agenda import Agenda
from local.faults import LOST_RESPONSE, Fault, Faults
from local.listener import Request, Response
from local.runtime_api import Failure

Service = Callable[[Request, str], Response]
"""Answers a request in a region."""


@dataclass(frozen=True, slots=True)
class Stale:
    """A service whose reads may be stale: what it holds at present, and reading as of such a moment."""

    present: Callable[[], Any]
    as_of: Callable[[Any], AbstractContextManager[None]]


class Late:
    """Calls whose effect comes later, in the name of whoever made them."""

    def __init__(self) -> None:
        self._agenda = Agenda()
        self._lock = threading.Lock()

    def put(self, due: datetime, ask: Callable[[], Response]) -> None:
        """Carry out *ask* at *due*; its answer reaches nobody."""
        principal = identity.acting()

        def take_effect(_: datetime) -> None:
            with identity.acting_as(principal):
                ask()

        with self._lock:
            self._agenda.at(due, take_effect)

    def run(self, now: datetime) -> datetime | None:
        """Carry out what is due; return when the next is."""
        with self._lock:
            self._agenda.run(now)
            return self._agenda.next_due()


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
        stale: dict[str, Stale],
        seed: int = 0,
    ) -> None:
        self.calls = Calls()
        self.late = Late()
        self.faults = Faults(seed, self._present)
        self._stale = stale
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
        ask = partial(self._services.get(service, self.ask_moto), request, region)
        if function is None:
            return ask()
        stale = protocols.may_be_stale(service, operation, request)
        fault = self.faults.take(service, operation, function, may_be_stale=stale)
        return self._under(fault, ask, request, service) if fault else ask()

    def _under(self, fault: Fault, ask: Callable[[], Response], request: Request, service: str) -> Response:
        """Answer as *fault* wants it; nothing at all unless a branch returns."""
        match fault.error:
            case faults.KILL_BEFORE:
                self._kill(request)
            case faults.KILL_AFTER:
                ask()
                self._kill(request)
            case faults.LOST_RESPONSE:
                ask()
            case faults.LATE_EFFECT:
                self.late.put(self._now() + timedelta(seconds=fault.seconds), ask)
            case faults.LATENCY:
                time.sleep(fault.seconds)
                return ask()
            case faults.STALE_READ:
                with self._stale[service].as_of(fault.before):
                    return ask()
            case faults.TRANSACTION_CONFLICT:
                return protocols.transaction_conflict(request)
            case code:
                return protocols.refusal(service, code, "a fault that was asked for")
        return Response(0, dropped=True)

    def _present(self, service: str) -> Any:
        if service not in self._stale:
            raise ValueError(f"no stale reads of {service}, only of {', '.join(sorted(self._stale))}")
        return self._stale[service].present()

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
