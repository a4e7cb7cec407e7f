"""The one clock. Only doors read it; everything else is told the time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime


def _system() -> datetime:
    return datetime.now(UTC)


source: Callable[[], datetime] = _system
"""Where ``now`` looks. An embedding program may put another clock here."""


def now() -> datetime:
    """Return the present moment in UTC, cut to whole seconds: so every stored time sorts as text."""
    return source().replace(microsecond=0)
