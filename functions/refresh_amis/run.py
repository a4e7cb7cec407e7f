"""The hands of refresh_amis: observe, decide, make it true."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from railyard.model.images import LAUNCHED
from railyard.model.releases import Line, line_of
from refresh_amis.observing import Observing
from refresh_amis.plan.deciding import Step, decide
from refresh_amis.plan.publishing import Shelf
from refresh_amis.ports import Ports
from refresh_amis.recording import Recording
from refresh_amis.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of each line."""

    steps: tuple[Step, ...]

    @property
    def skipped(self) -> tuple[str, ...]:
        """The regions of the feeds that are not enabled here."""
        feeds = (step.after.feed for step in self.steps)
        return tuple(sorted({region for feed in feeds if feed for region in feed.skipped}))


def run(ports: Ports, settings: Settings, home: str, now: datetime) -> Outcome:
    """Refresh every channel and architecture of *settings*, in every region that is enabled for this account."""
    names = [line_of(c, a) for c in settings.channels for a in settings.architectures]
    steps = _refresh(ports, settings, home, now, names)
    overtaken = [step.before.line for step in steps if step.overtaken]
    again = _refresh(ports, settings, home, now, overtaken) if overtaken else []
    return Outcome(steps=tuple(sorted([*steps, *again], key=lambda step: step.before.line)))


def _refresh(ports: Ports, settings: Settings, home: str, now: datetime, names: Sequence[str]) -> list[Step]:
    known = ports.lines.read(names)
    lines = [known.get(name, Line(line=name)) for name in names]
    busy = [line for line in lines if line.publishing and line.publishing.until > now]
    free = [line for line in lines if line not in busy]
    facts = Observing(ports, settings, home, now).facts(free)
    steps = [decide(line, facts[line.line], settings) for line in free]
    shelf = Shelf(prefix=settings.parameter_prefix, home=home, tried=LAUNCHED if settings.canary_pool else "")
    done = Recording(ports, shelf, now).all(steps)
    return done + [Step(before=line, after=line, busy=True) for line in busy]
