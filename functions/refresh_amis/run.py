"""The hands of refresh_amis: observe, decide, make it true."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from railyard.model.copies import Maker
from railyard.model.releases import Line, line_of
from refresh_amis.copying import Copied, Copying
from refresh_amis.observing import Observing
from refresh_amis.plan.deciding import Step, decide
from refresh_amis.plan.publishing import Shelf
from refresh_amis.ports import Ports
from refresh_amis.recording import Recording
from refresh_amis.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of each line, and of copies."""

    steps: tuple[Step, ...]
    copies: Copied = field(default_factory=Copied)

    @property
    def skipped(self) -> tuple[str, ...]:
        """The regions of the feeds that are not enabled here."""
        feeds = (step.after.feed for step in self.steps)
        return tuple(sorted({region for feed in feeds if feed for region in feed.skipped}))


def run(ports: Ports, settings: Settings, home: str, now: datetime) -> Outcome:
    """Refresh every channel and architecture of *settings*, in every region that is enabled for this account."""
    hands = _Hands(ports, settings, home, now)
    steps = hands.refresh([line_of(c, a) for c in settings.channels for a in settings.architectures])
    overtaken = [step.before.line for step in steps if step.overtaken]
    again = hands.refresh(overtaken) if overtaken else []
    copies = hands.cleared()
    return Outcome(steps=tuple(sorted([*steps, *again], key=lambda step: step.before.line)), copies=copies)


class _Hands:
    def __init__(self, ports: Ports, settings: Settings, home: str, now: datetime) -> None:
        self._ports, self._settings, self._now = ports, settings, now
        shelf = Shelf(prefix=settings.parameter_prefix, home=home)
        self._observing = Observing(ports, settings, home, now)
        self._copying = Copying(ports, Maker(stack=settings.stack, home=home), now)
        self._recording = Recording(ports, shelf, now)

    def refresh(self, names: Sequence[str]) -> list[Step]:
        """Refresh the lines of those *names*."""
        known, switch = self._ports.lines.look(names)
        lines = [known.get(name, Line(line=name)) for name in names]
        if switch and not switch.on:
            return [Step(before=line, after=line, stopped=switch.by) for line in lines]
        busy = [line for line in lines if line.publishing and line.publishing.until > self._now]
        free = [line for line in lines if line not in busy]
        facts = self._observing.facts(free)
        steps = self._copying.make([decide(line, facts[line.line], self._settings) for line in free])
        done = self._recording.all(steps)
        return done + [Step(before=line, after=line, busy=True) for line in busy]

    def cleared(self) -> Copied:
        """Take old copies away, if copies were looked at; return what became of copies in all."""
        if self._observing.copies is not None:
            self._copying.clear(self._observing.copies)
        return self._copying.outcome
