"""Documentation that can be checked: schemas are those of the code, links lead somewhere, commands exist."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from tests.local.ec2.promises import promises

ROOT = Path(__file__).parent.parent.parent
CHECKS = ROOT / "tests" / "local" / "shim_checks.py"
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])


def test_schemas_are_what_the_code_reads() -> None:
    made = runpy.run_path(str(ROOT / "docs" / "schemas" / "generate.py"))["schemas"]()
    written = {path.name: path.read_text() for path in (ROOT / "docs" / "schemas").glob("*.json")}
    assert written == made, "run `make schemas`"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_targets_that_the_readme_names_exist() -> None:
    named = set(re.findall(r"`?make ([a-z-]+)", (ROOT / "README.md").read_text()))
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert named <= targets


def test_what_the_embedded_aws_is_trusted_for_is_kept_by_a_promise_or_a_check() -> None:
    text = (ROOT / "docs" / "embedded-aws.md").read_text()
    table = text.split("## How far it can be trusted")[1].split("\n## ")[0]
    rows = [line.split("|")[3] for line in table.splitlines() if line.startswith("| ")][1:]
    kept = {promise.id for promise in promises()} | set(
        re.findall(r"^def (\w+)", CHECKS.read_text(), re.MULTILINE)
    )
    for row in rows:
        named = set(re.findall(r"`([A-Z]+[0-9]+|[a-z0-9_]+)`", row))
        assert named <= kept, row
        assert named or "not modelled" in row or "tested" in row or "refused by name" in row, row


def test_every_code_of_the_contract_is_documented() -> None:
    from railyard.model.reasons import Code

    text = (ROOT / "docs" / "integrating.md").read_text()
    assert [code.value for code in Code if code.value not in text] == []
