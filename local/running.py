"""What runs of a created stack: its functions, and everything that wakes them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from local import gateway, wiring
from local.functions import Functions
from local.pollers import QueueMapping, QueuePoller
from local.schedules import Schedule
from local.specs import FunctionSpec
from local.streams import StreamPoller
from local.template import Stack
from local.workers import Worker

Start = Callable[[Stack, FunctionSpec], Worker]
"""Starts one worker of a function of a stack."""


class RunningStack:
    """A stack's functions, routes, schedules and pollers; without a stack there are none."""

    def __init__(self, stack: Stack | None = None, start: Start | None = None) -> None:
        self.stack = stack
        self.schedules: list[Schedule] = []
        self.pollers: list[QueuePoller | StreamPoller] = []
        self.routes: list[gateway.Route] = []
        self.functions = Functions((), _no_worker)
        if stack is not None and start is not None:
            self.functions = Functions(stack.functions(), lambda spec: start(stack, spec))
            self.routes = gateway.routes(stack)

    def wake(self, now: datetime, *, virtual: bool) -> None:
        """Start the schedules and pollers."""
        if self.stack is None:
            return
        self.schedules = wiring.schedules(self.stack, self.functions, now)
        for mapping in wiring.mappings(self.stack, virtual=virtual):
            if isinstance(mapping, QueueMapping):
                self.pollers.append(QueuePoller(mapping, self.functions))
            else:
                self.pollers.append(StreamPoller(mapping, self.functions))

    def close(self) -> None:
        """End everything; a second call does nothing."""
        self.schedules = []
        for poller in self.pollers:
            poller.stop_receiving()
        self.functions.close()  # batches under way end with their workers
        for poller in self.pollers:
            poller.close()
        self.pollers = []


def _no_worker(spec: FunctionSpec) -> Worker:
    raise LookupError(f"no stack is deployed, so {spec.name} does not run")
