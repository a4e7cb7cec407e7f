"""The model behind a loopback port, for unmodified boto3."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import boto3
from botocore.config import Config
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from local.ec2 import Ec2, pricing, wire
from tests.local.ec2.builders import REGION


class Quiet(WSGIRequestHandler):
    """A handler that does not log each request."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


@contextmanager
def served(model: Ec2) -> Iterator[Callable[[str], Any]]:
    """Serve *model* and the price list on a loopback port; yield what makes a boto3 client of a service."""

    @Request.application
    def application(request: Request) -> Response:
        headers, body = dict(request.headers), request.get_data()
        if "X-Amz-Target" in headers:
            status, sent, text = pricing.respond(headers=headers, body=body)
        else:
            status, sent, text = wire.respond(
                model, method=request.method, url=request.url, headers=headers, body=body
            )
        return Response(text, status, sent)

    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=Quiet)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()

    def client(service: str) -> Any:
        return boto3.client(  # type: ignore[call-overload]
            service,
            region_name=REGION,
            endpoint_url=f"http://127.0.0.1:{server.port}",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}),
        )

    try:
        yield client
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
