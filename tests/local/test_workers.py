"""Handlers run as on Lambda: what they see, how they fail, how long they may take."""

from __future__ import annotations

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from local.world import HandlerFailed, World

OURS = {"_HANDLER", "_X_AMZN_TRACE_ID", "HOME", "LANG", "PATH", "TZ", "LC_CTYPE"}


def test_a_handler_sees_its_asset_its_layers_and_the_standard_library_in_that_order(world: World) -> None:
    path = world.invoke("echo")["path"]
    assert path[0].endswith("/asset")
    assert path[1].endswith("layers/railyard/python")
    assert "/.build/layers/vendor-" in path[2]
    assert path[-1].endswith("/runtime")
    assert not any("site-packages" in folder for folder in path)


def test_a_handler_gets_the_environment_of_the_template_and_lambda_s_own(world: World) -> None:
    environment = world.invoke("echo")["environment"]
    given = {name for name in environment if name not in OURS and not name.startswith(("AWS_", "LAMBDA_"))}
    assert given == {"OUT", "FEED"}
    assert environment["OUT"].endswith("/railyard-out")
    assert environment["FEED"] == f"{world.front_url}/feed/{{channel}}/{{board}}/current"
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == "railyard-echo"


def test_a_handler_s_home_is_empty(world: World) -> None:
    assert os.listdir(world.invoke("echo")["environment"]["HOME"]) == []


def test_a_warm_worker_is_used_again(world: World) -> None:
    world.invoke("echo")
    function = world.functions.by_name["railyard-echo"]
    before = function.cold_starts
    for _ in range(20):
        world.invoke("echo")
    assert function.cold_starts == before


def test_events_at_the_same_time_run_in_processes_of_their_own(world: World) -> None:
    started = time.monotonic()
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: world.invoke("echo", {"sleep": 1}), range(3)))
    assert time.monotonic() - started < 2.5
    assert world.functions.by_name["railyard-echo"].workers >= 3


def test_an_exception_is_a_function_error_with_type_and_message(world: World) -> None:
    with pytest.raises(HandlerFailed) as failed:
        world.invoke("echo", {"raise": "no"})
    assert (failed.value.failure.type, failed.value.failure.message) == ("ValueError", "no")


def test_a_process_that_ends_is_a_function_error_and_the_next_event_gets_a_new_one(world: World) -> None:
    with pytest.raises(HandlerFailed) as failed:
        world.invoke("echo", {"exit": 3})
    assert failed.value.failure.type == "Runtime.ExitError"
    assert world.invoke("echo")["left"] > 0


def test_a_handler_that_takes_too_long_is_killed(world: World) -> None:
    started = time.monotonic()
    with pytest.raises(HandlerFailed, match=r"Task timed out after 5\.00 seconds"):
        world.invoke("echo", {"sleep": 60})
    assert time.monotonic() - started < 7


def test_invoke_over_the_api_marks_function_errors(world: World) -> None:
    aws_lambda = world.client("lambda")
    answer = aws_lambda.invoke(FunctionName="railyard-echo", Payload=json.dumps({"raise": "no"}))
    assert answer["FunctionError"] == "Unhandled"
    assert json.load(answer["Payload"])["errorType"] == "ValueError"


def test_a_function_can_invoke_another_and_wait(world: World) -> None:
    arguments = {"FunctionName": "railyard-echo", "Payload": '{"now": 1}'}
    answer = world.invoke("echo", {"call": ["lambda", "invoke", arguments]})
    assert "2" in answer["Payload"]


def test_an_asynchronous_invocation_is_over_when_the_world_is_drained(world: World) -> None:
    arguments = {"FunctionName": "railyard-echo", "InvocationType": "Event", "Payload": '{"sleep": 0.3}'}
    answer = world.client("lambda").invoke(**arguments)
    assert answer["StatusCode"] == 202
    world.drain()
    assert world.functions.busy() == []


def test_invoking_what_does_not_exist_is_refused(world: World) -> None:
    aws_lambda = world.client("lambda")
    with pytest.raises(aws_lambda.exceptions.ResourceNotFoundException):
        aws_lambda.invoke(FunctionName="absent")


def test_the_clock_of_a_running_worker_follows_the_world(world: World) -> None:
    world.invoke("echo")
    world.advance(7200)
    told = datetime.fromisoformat(world.invoke("echo", {"now": 1}))
    assert abs(told - world.clock.now()) < timedelta(seconds=3)


def test_no_bytecode_is_written_into_an_asset(world: World) -> None:
    asset = Path(world.invoke("echo")["path"][0])
    assert [path.name for path in asset.iterdir()] == ["echo.py"]


def test_a_module_that_is_missing_is_an_init_error(world: World) -> None:
    from dataclasses import replace

    from local.workers import Function

    spec = replace(world.functions.by_name["railyard-echo"].spec, handler="absent.handler")
    function = Function(spec, lambda: world._worker(world.stack, spec))
    try:
        result = function.invoke(b"{}")
    finally:
        function.close()
    assert getattr(result, "type", "") == "Runtime.ImportModuleError"


def test_a_warm_invocation_takes_a_few_milliseconds(world: World) -> None:
    world.invoke("echo", {"now": 1})
    times = []
    for _ in range(50):
        started = time.perf_counter()
        world.invoke("echo", {"now": 1})
        times.append(time.perf_counter() - started)
    assert sorted(times)[25] < 0.05, f"{sys.platform}: median {sorted(times)[25]:.3f} s"
