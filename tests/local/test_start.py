"""A world starts whole or not at all, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from local import preflight, shims
from local.deployment import Answers
from local.preflight import Unsupported
from local.world import Options, World
from tests.local.stand import a_resource, a_stack

REPOSITORY = Path(__file__).parent.parent.parent
Running = tuple[subprocess.Popen[str], dict[str, Any], Path]


def start(folder: Path) -> Running:
    command = [sys.executable, "-m", "tests.local.run_world", str(folder)]
    child = subprocess.Popen(
        command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "started\n", child.stderr.read() if child.stderr else ""
    state = folder / "state"
    return child, json.loads((state / "endpoints.json").read_text()), state


@pytest.fixture
def two_worlds(tmp_path: Path) -> Iterator[list[Running]]:
    worlds = [start(tmp_path / name) for name in ("one", "two")]
    yield worlds
    for child, _, _ in worlds:
        if child.poll() is None:
            child.kill()
        child.communicate()


def children(pid: int) -> list[int]:
    """Return the processes that *pid* started; workers lead sessions of their own but keep their parent."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(stat.parent.name))
    return found


def listening(url: str) -> bool:
    parts = urlsplit(url)
    with socket.socket() as probe:
        return probe.connect_ex((parts.hostname or "", parts.port or 0)) == 0


@pytest.mark.skipif(not Path("/proc").exists(), reason="reads /proc")
def test_worlds_run_side_by_side_and_a_signal_leaves_nothing_of_them(two_worlds: list[Running]) -> None:
    assert len({endpoints["aws"] for _, endpoints, _ in two_worlds}) == 2
    for (child, endpoints, state), number in zip(two_worlds, (signal.SIGINT, signal.SIGTERM), strict=True):
        assert endpoints["pid"] == child.pid
        workers = children(child.pid)
        assert workers
        child.send_signal(number)
        out, err = child.communicate(timeout=15)
        assert (child.returncode, out, err) == (0, "", "")
        assert not listening(endpoints["aws"])
        assert not listening(endpoints["api"])
        assert not (state / "endpoints.json").exists()
        assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]


@pytest.mark.skipif(not Path("/proc").exists(), reason="reads /proc")
def test_a_signal_in_the_middle_of_the_start_leaves_nothing_either(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.local.run_world", str(tmp_path)]
    child = subprocess.Popen(
        command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 30
    while not (tmp_path / "state" / "logs").exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    child.terminate()
    _, err = child.communicate(timeout=15)
    assert (child.returncode, err) == (0, "")


@pytest.mark.usefixtures("world")
def test_a_second_world_in_one_process_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="another world runs in this process"):
        World(Options(state=tmp_path), assembly=a_stack(tmp_path)).start()


def test_endpoints_are_written_for_others_to_find(world: World) -> None:
    written = json.loads((world.options.state / "endpoints.json").read_text())
    assert written == world.endpoints
    assert {"aws", "api", "region", "outputs", "pid"} <= set(written)
    assert written["pid"] == os.getpid()


def test_a_type_or_property_that_would_be_lost_is_named_and_refused(tmp_path: Path) -> None:
    shims.install()
    template = a_stack(
        tmp_path,
        Url=a_resource("AWS::Lambda::Url", AuthType="NONE"),
        Out=a_resource("AWS::SQS::Queue", QueueName="q", FifoQueue=True),
        Tick=a_resource("AWS::Scheduler::Schedule", ScheduleExpressionTimezone="Europe/Berlin"),
        Rule=a_resource("AWS::Events::Rule", ScheduleExpression="rate(1 minute)"),
    ).template
    with pytest.raises(Unsupported) as refused:
        preflight.check(template)
    assert sorted(str(refused.value).removeprefix("the embedded AWS would lose: ").split(", ")) == [
        "AWS::Events::Rule without EventPattern (use AWS::Scheduler::Schedule)",
        "AWS::Events::Rule.ScheduleExpression",
        "AWS::Lambda::Url",
        "AWS::SQS::Queue.FifoQueue",
        "AWS::Scheduler::Schedule.ScheduleExpressionTimezone=Europe/Berlin",
    ]


def test_every_dropped_property_has_a_reason_and_none_is_honoured_too() -> None:
    for (kind, name), reason in preflight.DROPPED.items():
        assert reason
        assert name not in preflight.HONOURED.get(kind, "").split()


def test_a_custom_resource_s_answer_that_never_comes_is_a_failure() -> None:
    assert Answers().wait("never", 0.01) is None


@pytest.mark.usefixtures("out")
def test_a_node_reports_in_its_own_name(world: World) -> None:
    world.nodes.report("i-0123", {"busy": True})
    second = world.nodes.report("i-0123")
    sqs = world.client("sqs")
    url = sqs.get_queue_url(QueueName="railyard-out")["QueueUrl"]
    got = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["SenderId"])["Messages"]
    role = world.stack.resource("Role")
    assert {message["Attributes"]["SenderId"] for message in got} == {f"{role.id}:i-0123"}
    assert second["sequence"] == 2
