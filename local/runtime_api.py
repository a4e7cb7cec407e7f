"""Lambda's Runtime API for one worker process.

Each worker has a port of its own: awslambdaric posts init errors through ``http.client``, which takes no
path prefix. One invocation is outstanding at a time, so an event can never be swallowed by a process that
has died.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

VERSION = "/2018-06-01/runtime"


@dataclass(frozen=True, slots=True)
class Failure:
    """A function error as Lambda reports it."""

    type: str
    message: str
    stack: tuple[str, ...] = ()

    def payload(self) -> bytes:
        """Return the error document that a caller of Invoke reads."""
        document: dict[str, Any] = {"errorMessage": self.message, "errorType": self.type}
        return json.dumps(document | ({"stackTrace": list(self.stack)} if self.stack else {})).encode()


@dataclass(slots=True)
class Invocation:
    """One event on its way through a worker; *result* is set when *done* is."""

    payload: bytes
    arn: str
    timeout: float
    id: str = field(default_factory=lambda: str(uuid4()))
    done: threading.Event = field(default_factory=threading.Event)
    result: bytes | Failure = b"null"

    def finish(self, result: bytes | Failure) -> None:
        """Set the result, once."""
        if not self.done.is_set():
            self.result = result
            self.done.set()


class RuntimeApi:
    """The server: hands over one invocation, takes its answer, notices a failed start."""

    def __init__(self) -> None:
        self.ready = threading.Event()
        self.init_failure: Failure | None = None
        self._next: Invocation | None = None
        self._current: Invocation | None = None
        self._arrived = threading.Condition()
        self._closed = False
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self.address = f"127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def hand_over(self, invocation: Invocation) -> None:
        """Let the worker have *invocation* when it asks next."""
        with self._arrived:
            self._next = self._current = invocation
            self._arrived.notify_all()

    def take(self) -> Invocation | None:
        """Block until there is an invocation; ``None`` when the worker is to end."""
        self.ready.set()
        with self._arrived:
            self._arrived.wait_for(lambda: self._next is not None or self._closed)
            invocation, self._next = self._next, None
            return invocation

    def answer(self, invocation_id: str, result: bytes | Failure) -> bool:
        """Finish the current invocation; ``False`` when it is another one."""
        current = self._current
        if current is None or current.id != invocation_id:
            return False
        current.finish(result)
        return True

    def fail(self, failure: Failure) -> None:
        """Record that the process cannot go on: its start failed, or it ended."""
        self.init_failure = self.init_failure or failure
        self.ready.set()
        if self._current:
            self._current.finish(failure)

    def close(self) -> None:
        """Stop listening."""
        with self._arrived:
            self._closed = True
            self._arrived.notify_all()
        self._server.shutdown()
        self._server.server_close()


def _failure(body: bytes) -> Failure:
    error = json.loads(body or b"{}")
    return Failure(
        error.get("errorType", "Unknown"),
        error.get("errorMessage", ""),
        tuple(str(line) for line in error.get("stackTrace", ())),
    )


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):  # a killed worker resets its connection
            super().handle_error(request, client_address)


def _handler(api: RuntimeApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else each small answer waits 40 ms for the peer's acknowledgement
        wbufsize = -1

        def do_GET(self) -> None:
            invocation = api.take() if self.path == f"{VERSION}/invocation/next" else None
            if invocation is None:
                self._send(404, b"{}")
                return
            trace = f"Root=1-{int(time.time()):08x}-{invocation.id.replace('-', '')[:24]}"
            headers = {
                "Lambda-Runtime-Aws-Request-Id": invocation.id,
                # Real time: awslambdaric computes the remaining milliseconds with time.time().
                "Lambda-Runtime-Deadline-Ms": str(int((time.time() + invocation.timeout) * 1000)),
                "Lambda-Runtime-Invoked-Function-Arn": invocation.arn,
                "Lambda-Runtime-Trace-Id": trace,
            }
            self._send(200, invocation.payload, headers)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.path == f"{VERSION}/init/error":
                api.fail(_failure(body))
                self._send(202, b"{}")
                return
            *_, invocation_id, what = self.path.split("/")
            known = api.answer(invocation_id, body if what == "response" else _failure(body))
            self._send(202 if known else 400, b"{}")

        def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing: the worker's log is what matters."""

    return Handler
