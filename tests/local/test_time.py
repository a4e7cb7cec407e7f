"""Schedules and the virtual clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.schedules import parse
from local.stepping import NotDrained
from local.world import World

START = datetime(2026, 11, 20, 10, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("rate(5 minutes)", "2026-11-20T10:05:30+00:00"),
        ("rate(1 hour)", "2026-11-20T11:00:30+00:00"),
        ("cron(0/15 8-17 ? * MON-FRI *)", "2026-11-20T10:15:00+00:00"),
        ("cron(0 18 L-1 * ? *)", None),
        ("cron(30 6 1 JAN ? 2027)", "2027-01-01T06:30:00+00:00"),
        ("cron(0 0 ? * SUN *)", "2026-11-22T00:00:00+00:00"),
        ("at(2026-11-21T00:00:00)", "2026-11-21T00:00:00+00:00"),
    ],
)
def test_an_expression_fires_next_at(expression: str, expected: str | None) -> None:
    if expected is None:
        with pytest.raises(ValueError, match="not a value that is known here: L"):
            parse(expression, START)
    else:
        assert parse(expression, START)(START) == datetime.fromisoformat(expected)


@pytest.mark.parametrize("expression", ["rate(0 minutes)", "cron(* * * * * *)", "every minute", "rate(5)"])
def test_what_is_no_expression_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match="not a"):
        parse(expression, START)


def test_an_at_that_has_passed_never_fires() -> None:
    assert parse("at(2026-01-01T00:00:00)", START)(START) is None


def test_advancing_fires_every_due_moment_in_between(
    world: World, out: Callable[..., list[dict[str, Any]]]
) -> None:
    world.advance(3 * 600)
    assert [one for one in out() if one == {"tick": 1}] == [{"tick": 1}] * 3


def test_a_hidden_message_comes_before_a_later_schedule(
    world: World, send: Callable[..., None], out: Callable[..., list[dict[str, Any]]]
) -> None:
    world.advance((world.run.schedules[0].due or START).timestamp() - world.clock.now().timestamp() + 1)
    out()
    send("first", DelaySeconds=60)
    world.advance(700)
    assert [one.get("body", "tick") for one in out()] == ["first", "tick"]


def test_advancing_moves_ec2_too(world: World) -> None:
    before = world.clock.now()
    world.advance(1000)
    assert world.clock.now() - before >= timedelta(seconds=1000)
    due = world.ec2.advance()
    assert due is None or due > world.clock.now()


def test_draining_ends_with_a_name_when_patience_does(world: World) -> None:
    world.functions.invoke_later("railyard-echo", b'{"sleep": 2}')
    with pytest.raises(NotDrained, match="railyard-echo"):
        world.drain(patience_seconds=0.3)
    world.drain()


def test_a_signature_stays_on_real_time(world: World) -> None:
    world.advance(3600)
    world.client("sqs").list_queues()
    assert abs(datetime.now(UTC) + world.clock.offset - world.clock.now()) < timedelta(seconds=1)
