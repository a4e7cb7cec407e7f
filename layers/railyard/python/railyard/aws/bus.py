"""The event bus of the stack."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from railyard.aws.errors import translated
from railyard.errors import RailyardError

SOURCE = "railyard"


class Bus:
    """PutEvents, ten entries in a call."""

    def __init__(self, events: Any, name: str) -> None:
        self._events, self._name = events, name

    def put(self, events: Sequence[tuple[str, str]]) -> None:
        """Put each (detail-type, detail as JSON text); raises RailyardError if the bus took less than all."""
        for start in range(0, len(events), 10):
            entries = [
                {"EventBusName": self._name, "Source": SOURCE, "DetailType": kind, "Detail": detail}
                for kind, detail in events[start : start + 10]
            ]
            with translated("PutEvents"):
                answer = self._events.put_events(Entries=entries)
            if answer.get("FailedEntryCount"):
                raise RailyardError(f"PutEvents: {answer['FailedEntryCount']} of {len(entries)} not taken")


def detail(**fields: Any) -> str:
    """Return *fields* as the JSON text of an event's detail."""
    return json.dumps(fields, separators=(",", ":"), sort_keys=True)
