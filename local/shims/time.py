"""moto on the run's clock.

moto 5.2.5 reads time through ``moto.core.utils.utcnow`` (``unix_time`` and ``unix_time_millis`` build on
it), which many modules import by name. They all run with the globals of ``moto.core.utils``, so replacing
the ``datetime`` that this one module sees reaches SQS visibility and delays, DynamoDB streams, events and
SSM alike.
"""

from __future__ import annotations

import datetime as real
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import moto.core.utils

OFFSET: list[Callable[[], timedelta]] = [timedelta]
"""Says how far ahead of real time moto runs."""


class _Shifted(real.datetime):
    @classmethod
    def now(cls, tz: Any = None) -> Any:
        return real.datetime.now(tz) + OFFSET[0]()


class _Module:
    """The ``datetime`` module as moto sees it."""

    datetime = _Shifted

    def __getattr__(self, name: str) -> Any:
        return getattr(real, name)


def install() -> None:
    """Put the shifted clock into moto."""
    setattr(moto.core.utils, "datetime", _Module())  # noqa: B010  a module's private name
