"""What a run says: one summary line, one metric for each count, under the function's own name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

logger = Logger()
metrics = Metrics()


def counts_of(outcome: Any) -> dict[str, int]:
    """Return an outcome's whole numbers, and how long its lists and dictionaries are, by their names."""
    found = {field.name: getattr(outcome, field.name) for field in fields(outcome)}
    lengths = {name: len(value) for name, value in found.items() if isinstance(value, list | dict)}
    return {name: value for name, value in found.items() if isinstance(value, int)} | lengths


def report(message: str, counts: Mapping[str, int], **more: object) -> None:
    """Log *message* with its *counts* and *more*; each count is a metric too. Names are past participles."""
    for name, value in counts.items():
        metrics.add_metric(name=name.title().replace("_", ""), unit=MetricUnit.Count, value=value)
    logger.info(message, extra={**counts, **more})
