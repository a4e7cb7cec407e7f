"""Time passing: a ticker for the real clock, and steps from one due moment to the next for a virtual one."""

from __future__ import annotations

import threading
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from local.pollers import QueuePoller, next_visible

if TYPE_CHECKING:
    from local.world import World

TICK_SECONDS = 0.1
LOOK_SECONDS = 0.003


class NotDrained(RuntimeError):
    """Work was still going on when patience ended; the message says where."""


class Stepper:
    """Fires schedules and EC2's effects when they are due."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._stepping = threading.RLock()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._tick, name="ticker", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop the ticker."""
        self._closing.set()
        self._thread.join()

    def advance(self, seconds: float) -> None:
        """Move the clock by *seconds*: due schedules, effects and messages happen in order, each drained."""
        clock = self._world.clock
        if not clock.virtual:
            raise ValueError("the clock is real: start with --clock virtual")
        if seconds < 0:
            raise ValueError("time does not run backwards")
        with self._stepping:
            target = clock.now() + timedelta(seconds=seconds)
            self._fire()
            self.drain()
            while (due := self._next_due()) is not None and due < target:
                clock.reach(due)
                self._fire()
                self.drain()
            clock.reach(target)
            self._fire()
            self.drain()

    def drain(self, patience_seconds: float = 60) -> None:
        """Wait until nothing is left to do at this moment."""
        deadline = time.monotonic() + patience_seconds
        while not self._quiet():
            if time.monotonic() > deadline:
                raise NotDrained(f"still busy after {patience_seconds:.0f} s: {self._busy()}")
            time.sleep(LOOK_SECONDS)

    def _quiet(self) -> bool:
        # A handler that ends while we look may feed a queue that was already found empty; its end is counted.
        functions = self._world.functions
        before = functions.finished
        return not self._busy() and functions.finished == before

    def _busy(self) -> list[str]:
        busy = [poller.name for poller in self._world.run.pollers if not poller.idle()]
        return busy + self._world.functions.busy()

    def _next_due(self) -> datetime | None:
        now = self._world.clock.now()
        moments = [schedule.due for schedule in self._world.run.schedules if schedule.due]
        world = self._world
        effects = (world.ec2.advance(), world.endpoint.late.run(now), world.nodes.run(now))
        moments += [effect for effect in effects if effect]
        queues = {p.mapping.queue for p in self._world.run.pollers if isinstance(p, QueuePoller)}
        if (seconds := next_visible(queues)) is not None:
            moments.append(now + timedelta(seconds=seconds))
        return min(moments, default=None)

    def _fire(self) -> None:
        now = self._world.clock.now()
        for schedule in sorted(self._world.run.schedules, key=lambda schedule: schedule.due or now):
            schedule.run_if_due(now)
        self._world.endpoint.late.run(now)
        self._world.ec2.advance()
        self._world.nodes.run(now)

    def _tick(self) -> None:
        while not self._closing.wait(TICK_SECONDS):
            if self._stepping.acquire(blocking=False):
                try:
                    self._fire()
                finally:
                    self._stepping.release()
