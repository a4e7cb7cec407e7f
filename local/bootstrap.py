"""What a worker process runs: the handler's path, the shared clock, then awslambdaric.

Started as ``python -I -S -B bootstrap.py``, so the path holds the standard library alone. The handler then
sees what it sees on Lambda: its asset, its layers, the standard library; the runtime's own packages come
last. ``_LAYERS``,
``_RUNTIME`` and ``_CLOCK`` are ours and are gone before the handler is imported.
"""

import mmap
import os
import struct
import sys
from datetime import UTC, datetime, timedelta

task = os.environ["LAMBDA_TASK_ROOT"]
layers = [folder for folder in os.environ.pop("_LAYERS").split(os.pathsep) if folder]
runtime, clock_file = os.environ.pop("_RUNTIME"), os.environ.pop("_CLOCK")
here = os.path.dirname(os.path.abspath(__file__))
standard_library = [folder for folder in sys.path if os.path.abspath(folder) != here]
sys.path[:] = [task, *(f"{layer}/python" for layer in layers), *standard_library, runtime]
os.chdir(task)


def _take_clock() -> None:
    """Let ``railyard.aws.clock`` (three small modules, no SDK) tell the run's time."""
    try:
        from railyard.aws import clock
    except ModuleNotFoundError:
        return  # a function without our layer has only its own clock
    with open(clock_file, "rb") as file:
        shared = mmap.mmap(file.fileno(), 8, access=mmap.ACCESS_READ)
    clock.source = lambda: datetime.now(UTC) + timedelta(seconds=struct.unpack("<d", shared[:])[0])


_take_clock()
from awslambdaric.__main__ import main  # noqa: E402  after the path above

main(["bootstrap", os.environ["_HANDLER"]])
