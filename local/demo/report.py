"""The tables at the end: what was answered, and what was asked of AWS, as counted."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from rich.table import Table

from local.demo.day import Day
from local.demo.telling import console
from local.world import World


def report(day: Day) -> None:
    """What was answered, and what was asked of AWS, as counted."""
    events = Counter(answer["event"] for answer in day.answers)
    what = Table(title="What the requester heard", title_justify="left")
    for column in ("event", "answers", "requests"):
        what.add_column(column)
    for event, count in events.most_common():
        names = sorted({str(a["request_id"]) for a in day.answers if a["event"] == event})
        what.add_row(event, str(count), ", ".join(names))
    console.print(what)
    console.print(_machines(day))
    asked = Table(title="What each function asked of AWS", title_justify="left")
    for column in ("function", "calls", "of which"):
        asked.add_column(column)
    for function, counts in sorted(_calls(day.world).items()):
        listed = ", ".join(f"{operation} {count}" for operation, count in counts.most_common())
        asked.add_row(function.removeprefix("railyard-"), str(counts.total()), listed)
    console.print(asked)


def _machines(day: Day) -> Table:
    table = Table(title="Machines of the day", title_justify="left")
    for column in ("instance", "type", "market", "zone", "lived", "USD/h at most"):
        table.add_column(column)
    prices = {
        share["instance_id"]: share["usd_per_hour"]
        for answer in day.answers
        for share in answer.get("allocations", ())
    }
    for machine in sorted(day.world.ec2.instances(), key=lambda each: each.launched_at):
        pool = machine.pool
        ended = day.ended.get(machine.instance_id, day.world.clock.now())
        lived = timedelta(seconds=round((ended - machine.launched_at).total_seconds()))
        price = prices.get(machine.instance_id)
        row = (machine.instance_id, pool.instance_type, pool.market, pool.zone, str(lived))
        table.add_row(*row, f"{price:.4f}" if price else "")
    return table


def _calls(world: World) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = {}
    for call in world.calls():
        found.setdefault(call.function or "?", Counter())[call.operation] += 1
    return found
