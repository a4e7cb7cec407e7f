"""What EC2 answers to a launch: machines that started, and offerings that it refused."""

from __future__ import annotations

from dataclasses import dataclass

from railyard.errors import RailyardError
from railyard.model.instances import Machine


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """What EC2 said about an offering that it did not give; *kind* is its meaning in our taxonomy."""

    kind: type[RailyardError]
    code: str
    message: str
    offering: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetAnswer:
    """Both parts of a fleet's answer."""

    machines: tuple[Machine, ...]
    refused: tuple[Refused, ...] = ()
