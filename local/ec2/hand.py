"""The hand of the world: what only whoever runs it can do, account and calls apart."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from local.ec2.state import State


class Hand:
    """What every part of the hand stands on."""

    _state: State
    _clock: Callable[[], datetime]

    def advance(self) -> datetime | None:
        """Apply every effect due by now, with its events; return when the next one is due."""
        self._state.agenda.run(self._clock())
        return self._state.agenda.next_due()
