"""What moto 5.2.5 lacks or gets wrong, corrected from outside; ``install`` applies all of it, once a process.

Every shim names a private part of moto, so moto is pinned, and ``tests/local/test_shims.py`` shows for each
one that the behaviour is wrong without it. A test that passes without its shim means: moto was repaired,
delete the shim.

moto's state belongs to the process: one world at a time in each.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from local.shims import cloudformation, dynamodb, events, parameters, queues, time, transactions


def install() -> None:
    """Apply every shim; a second call changes nothing."""
    time.install()
    dynamodb.install()
    transactions.install()
    queues.install()
    events.install()
    parameters.install()
    cloudformation.install()


def follow(offset: Callable[[], timedelta]) -> None:
    """Let moto's time run as far ahead of the real one as *offset* says."""
    time.OFFSET[0] = offset
