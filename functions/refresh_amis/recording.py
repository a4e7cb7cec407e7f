"""Making the steps of a run true.

A publication is announced in the line's record, put, read back, and recorded. Of two publishers one wins the
announcement; what a crash leaves behind is finished or taken back by the first run after the announcement has lapsed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from railyard.errors import Conflict, RailyardError
from railyard.model.releases import Entry, Hold, Line, Publishing, What, Why, entry
from refresh_amis.plan.deciding import Step, Told
from refresh_amis.plan.publishing import Shelf, Values, is_image, parameters
from refresh_amis.ports import Ports

ACTOR = "refresh_amis"
PUBLISHING = timedelta(seconds=300)
"""The function's timeout: whoever made an older announcement is dead."""


_TRIES = 5


class Recording:
    """The hands of one run."""

    def __init__(self, ports: Ports, shelf: Shelf, now: datetime) -> None:
        self._ports, self._shelf, self._now = ports, shelf, now

    def all(self, steps: Sequence[Step]) -> list[Step]:
        """Publish and record *steps*; return what came of each."""
        ending = {step.after.line: step.after.ending for step in steps}
        steps = [replace(step, after=replace(step.after, ending=())) for step in steps]
        publishing = [step for step in steps if self._publishes(step)]
        done = [self._recorded(step, step.before) for step in steps if step not in publishing]
        done += self._published(publishing)
        # Only what is on record is over: before that, the trial may have to prove its candidate to another run.
        recorded = [step for step in done if step.recorded]
        self._ports.canary.cancel([key for step in recorded for key in ending[step.after.line]])
        for step in recorded:
            if step.asks and step.after.candidate:
                self._ports.canary.ask(step.after, step.after.candidate)
        return done

    def _publishes(self, step: Step) -> bool:
        """Tell whether SSM is to say something else, or may, since somebody left off in the middle."""
        said, shall = (parameters(line, self._shelf) for line in (step.before, step.after))
        return said != shall or step.before.publishing is not None

    def _published(self, steps: Sequence[Step]) -> list[Step]:
        announced = [(step, self._announced(step)) for step in steps]
        values: Values = {}
        for step, line in announced:
            for region, named in parameters(step.after, self._shelf).items() if line else ():
                values.setdefault(region, {}).update(named)
        images = frozenset(name for named in values.values() for name in named if is_image(name))
        readable = self._ports.parameters.publish(values, images) if values else {}
        done = []
        for step, line in announced:
            if line is None:
                done.append(replace(step, after=step.before, busy=True))
                continue
            missing = _missing(parameters(step.after, self._shelf), readable)
            done.append(self._unread(step, line, missing) if missing else self._recorded(step, line))
        return done

    def _announced(self, step: Step) -> Line | None:
        """Say in the record that a publication begins; None if somebody else was first."""
        about = Publishing(release=step.after.release, until=self._now + PUBLISHING)
        line = replace(step.before, sequence=step.before.sequence + 1, publishing=about)
        try:
            self._ports.lines.record(line, step.before)
        except Conflict:
            return None
        return line

    def _unread(self, step: Step, line: Line, missing: dict[str, tuple[str, ...]]) -> Step:
        """Hold the line: its last release stays in force on record, and the next run begins at once."""
        assert line.publishing
        detail = f"{step.after.release}: not readable in {len(missing)} regions after it was put"
        hold = Hold(why=Why.UNPUBLISHED, detail=detail, regions=missing, since=self._now)
        if line.hold and line.hold.why is Why.UNPUBLISHED:
            hold = replace(hold, since=line.hold.since)
        held = replace(line, hold=hold, publishing=replace(line.publishing, until=self._now))
        return replace(self._recorded(replace(step, after=held, told=()), line), recorded=False)

    def _recorded(self, step: Step, over: Line) -> Step:
        """Write the record, and its history, over the one that is there; whoever was faster is right."""
        after = replace(step.after, sequence=over.sequence)
        if after == over:
            return replace(step, after=after, recorded=True)
        after = replace(after, sequence=over.sequence + 1)
        try:
            self._record(after, over, step.told)
        except Conflict:
            return self._overtaken(step, over)
        return replace(step, after=after, recorded=True)

    def _record(self, line: Line, over: Line, told: Iterable[Told]) -> None:
        self._ports.lines.record(line, over, [_entry(line, each, self._now) for each in told])

    def _overtaken(self, step: Step, over: Line) -> Step:
        """Record what was published on top of what people said meanwhile, which is due at once.

        As long as our announcement stands nobody else publishes, and people change only what is theirs. A change that
        was not announced is not made: whoever was faster is right.
        """
        for _ in range(_TRIES):
            fresh = self._ports.lines.read([over.line]).get(over.line)
            if over.publishing is None or fresh is None or fresh.publishing != over.publishing:
                break
            in_force = replace(
                fresh,
                sequence=fresh.sequence + 1,
                current=step.after.current,
                previous=step.after.previous,
                placed=step.after.placed,
                hold=step.after.hold,
                publishing=replace(over.publishing, until=self._now),
            )
            try:
                self._record(in_force, fresh, [told for told in step.told if told.what is What.PUBLISHED])
            except Conflict:
                continue
            return replace(step, after=in_force, overtaken=True)
        return replace(step, after=step.before, busy=True)


def _entry(line: Line, told: Told, now: datetime) -> Entry:
    said = entry(line, told.what, told.release, by=ACTOR, now=now, detail=told.detail)
    if told.what is not What.PUBLISHED:
        return said
    return replace(said, published=line.current, images={r: each.image for r, each in line.placed.items()})


def _missing(
    wanted: Values, readable: Mapping[str, Mapping[str, str] | RailyardError]
) -> dict[str, tuple[str, ...]]:
    """Return the regions that do not show what was put there, with the reason."""
    missing: dict[str, tuple[str, ...]] = {}
    for region, named in wanted.items():
        found = readable[region]
        if isinstance(found, RailyardError):
            missing[region] = (found.code,)
        elif any(found.get(name) != value for name, value in named.items()):
            missing[region] = ("not_readable",)
    return missing
