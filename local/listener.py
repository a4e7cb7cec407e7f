"""A small HTTP listener on the loopback: whole requests in, whole responses out, connections kept alive.

Werkzeug's own server closes every connection and logs each request; AWS SDKs make thousands of small calls.
``Response(dropped=True)`` closes the connection instead of answering: the caller sees what a lost response
looks like.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request; *target* is the path as sent, with its query string."""

    method: str
    target: str
    headers: Message
    body: bytes
    peer: str = "127.0.0.1"

    @property
    def path(self) -> str:
        """Return the path, still percent-encoded."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """Return the query string as sent."""
        return self.target.partition("?")[2]


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    dropped: bool = False


class Listener:
    """Serves *answer* on a loopback port (a free one for 0) until closed."""

    def __init__(self, answer: Callable[[Request], Response], port: int = 0) -> None:
        self._server = _Server(("127.0.0.1", port), _handler(answer))
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):  # a caller that went away is no error of ours
            super().handle_error(request, client_address)


def _handler(answer: Callable[[Request], Response]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else each small answer waits 40 ms for the peer's acknowledgement
        wbufsize = -1
        server_version, sys_version = "railyard-local", ""

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            response = answer(Request(method=self.command, target=self.path, headers=self.headers, body=body))
            if response.dropped:
                self.close_connection = True
                return
            self.send_response(response.status)
            for name, value in response.headers.items():
                if name.lower() not in (
                    "content-length",
                    "connection",
                    "transfer-encoding",
                    "date",
                    "server",
                ):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(_length(self.command, response)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(response.body)
            self.wfile.flush()

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = do_OPTIONS = _serve

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing: the call log has it."""

    return Handler


def _length(method: str, response: Response) -> int:
    """A HEAD answer states the length that a GET would have (S3 clients read an object's size from it)."""
    given = {name.lower(): value for name, value in response.headers.items()}.get("content-length")
    return int(given) if method == "HEAD" and given else len(response.body)
