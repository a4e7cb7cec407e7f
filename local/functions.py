"""The world's functions by name, and the invocations that nobody waits for."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor

from local.runtime_api import Failure
from local.specs import FunctionSpec
from local.workers import Function, Worker

ASYNC_ATTEMPTS = 3
"""Tries of an asynchronous event, the first included. Source: Lambda developer guide, async invocation."""


class HandlerFailed(RuntimeError):
    """A handler that was invoked directly ended with an error."""

    def __init__(self, function: str, failure: Failure) -> None:
        super().__init__(f"{function}: {failure.type}: {failure.message}")
        self.failure = failure


class Functions:
    """Every function; ``Event`` invocations run on a pool of their own."""

    def __init__(self, specs: Iterable[FunctionSpec], start: Callable[[FunctionSpec], Worker]) -> None:
        self.by_name = {spec.name: _function(spec, start) for spec in specs}
        self._pool = ThreadPoolExecutor(max_workers=16, thread_name_prefix="event")
        self._lock = threading.Lock()
        self._later = 0
        self.finished = 0

    def resolve(self, name: str) -> str:
        """Return the physical name for *name*, which may lack the stage's prefix; raises KeyError."""
        if name in self.by_name:
            return name
        matches = [known for known in self.by_name if known.endswith(f"-{name}")]
        if len(matches) != 1:
            raise KeyError(f"no function {name}; there are: {', '.join(sorted(self.by_name))}")
        return matches[0]

    def has(self, name: str) -> bool:
        """Say whether a function of exactly this name exists."""
        return name in self.by_name

    def invoke(self, name: str, payload: bytes) -> bytes | Failure:
        """Run the function and wait for its result."""
        result = self.by_name[name].invoke(payload)
        with self._lock:
            self.finished += 1
        return result

    def invoke_later(self, name: str, payload: bytes, attempts: int = ASYNC_ATTEMPTS) -> None:
        """Run the function on another thread, again after a failure."""
        with self._lock:
            self._later += 1
        self._pool.submit(self._try, name, payload, attempts).add_done_callback(self._done)

    def _try(self, name: str, payload: bytes, attempts: int) -> None:
        for _ in range(attempts):
            if not isinstance(self.invoke(name, payload), Failure):
                return

    def _done(self, _: Future[None]) -> None:
        with self._lock:
            self._later -= 1

    def kill(self, worker_id: str) -> None:
        """Crash one worker."""
        for function in self.by_name.values():
            function.kill(worker_id)

    def busy(self) -> list[str]:
        """Return the functions that are handling events, and how many events wait for nobody."""
        running = [name for name, function in self.by_name.items() if function.running]
        return running + ([f"{self._later} asynchronous"] if self._later else [])

    def close(self) -> None:
        """End all workers."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        for function in self.by_name.values():
            function.close()
        self._pool.shutdown(wait=True)


def _function(spec: FunctionSpec, start: Callable[[FunctionSpec], Worker]) -> Function:
    return Function(spec, lambda: start(spec))


def decoded(result: bytes | Failure) -> object:
    """Return a handler's result as the document that it is."""
    return json.loads(result.payload() if isinstance(result, Failure) else result or b"null")
