"""Every shim corrects something: moto alone answers wrong, the shimmed one right.

A check that is right without its shim means that moto was repaired: delete the shim.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

CHECKS_FILE = Path(__file__).with_name("shim_checks.py")
REPOSITORY = Path(__file__).parent.parent.parent


def names_of_checks() -> list[str]:
    for node in ast.walk(ast.parse(CHECKS_FILE.read_text())):
        if isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "") == "CHECKS":
            assert isinstance(node.value, ast.Tuple)
            return [element.id for element in node.value.elts if isinstance(element, ast.Name)]
    raise AssertionError("shim_checks.py has no CHECKS")


def answers(mode: str) -> dict[str, bool]:
    """Ask in a process of its own: shims cannot be taken back."""
    child = subprocess.run(
        [sys.executable, str(CHECKS_FILE), mode], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert child.returncode == 0, child.stderr
    found: dict[str, bool] = json.loads(child.stdout.splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def bare() -> dict[str, bool]:
    return answers("bare")


@pytest.fixture(scope="module")
def shimmed() -> dict[str, bool]:
    return answers("shimmed")


@pytest.mark.parametrize("name", names_of_checks())
def test_moto_is_wrong_without_its_shim(name: str, bare: dict[str, bool]) -> None:
    assert bare[name] is False


@pytest.mark.parametrize("name", names_of_checks())
def test_moto_is_right_with_its_shim(name: str, shimmed: dict[str, bool]) -> None:
    assert shimmed[name] is True
