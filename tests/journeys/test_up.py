"""``make up`` seen from outside: a plain boto3 client in another process, real time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from railyard.client import NotServed, Railyard


class Up:
    """A running ``python -m local up``, known by its endpoints file alone."""

    def __init__(self, process: subprocess.Popen[bytes], state: Path) -> None:
        self.process = process
        self.endpoints = json.loads((state / "endpoints.json").read_text())
        self.outputs: dict[str, str] = self.endpoints["outputs"]

    def client(self, service: str) -> Any:
        """A boto3 client as the documentation tells integrators to make one."""
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.endpoints["aws"],
            region_name=self.endpoints["region"],
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def control(self, method: str, path: str, body: object = None) -> Any:
        """Call ``/_local``."""
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"{self.endpoints['control']}/{path}", data=data, method=method)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    state = tmp_path_factory.mktemp("up")
    with (state / "stderr").open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "local", "up", "--state", str(state)],
            stdout=subprocess.DEVNULL,
            stderr=stderr,
        )
    until = time.monotonic() + 120
    while not (state / "endpoints.json").exists():
        assert process.poll() is None, (state / "stderr").read_text()
        assert time.monotonic() < until
        time.sleep(0.2)
    yield Up(process, state)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 0
    assert (state / "stderr").read_text() == ""
    assert not (state / "endpoints.json").exists()


@pytest.fixture
def yard(up: Up) -> Railyard:
    replies = up.client("sqs").get_queue_url(QueueName="railyard-replies-local")["QueueUrl"]
    return Railyard(
        request_queue_url=up.outputs["RequestQueueUrl"],
        lease_queue_url=up.outputs["LeaseQueueUrl"],
        reply_queue_url=replies,
        reply_to="local",
        sqs=up.client("sqs"),
    )


def test_a_client_asks_uses_and_releases(up: Up, yard: Railyard) -> None:
    with yard.machines("outside-1", pool="default", vcpus=2, memory_mib=4096, timeout_seconds=120) as lease:
        (share,) = lease.allocations
        found = up.client("ec2").describe_instances(InstanceIds=[share["instance_id"]])
        assert found["Reservations"][0]["Instances"][0]["State"]["Name"] == "running"
        yard.renew(lease)
    heard = until_heard(yard, "released")
    assert heard["request_id"] == "outside-1"


def test_nonsense_is_refused_by_name(up: Up, yard: Railyard) -> None:
    up.client("sqs").send_message(QueueUrl=up.outputs["RequestQueueUrl"], MessageBody="not JSON")
    assert until_heard(yard, "refused")["reason"]["code"] == "invalid_request"
    yard.ask("outside-2", pool="nowhere", vcpus=2, memory_mib=4096)
    with pytest.raises(NotServed) as refused:
        yard.wait("outside-2", seconds=30)
    assert refused.value.reason["code"] == "unknown_pool"


def test_control_shows_who_called_what(up: Up) -> None:
    calls = up.control("GET", "calls?since=0")["calls"]
    launched = [call for call in calls if call["operation"] == "CreateFleet"]
    assert {call["function"] for call in launched} == {"railyard-allocate_instances"}
    assert up.control("GET", "status")["pid"] == up.process.pid
    assert os.getpid() != up.process.pid


def until_heard(yard: Railyard, event: str) -> dict[str, Any]:
    """Wait for an answer of kind *event*."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        for answer in yard.events(1):
            if answer["event"] == event:
                return answer
    raise AssertionError(f"no {event} came")
