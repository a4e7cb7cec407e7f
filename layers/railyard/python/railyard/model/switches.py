"""Kill switches: what people have stopped, everywhere or in one pool. What nobody switched is on.

A switch lies beside what it stops, in the table that is read anyway: those of launching and reaping with the pools,
that of publishing images with the release lines. Looking at it costs no call.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

EVERYWHERE = "*"
"""The name under which a switch for all pools, or all lines, is kept; no pool can be called so."""


class Stops(StrEnum):
    """What a switch stops: new launches, terminations, or the publication of releases."""

    LAUNCH = "launch"
    REAP = "reap"
    IMAGES = "images"


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """A switch as somebody left it."""

    stops: Stops
    pool: str = EVERYWHERE
    schema: int = 1
    sequence: int = 1
    on: bool
    by: str
    at: datetime
    reason: str = ""


SWITCHES = "switch#"


def part_of(stops: Stops) -> str:
    """Return the sort key of a switch."""
    return f"{SWITCHES}{stops}"


def off(switches: Iterable[Switch], stops: Stops, pool: str = EVERYWHERE) -> Switch | None:
    """Return the switch that stops this in *pool*, or None if nothing does."""
    names = (EVERYWHERE, pool)
    return next(
        (each for each in switches if each.stops is stops and not each.on and each.pool in names), None
    )
