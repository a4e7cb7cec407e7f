"""What knocks at a door: Lambda's context, the environment that infra writes, records of queues."""

from __future__ import annotations

from dataclasses import MISSING, fields
from datetime import timedelta
from types import ModuleType, SimpleNamespace
from typing import Any, get_type_hints

import pytest

from railyard.errors import InvalidSettings
from tests.builders import NOW

CONTEXT = SimpleNamespace(
    function_name="f",
    memory_limit_in_mb=256,
    invoked_function_arn="arn:f",
    aws_request_id="1",
    get_remaining_time_in_millis=lambda: 90_000,
)


def required(settings: type) -> list[str]:
    """Return the variables without which *settings* cannot be read."""
    hints = get_type_hints(settings)
    return [
        field.name.upper() + ("_SECONDS" if hints[field.name] is timedelta else "")
        for field in fields(settings)
        if field.default is MISSING and field.default_factory is MISSING
    ]


def assert_each_variable_is_needed(door: ModuleType, settings: type, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take each variable away in turn: the door must refuse to start, and say which one it misses."""
    names = required(settings)
    assert names
    for missing in names:
        for name in names:
            monkeypatch.setenv(name, "x")
        monkeypatch.delenv(missing)
        door._wired.cache_clear()
        with pytest.raises(InvalidSettings, match=f"{missing} is missing"):
            door._wired()
    monkeypatch.setenv(missing, "x")
    assert door._wired() is door._wired()
    door._wired.cache_clear()


def wire(door: ModuleType, monkeypatch: pytest.MonkeyPatch, *parts: Any) -> None:
    """Let *door* find *parts* behind it, and the clock at NOW."""
    monkeypatch.setattr(door, "_wired", lambda: parts)
    monkeypatch.setattr("railyard.aws.clock.source", lambda: NOW)


def a_record(body: str, message_id: str = "m-1", queue: str = "requests", sender: str = "AROACI:s") -> Any:
    """Return a record of an SQS event, sent now."""
    return {
        "messageId": message_id,
        "body": body,
        "attributes": {"SenderId": sender, "SentTimestamp": str(int(NOW.timestamp() * 1000))},
        "messageAttributes": {},
        "eventSourceARN": f"arn:aws:sqs:us-east-1:123456789012:railyard-{queue}",
    }
