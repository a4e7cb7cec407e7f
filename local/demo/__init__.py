"""A day of Railyard, told in a minute: everything below happened, and the demo fails if it did not.

A virtual clock moves the day; machines, leases, schedules and queues follow it. The tables at the end are counted from
the answers that came to the reply queue and from the log of AWS calls, not from what the story expected.
"""

from __future__ import annotations

import sys

from local.demo.chapters import burst, evening, interruption, morning, work
from local.demo.day import Day
from local.demo.night import CONTEXT, night
from local.demo.report import report
from local.demo.telling import StoryBroken, Teller, console
from local.options import Options
from local.world import World


def main() -> None:
    """Tell the day; exit 1 if it did not go as promised."""
    teller = Teller()
    try:
        with teller.busy("starting the embedded AWS: template, layers, stack, workers"):
            world = World(Options(clock="virtual", context=CONTEXT))
            world.feed.set("older")  # the newer release comes in the night
            world.start()
        try:
            teller.world = world
            day = Day(world, teller)
            for chapter in (morning, burst, work, interruption, evening, night):
                chapter(day)
            report(day)
        finally:
            teller.world = None
            with teller.busy("stopping"):
                world.stop()
    except StoryBroken as broken:
        console.print(f"[red]the day went wrong: {broken}[/red]")
        sys.exit(1)
