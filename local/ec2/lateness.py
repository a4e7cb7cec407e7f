"""Changes that show late: until its moment has come, an observer sees what was shown before.

Each change shows on its own time. What is shown never goes back: once a change shows, no older value does,
even if a change between them would have shown later.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable
from datetime import UTC, datetime
from typing import Generic, TypeVar

V = TypeVar("V")
_EVER = datetime.min.replace(tzinfo=UTC)


class Late(Generic[V]):
    """The changes that do not show yet, with what still shows instead."""

    def __init__(self) -> None:
        self._history: dict[Hashable, list[tuple[datetime, V]]] = {}

    def change(self, key: Hashable, before: V, after: V, visible_at: datetime) -> None:
        """Note that *key* went from *before* to *after*, which shows at *visible_at*."""
        self._history.setdefault(key, [(_EVER, before)]).append((visible_at, after))

    def shown(self, key: Hashable, true: V, now: datetime) -> V:
        """Return the value of *key* that shows at *now*, given the *true* one."""
        history = self._history.get(key)
        if history is None:
            return true
        if history[-1][0] <= now:
            del self._history[key]
            return true
        return next(value for at, value in reversed(history) if at <= now)

    def forget(self, key: Hashable) -> None:
        """Let the true value of *key* show from now on."""
        self._history.pop(key, None)

    def unsettled(self, now: datetime) -> Collection[Hashable]:
        """Return what shows something else than the truth at *now*."""
        for key in [key for key, history in self._history.items() if history[-1][0] <= now]:
            del self._history[key]
        return self._history.keys()
