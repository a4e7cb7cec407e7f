"""PROMISES.md is true to the tests: every promise names one that exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import local.ec2

HERE = Path(__file__).parent
ROW = re.compile(r"^\| (?P<id>[A-Z]\d+) \| .+ \| .+ \| (?P<test>\w+) \|$", re.MULTILINE)


def promises() -> list[tuple[str, str]]:
    """Return id and test of each promise."""
    text = (Path(local.ec2.__file__).parent / "PROMISES.md").read_text()
    return [(m["id"], m["test"]) for m in ROW.finditer(text)]


def names_of_tests() -> set[str]:
    """Return the names of the tests in this folder."""
    trees = (ast.parse(path.read_text()) for path in HERE.glob("test_*.py"))
    return {node.name for tree in trees for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_promise_names_an_existing_test() -> None:
    assert len(promises()) > 50
    assert {test for _, test in promises()} <= names_of_tests()


def test_every_promise_has_its_own_id_and_every_row_is_read() -> None:
    text = (Path(local.ec2.__file__).parent / "PROMISES.md").read_text()
    ids = [one for one, _ in promises()]
    assert len(ids) == len(set(ids)) == sum(line.startswith("| ") for line in text.splitlines()) - 1
