"""How late the model's EC2 is: every delay between a call and what it promises to do.

A pair is (shortest, longest) in seconds; each delay is drawn between them from the model's seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

Seconds = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """The delays of one model."""

    pending: Seconds = (5.0, 20.0)
    visibility: Seconds = (2.0, 8.0)
    tag_visibility: Seconds = (2.0, 8.0)
    shutting_down: Seconds = (5.0, 30.0)
    describable_after_termination: timedelta = timedelta(hours=1)


HARSH = Timing()
"""Late by default, as EC2 on a bad day: new ids are unknown for seconds, tags come on their own time."""

PROMPT = Timing(pending=(0, 0), visibility=(0, 0), tag_visibility=(0, 0), shutting_down=(0, 0))
"""Everything by the next call, for tests about something else."""
