"""CloudFormation always hears an answer, at its own address."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace
from typing import Any

import pytest

from apply_deployment import handler as door
from railyard.errors import Gone, InvalidRequest
from tests.railyard.aws.stubs import Recorder, refused

CONTEXT = SimpleNamespace(
    function_name="f", memory_limit_in_mb=256, invoked_function_arn="arn:f", aws_request_id="1"
)


@pytest.fixture
def heard() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """An address, and what was put there."""
    bodies: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/", bodies
    server.shutdown()
    server.server_close()
    thread.join()


def tell(url: str, kind: str) -> None:
    event = {
        "RequestType": kind,
        "ResponseURL": url,
        "StackId": "s",
        "RequestId": "r",
        "LogicalResourceId": "l",
        "ResourceProperties": {},
    }
    door.handler(event, CONTEXT)


@pytest.mark.parametrize(
    ("raised", "status"), [(None, "SUCCESS"), (InvalidRequest("pools.x: wrong"), "FAILED")]
)
def test_it_answers_success_or_failure_with_the_reason(
    heard: Any, monkeypatch: pytest.MonkeyPatch, raised: Exception | None, status: str
) -> None:
    def apply(properties: Any) -> None:
        if raised:
            raise raised

    monkeypatch.setattr(door, "_apply", apply)
    tell(heard[0], "Update")
    (body,) = heard[1]
    assert (body["Status"], body["Reason"]) == (status, str(raised or ""))
    assert (body["StackId"], body["RequestId"], body["LogicalResourceId"]) == ("s", "r", "l")


def test_an_unforeseen_error_is_answered_and_still_fails_the_invocation(
    heard: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "_apply", lambda properties: properties["Pools"])
    with pytest.raises(KeyError):
        tell(heard[0], "Create")
    assert heard[1][0]["Status"] == "FAILED"


def test_a_deletion_leaves_everything_as_it_is(heard: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "_apply", lambda properties: pytest.fail("applied"))
    tell(heard[0], "Delete")
    assert heard[1][0]["Status"] == "SUCCESS"


def test_a_function_is_woken_without_waiting_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Recorder(lambda _, __: {})
    monkeypatch.setattr(door, "client", lambda _: client)
    door._wake("railyard-refresh-amis")
    ((_, asked),) = client.calls
    assert (asked["FunctionName"], asked["InvocationType"]) == ("railyard-refresh-amis", "Event")
    monkeypatch.setattr(
        door, "client", lambda _: Recorder(lambda _, __: refused("ResourceNotFoundException"))
    )
    with pytest.raises(Gone):
        door._wake("none")
