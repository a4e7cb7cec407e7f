"""The hands of publish_events: committed words go to the bus and to reply queues, in the order of their writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from publish_events.plan import Word, words
from railyard.errors import Denied, Gone
from railyard.model.requests import Request


class Bus(Protocol):
    """The stack's event bus."""

    def put(self, events: Sequence[tuple[str, str]]) -> None: ...


class Replies(Protocol):
    """Reply queues, by ARN."""

    def send(self, arn: str, bodies: Sequence[str]) -> None: ...


@dataclass(slots=True)
class Outcome:
    """How much was said, and which reply queues could not be reached."""

    published: int = 0
    replied: int = 0
    unreachable: list[str] = field(default_factory=list)


def run(changes: Sequence[Request], bus: Bus, replies: Replies, queues: Mapping[str, str]) -> Outcome:
    """Publish what *changes* say; *queues* maps a requester to its reply queue's ARN.

    Sending again after a crash is harmless: bodies are frozen and carry a dedupe key. A reply queue that is gone or
    closed to us must not hold up everybody else: its answers stay on the bus and in the API.
    """
    outcome = Outcome()
    spoken = [word for request in changes for word in words(request)]
    if not spoken:
        return outcome
    bus.put([(word.detail_type, word.body) for word in spoken])
    outcome.published = len(spoken)
    for arn, bodies in _by_queue(spoken, queues).items():
        try:
            replies.send(arn, bodies)
        except (Gone, Denied):
            outcome.unreachable.append(arn)
        else:
            outcome.replied += len(bodies)
    return outcome


def _by_queue(spoken: Sequence[Word], queues: Mapping[str, str]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for word in spoken:
        arn = queues.get(word.requester or "")
        if arn:
            grouped.setdefault(arn, []).append(word.body)
    return grouped
