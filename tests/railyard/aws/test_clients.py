"""How often a client calls: the protocol decides about a launch, the SDK about the rest."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from railyard.aws import clients
from railyard.aws.clients import ONCE, ORDINARY, client, home_region
from railyard.aws.errors import translated
from railyard.errors import Ambiguous


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Requests that reached a server which is always unavailable."""
    heard: list[str] = []

    class Unavailable(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            heard.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(503)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

    server = Server(("127.0.0.1", 0), Unavailable)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setattr(time, "sleep", lambda _: None)
    clients._session.cache_clear()
    clients.client.cache_clear()
    yield heard
    clients._session.cache_clear()
    clients.client.cache_clear()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(("config", "times"), [(ONCE, 1), (ORDINARY, 3)])
def test_a_launch_is_tried_once_and_anything_else_three_times(
    attempts: list[str], config: Any, times: int
) -> None:
    ec2 = client("ec2", config=config)
    with pytest.raises(Ambiguous), translated("CreateFleet"):
        ec2.create_fleet(
            Type="instant",
            TargetCapacitySpecification={"TotalTargetCapacity": 1},
            LaunchTemplateConfigs=[],
            ClientToken="l-1",
        )
    assert len(attempts) == times
    assert all("ClientToken=l-1" in body for body in attempts)
    ec2.close()


def test_a_launch_may_wait_longer_for_its_answer_than_other_calls() -> None:
    assert (ONCE.read_timeout, ORDINARY.read_timeout, ONCE.connect_timeout) == (40, 20, 3)  # type: ignore[attr-defined]


def test_a_client_is_made_once_for_each_service_and_region() -> None:
    assert client("sqs") is client("sqs")
    assert client("sqs", "eu-west-1") is not client("sqs")
    assert client("sqs", "eu-west-1").meta.region_name == "eu-west-1"
    assert home_region() == "us-east-1"
