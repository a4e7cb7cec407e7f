"""cdk-nag's findings and our acknowledgements are the same set."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aws_cdk import Validations

from infra.app import build
from tests.infra.synthesised import Synthesised

Acknowledged = tuple[str, str, str]


def test_nothing_is_found_that_is_not_acknowledged(stack: Synthesised) -> None:
    for report in reports(stack):
        assert (report["pluginName"], report["violations"]) == (report["pluginName"], [])
    assert "AwsSolutions" in {report["pluginName"] for report in reports(stack)}


def test_nothing_is_acknowledged_that_is_not_found(
    stack: Synthesised, acknowledgements: list[Acknowledged]
) -> None:
    """cdk-nag itself is silent about an acknowledgement that matches nothing."""
    found = {
        (finding["acknowledgedAt"], finding["acknowledgedId"])
        for report in reports(stack)
        for finding in report["suppressedViolations"]
    }
    assert {(path, rule) for path, rule, _ in acknowledgements} == found


def test_every_acknowledgement_gives_a_reason(acknowledgements: list[Acknowledged]) -> None:
    assert all(len(reason.split()) >= 5 for _, _, reason in acknowledgements)


def reports(stack: Synthesised) -> list[dict[str, Any]]:
    report = json.loads((stack.folder / "validation-report.json").read_text())
    return list(report["pluginReports"])


@pytest.fixture(scope="module")
def acknowledgements() -> list[Acknowledged]:
    """Path, rule and reason of every acknowledgement in the construct tree."""
    return [
        (construct.node.path, rule, reason)
        for construct in build().node.find_all()
        for entry in construct.node.metadata
        if entry.type == Validations.ACKNOWLEDGED_RULES_METADATA_KEY
        for rule, reason in entry.data.items()
    ]
