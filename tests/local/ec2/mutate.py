"""``make mutate-model``: switch each promise of the EC2 model off in turn, and see its test fail.

A switch (``switches/*.toml``) says which text of which file keeps a promise, and what to put in its place. Each
runs in a process of its own that loads the changed source; the files themselves stay as they are.
"""

from __future__ import annotations

import contextlib
import importlib.abc
import importlib.machinery
import multiprocessing
import os
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[2]
PACKAGE = "local.ec2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """How to turn one promise off; *file* is relative to the package, *on* occurs in it once."""

    promise: str
    file: str
    on: str
    off: str

    def applied(self, source: str) -> str:
        """Return *source* without the promise."""
        if source.count(self.on) != 1:
            raise ValueError(f"{self.promise}: {self.file} has {source.count(self.on)} times {self.on!r}")
        return source.replace(self.on, self.off)

    @property
    def path(self) -> Path:
        """The file with the text."""
        return REPOSITORY / PACKAGE.replace(".", "/") / self.file


def switches() -> dict[str, Switch]:
    """Return every switch by its promise."""
    found: dict[str, Switch] = {}
    for path in sorted((HERE / "switches").glob("*.toml")):
        for promise, texts in tomllib.loads(path.read_text()).items():
            if promise in found:
                raise ValueError(f"{promise} has two switches, one in {path.name}")
            found[promise] = Switch(promise=promise, **texts)
    return found


class _Changed(importlib.machinery.SourceFileLoader):
    """Loads one module with a promise switched off; its compiled form is kept nowhere."""

    def __init__(self, name: str, switch: Switch) -> None:
        super().__init__(name, str(switch.path))
        self._switch = switch

    def get_data(self, path: str) -> bytes:
        return self._switch.applied(Path(path).read_text()).encode()

    def path_stats(self, path: str) -> Any:
        raise OSError(f"{path} is changed in memory")


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, switch: Switch) -> None:
        self._switch = switch
        self._name = f"{PACKAGE}.{switch.file.removesuffix('.py')}"

    def find_spec(self, fullname: str, *_: Any) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._name:
            return None
        loader = _Changed(fullname, self._switch)
        return importlib.machinery.ModuleSpec(fullname, loader, origin=str(self._switch.path))


def _survives(job: tuple[Switch, str]) -> tuple[str, bool]:
    """Run one promise's test without the promise; True if nothing failed."""
    switch, test = job
    sys.meta_path.insert(0, _Finder(switch))
    quick = ["--assert=plain", f"--confcutdir={HERE}", "-p", "no:cacheprovider", "-p", "no:xdist", "--tb=no"]
    chosen = ["-q", "-x", *quick, "-k", f"{test} and direct"]
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        code = pytest.main([*chosen, str(file_of(test))])
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise RuntimeError(f"{switch.promise}: {test} did not run: exit {code!r}")
    return switch.promise, code == pytest.ExitCode.OK


def file_of(test: str) -> Path:
    """Return the file with a test."""
    for path in sorted(HERE.glob("test_*.py")):
        if f"def {test}(" in path.read_text():
            return path
    raise ValueError(f"no test {test}")


def _jobs(only: set[str]) -> Iterator[tuple[Switch, str]]:
    from tests.local.ec2.promises import promises  # this process must not load the model

    known = switches()
    for promise in promises():
        if promise.id in known and (not only or promise.id in only):
            yield known[promise.id], promise.test


def _warm() -> None:
    """Import once, before the processes part, what every test needs and no switch changes."""
    for module in (
        "boto3",
        "hypothesis.strategies",
        "moto.core.parse",
        "moto.core.utils",
        "werkzeug.serving",
    ):
        importlib.import_module(module)


def main(only: set[str]) -> int:
    """Switch off the promises in *only*, or all; return how many were not missed by their test."""
    _warm()
    jobs = list(_jobs(only))
    survivors = []
    with multiprocessing.get_context("fork").Pool(os.cpu_count(), maxtasksperchild=1) as pool:
        for number, (promise, survived) in enumerate(pool.imap_unordered(_survives, jobs), 1):
            survivors += [promise] * survived
            mark = "SURVIVED" if survived else "caught"
            print(f"{number:4d}/{len(jobs)}  {promise:5s} {mark}", flush=True)
    print(f"{len(jobs)} promises switched off, {len(jobs) - len(survivors)} caught")
    for promise in survivors:
        print(f"not missed by its test: {promise}  {switches()[promise].on!r}")
    return len(survivors)


if __name__ == "__main__":
    sys.exit(main(set(sys.argv[1:])) > 0)
