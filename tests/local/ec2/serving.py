"""Models behind one loopback port, for unmodified boto3; the access key says which model is asked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from threading import Thread
from typing import Any

import boto3
from botocore.config import Config
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from local.ec2 import Ec2, pricing, wire
from tests.local.ec2.builders import REGION

_KEY = re.compile(r"Credential=([^/]+)/")


class Quiet(WSGIRequestHandler):
    """A handler that keeps connections open and does not log each request."""

    protocol_version = "HTTP/1.1"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


class Served:
    """A port and the models behind it."""

    def __init__(self) -> None:
        self._models: dict[str, Ec2] = {}
        self.port = 0

    def client(self, model: Ec2, service: str = "ec2", region: str = REGION) -> Any:
        """Return a boto3 client that asks *model*."""
        key = f"model{id(model)}"
        self._models[key] = model
        return _session().client(  # type: ignore[call-overload]
            service,
            region_name=region,
            endpoint_url=f"http://127.0.0.1:{self.port}",
            aws_access_key_id=key,
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}),
        )

    def answer(self, headers: Mapping[str, str], method: str, url: str, body: bytes) -> wire.Response:
        """Answer one HTTP request."""
        if "X-Amz-Target" in headers:
            return pricing.respond(headers=headers, body=body)
        key = _KEY.search(headers.get("Authorization", ""))
        model = self._models[key.group(1)] if key else next(iter(self._models.values()))
        return wire.respond(model, method=method, url=url, headers=headers, body=body)


@cache
def _session() -> boto3.Session:
    """Return one session, so that botocore reads its models once."""
    return boto3.Session()


@contextmanager
def serving() -> Iterator[Served]:
    """Listen on a free loopback port for as long as the context lasts."""
    served = Served()

    @Request.application
    def application(request: Request) -> Response:
        status, sent, text = served.answer(
            dict(request.headers), request.method, request.url, request.get_data()
        )
        return Response(text, status, sent)

    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=Quiet)
    served.port = server.port
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
