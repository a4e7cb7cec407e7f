"""Keep a world of our small stack running, as ``up`` does, until a signal; the argument is its folder."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from local.__main__ import unwind_when_told
from local.world import Options, World
from tests.local.stand import a_stack

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    unwind_when_told()
    with World(Options(state=folder / "state"), assembly=a_stack(folder)) as world:
        world.invoke("echo")
        print("started", flush=True)
        threading.Event().wait()
