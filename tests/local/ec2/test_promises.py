"""PROMISES.md is true: a promise for every test, a test for every promise, and a switch for each."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.local.ec2.mutate import switches
from tests.local.ec2.promises import PROMISES, promises

pytestmark = pytest.mark.ways("direct")

HERE = Path(__file__).parent
PLUMBING = ("test_promises.py", "test_wire.py")
"""Tests of these files are about this repository, not about EC2; some keep a promise all the same."""


def _tests_in(path: Path) -> set[str]:
    """Return the names of the tests of a file."""
    body = ast.parse(path.read_text()).body
    return {n.name for n in body if isinstance(n, ast.FunctionDef) and n.name.startswith("test_")}


def test_every_row_is_read_and_has_its_own_id_and_test() -> None:
    rows = [line for line in PROMISES.read_text().splitlines() if re.match(r"\| [A-Z]+\d+ ", line)]
    assert (
        len(rows) == len(promises()) == len({p.id for p in promises()}) == len({p.test for p in promises()})
    )


def test_every_promise_has_a_test_and_every_test_a_promise() -> None:
    files = {path.name: _tests_in(path) for path in HERE.glob("test_*.py")}
    kept = {promise.test for promise in promises()}
    assert kept <= set().union(*files.values())
    assert set().union(*(tests for name, tests in files.items() if name not in PLUMBING)) <= kept


def test_every_promise_can_be_switched_off() -> None:
    assert switches().keys() == {promise.id for promise in promises()}
    for switch in switches().values():
        assert switch.applied(switch.path.read_text()) != switch.path.read_text()
