"""The voice of the demo: one line for each thing that happened, with the time of day; never silent for long."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from local.world import World

console = Console(highlight=False, width=118 if not sys.stdout.isatty() else None)
SILENCE_SECONDS = 5.0


class StoryBroken(RuntimeError):
    """Something that had to happen did not."""


class Teller:
    """Prints what happens, with the time of day in the story; never silent for long."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._spoken = self._started
        self.world: World | None = None

    def say(self, text: str) -> None:
        """Print one line of the story."""
        self._spoken = time.monotonic()
        clock = f"{self.world.clock.now():%H:%M:%S}" if self.world else "--:--:--"
        console.print(f"[dim]{clock}  +{self._spoken - self._started:4.0f} s[/dim]  {text}")

    @contextmanager
    def busy(self, what: str) -> Iterator[None]:
        """Say *what* is going on, and again whenever it has been silent for five seconds."""
        self.say(what)
        over = threading.Event()

        def remind() -> None:
            while not over.wait(0.5):
                if time.monotonic() - self._spoken >= SILENCE_SECONDS:
                    self.say(f"[dim]... still {what}[/dim]")

        reminder = threading.Thread(target=remind, daemon=True)
        reminder.start()
        try:
            yield
        finally:
            over.set()
            reminder.join()


def expect(holds: bool, otherwise: str) -> None:  # reads as a sentence
    """Go on only if it *holds*."""
    if not holds:
        raise StoryBroken(otherwise)
