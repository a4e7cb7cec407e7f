"""SQS as its consumers know it: atomic receives, honest senders, no pushes to Lambda from inside SendMessage.

* moto's receive is not atomic: two consumers may get one message. It also answers a linear attribute query
  for each message that it returns.
* moto gives every message the same ``SenderId``.
* moto pushes a message to a mapped function inside SendMessage and deletes it although no code ran.

What a standard queue may do and moto never does comes on demand: ``duplicate`` and ``delay``.
"""

from __future__ import annotations

import copy
import threading
import time
from typing import Any
from uuid import uuid4

from moto.core.utils import unix_time, unix_time_millis
from moto.sqs.models import Message, Queue, SQSBackend

from local import identity

# Any: what follows replaces methods, which a type checker rightly refuses elsewhere.
_BACKEND: Any = SQSBackend
_MESSAGE: Any = Message
_QUEUE: Any = Queue

LOCK = threading.RLock()
LONG_POLL_STEP_SECONDS = 0.02
_duplicates: dict[str, int] = {}
_delays: dict[str, list[float]] = {}


def install() -> None:
    """Apply the corrections to moto's SQS."""
    if hasattr(_BACKEND.receive_message, "atomic"):
        return
    _name_senders()
    _receive_atomically()
    _BACKEND.send_message = _delayed(_BACKEND.send_message)
    for name in ("delete_message", "change_message_visibility", "send_message"):
        setattr(_BACKEND, name, _locked(getattr(_BACKEND, name)))
    _BACKEND.is_message_valid_based_on_retention_period = _retained
    _QUEUE.lambda_event_source_mappings = property(lambda _: {}, lambda *_: None)


def _name_senders() -> None:
    original = _MESSAGE.__init__

    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        self.sender_id = identity.sender_id()

    _MESSAGE.__init__ = init


def _receive_atomically() -> None:
    original = _BACKEND.receive_message

    def receive(self: Any, queue_name: str, count: int, wait: int, visibility: int, names: Any = None) -> Any:
        deadline = time.monotonic() + int(wait or 0)
        while True:
            with LOCK:
                messages = original(self, queue_name, count, 0, visibility, names)
                _put_twins(self.get_queue(queue_name), messages)
            if messages or time.monotonic() >= deadline:
                return messages
            time.sleep(LONG_POLL_STEP_SECONDS)

    receive.atomic = True  # type: ignore[attr-defined]  # marks that the shim is in
    _BACKEND.receive_message = receive


def duplicate(queue_name: str, times: int) -> None:
    """Let the next *times* messages that *queue_name* delivers be delivered twice, the second time at once."""
    with LOCK:
        _duplicates[queue_name] = times


def delay(queue_name: str, seconds: float, times: int) -> None:
    """Let the next *times* messages sent to *queue_name* show *seconds* later."""
    with LOCK:
        _delays[queue_name] = [seconds] * times


def forget() -> None:
    """Plan no duplicates and delays."""
    with LOCK:
        _duplicates.clear()
        _delays.clear()


def _put_twins(queue: Any, messages: list[Any]) -> None:
    for message in messages[: _duplicates.get(queue.name, 0)]:
        twin = copy.copy(message)
        twin.visible_at = 0.0
        # Who deletes the one has not deleted the other.
        twin.receipt_handle, twin._old_receipt_handles = str(uuid4()), []
        queue._messages.append(twin)
        _duplicates[queue.name] -= 1


def _delayed(original: Any) -> Any:
    def send_message(self: Any, queue_name: str, *args: Any, **kwargs: Any) -> Any:
        message = original(self, queue_name, *args, **kwargs)
        if _delays.get(queue_name):
            message.delayed_until = unix_time_millis() + _delays[queue_name].pop() * 1000
        return message

    return send_message


def _locked(original: Any) -> Any:
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        with LOCK:
            return original(self, *args, **kwargs)

    return call


def _retained(self: Any, queue_name: str, message: Any) -> bool:
    retention = self.get_queue(queue_name).message_retention_period
    return bool(retention + message.sent_timestamp / 1000 > unix_time())
