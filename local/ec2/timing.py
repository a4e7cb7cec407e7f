"""How late the model's EC2 is: every delay between a call and what it promises to do.

A pair is (shortest, longest) in seconds; each delay is drawn between them from the model's seed.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import timedelta

Seconds = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """The delays of one model."""

    pending: Seconds = (5.0, 20.0)
    visibility: Seconds = (2.0, 8.0)
    tag_visibility: Seconds = (2.0, 8.0)
    shutting_down: Seconds = (5.0, 30.0)
    stopping: Seconds = (10.0, 60.0)
    console: Seconds = (60.0, 240.0)
    """How long after a boot the console output shows."""
    describable_after_termination: timedelta = timedelta(hours=1)
    state_visibility: Seconds = (0.0, 3.0)
    """How long DescribeInstances may still show the state before a change."""
    group_visibility: Seconds = (0.0, 3.0)
    """How long a new security group may be unknown to other calls."""
    template_visibility: Seconds = (0.0, 0.0)
    """The same for a launch template; not late unless asked for, as no source tells of it."""
    image_copy: Seconds = (30.0, 300.0)
    quota_release: Seconds = (30.0, 120.0)
    """How long an instance that has ended still counts against its quota."""
    throttled: bool = True
    volume_creating: Seconds = (1.0, 15.0)
    volume_deleting: Seconds = (1.0, 60.0)
    attaching: Seconds = (1.0, 15.0)
    detaching: Seconds = (2.0, 30.0)
    modifying: Seconds = (2.0, 30.0)
    optimizing: Seconds = (60.0, 600.0)
    optimizing_per_tib: Seconds = (4 * 3600.0, 6 * 3600.0)
    """Added for the size of the volume. Source: EBS user guide: "about 6 hours" for a full TiB."""
    snapshot: Seconds = (20.0, 120.0)
    snapshot_per_tib: Seconds = (1800.0, 7200.0)
    modification_failures: float = 0.005
    """The share of modifications that fail."""


HARSH = Timing()
"""Late by default, as EC2 on a bad day: new ids are unknown for seconds, tags come on their own time."""

_LATE = {f.name: (0, 0) for f in fields(Timing) if isinstance(f.default, tuple)}
PROMPT: Timing = replace(HARSH, throttled=False, modification_failures=0, **_LATE)  # type: ignore[arg-type]
"""Everything by the next call, for tests about something else."""
