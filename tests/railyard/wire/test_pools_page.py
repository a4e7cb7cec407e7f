"""docs/pools.md: its table is the document's, and its examples are sound pools."""

from __future__ import annotations

import re
import runpy
import tomllib
from pathlib import Path

import pytest

from railyard.wire.pools import pool_defects

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "pools.md").read_text()
EXAMPLES = re.findall(r"^```toml pool\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_the_table_has_each_field_with_its_values_default_and_a_meaning() -> None:
    renewed = runpy.run_path(str(DOCS / "schemas" / "generate.py"))["renewed"]
    assert renewed(PAGE) == PAGE, "run `make schemas`"
    assert "| ? |" not in PAGE


def test_the_table_notices_a_field_that_is_missing_or_has_another_default() -> None:
    renewed = runpy.run_path(str(DOCS / "schemas" / "generate.py"))["renewed"]
    without = re.sub(r"^\| `idle_seconds`.*\n", "", PAGE, flags=re.MULTILINE)
    assert without != PAGE
    assert "| `idle_seconds` | 0 to 86400 | `600` | ? |" in renewed(without)
    assert renewed(PAGE.replace("| `600` | an empty", "| `601` | an empty")) == PAGE


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_is_a_sound_pool(example: str) -> None:
    assert pool_defects("example", tomllib.loads(example)) == ()


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == 3
