"""SQS as its consumers know it: atomic receives, honest senders, no pushes to Lambda from inside SendMessage.

* moto's receive is not atomic: two consumers may get one message. It also answers a linear attribute query
for each
  message that it returns.
* moto gives every message the same ``SenderId``.
* moto pushes a message to a mapped function inside SendMessage and deletes it although no code ran.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from moto.core.utils import unix_time
from moto.sqs.models import Message, Queue, SQSBackend

from local import identity

# Any: what follows replaces methods, which a type checker rightly refuses elsewhere.
_BACKEND: Any = SQSBackend
_MESSAGE: Any = Message
_QUEUE: Any = Queue

LOCK = threading.RLock()
LONG_POLL_STEP_SECONDS = 0.02


def install() -> None:
    """Apply the corrections to moto's SQS."""
    if hasattr(_BACKEND.receive_message, "atomic"):
        return
    _name_senders()
    _receive_atomically()
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
            if messages or time.monotonic() >= deadline:
                return messages
            time.sleep(LONG_POLL_STEP_SECONDS)

    receive.atomic = True  # type: ignore[attr-defined]  # marks that the shim is in
    _BACKEND.receive_message = receive


def _locked(original: Any) -> Any:
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        with LOCK:
            return original(self, *args, **kwargs)

    return call


def _retained(self: Any, queue_name: str, message: Any) -> bool:
    retention = self.get_queue(queue_name).message_retention_period
    return bool(retention + message.sent_timestamp / 1000 > unix_time())
