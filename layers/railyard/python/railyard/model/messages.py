"""A message of a queue, as the functions see it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """*sender* is SQS's word for who sent it (or whom serve_api forwards for), never the body's."""

    message_id: str
    body: str
    sender: str
    sent_at: datetime
