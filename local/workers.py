"""Functions as Lambda runs them: a real process for each environment, reused while it is warm.

A worker gets the synthesised asset, its layers, the template's environment and Lambda's own variables, an
empty home, and nothing else. It is killed at the timeout. A start that fails, an end in the middle and a
timeout are function errors (``Unhandled``) with Lambda's own types. Cold starts happen as on Lambda: when
every warm worker is busy.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

from local.runtime_api import Failure, Invocation, RuntimeApi
from local.specs import FunctionSpec, Surroundings, environment

INIT_SECONDS = 30.0
"""Lambda allows 10 s; a shared machine with two cores may need more."""


class Worker:
    """One process; *id* is its session token too, so that the endpoint knows which process made a call."""

    def __init__(self, spec: FunctionSpec, access_key: str, around: Surroundings) -> None:
        self.id = uuid4().hex
        self.api = RuntimeApi()
        self._spec = spec
        self._log = (around.state / "logs" / f"{spec.name}.log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-B", str(Path(__file__).with_name("bootstrap.py"))],
            env=environment(spec, access_key, self.id, self.api.address, around),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            cwd=spec.asset,
            start_new_session=True,  # Ctrl-C is for the runner, which ends its workers in order
        )
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        status = self.process.wait()
        detail = f"exit status {status}" if status >= 0 else f"signal: {-status}"
        self.api.fail(Failure("Runtime.ExitError", f"Runtime exited with error: {detail}"))

    def run(self, invocation: Invocation) -> bytes | Failure:
        """Run one event to its result; kills the process at the timeout."""
        if not self.api.ready.wait(INIT_SECONDS):
            self.kill()
            return Failure("Sandbox.Timedout", f"Init did not end within {INIT_SECONDS:.0f} seconds")
        if self.api.init_failure:
            return self.api.init_failure
        self.api.hand_over(invocation)
        if self.api.init_failure:  # ended between the two lines above
            invocation.finish(self.api.init_failure)
        if not invocation.done.wait(invocation.timeout):
            self.kill()
            message = f"{invocation.id} Task timed out after {invocation.timeout:.2f} seconds"
            return Failure("Sandbox.Timedout", message)
        return invocation.result

    @property
    def alive(self) -> bool:
        """Say whether it can take another event."""
        return self.api.init_failure is None and self.process.poll() is None

    def kill(self) -> None:
        """End the process now, as a crash would."""
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        """End the process and its listener."""
        self.kill()
        self.api.close()
        self._log.close()


class Function:
    """A function's warm and busy workers; at most *limit* run at once, further events wait."""

    def __init__(self, spec: FunctionSpec, start: Callable[[], Worker], *, limit: int = 6) -> None:
        self.spec = spec
        self.limit = limit
        self.cold_starts = 0
        self._start = start
        self._idle: list[Worker] = []
        self._workers: set[Worker] = set()
        self._free = threading.Condition()
        self._running = 0
        self._closed = False

    @property
    def running(self) -> int:
        """Return how many events are being handled."""
        return self._running

    @property
    def workers(self) -> int:
        """Return how many processes exist."""
        return len(self._workers)

    def invoke(self, payload: bytes) -> bytes | Failure:
        """Handle one event and return its result."""
        with self._free:
            self._free.wait_for(lambda: self._running < self.limit or self._closed)
            if self._closed:
                return Failure("Sandbox.Closed", "the embedded AWS is stopping")
            self._running += 1
        try:
            worker = self._acquire()
            result = worker.run(Invocation(payload, self.spec.arn, self.spec.timeout_seconds))
            self._release(worker)
            return result
        finally:
            with self._free:
                self._running -= 1
                self._free.notify()

    def _acquire(self) -> Worker:
        while True:
            with self._free:
                worker = self._idle.pop() if self._idle else None
            if worker is None:
                break
            if worker.alive:
                return worker
            self._discard(worker)
        worker = self._start()
        with self._free:
            self.cold_starts += 1
            self._workers.add(worker)
        return worker

    def _release(self, worker: Worker) -> None:
        if worker.alive and not self._closed:
            with self._free:
                self._idle.append(worker)
        else:
            self._discard(worker)

    def _discard(self, worker: Worker) -> None:
        with self._free:
            self._workers.discard(worker)
        worker.close()

    def kill(self, worker_id: str) -> None:
        """Crash the worker whose session token is *worker_id*, if it is one of ours."""
        with self._free:
            found = [worker for worker in self._workers if worker.id == worker_id]
        for worker in found:
            worker.kill()

    def close(self) -> None:
        """End every worker and refuse further events."""
        with self._free:
            self._closed = True
            workers, self._idle = list(self._workers), []
            self._free.notify_all()
        for worker in workers:
            worker.kill()
        deadline = time.monotonic() + 5
        while self._running and time.monotonic() < deadline:
            time.sleep(0.01)
        for worker in workers:
            if worker in self._workers:
                self._discard(worker)
