"""What a run says: one summary line, one metric for each count, under the function's own name."""

from __future__ import annotations

from collections.abc import Mapping

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

logger = Logger()
metrics = Metrics()


def report(message: str, counts: Mapping[str, int], **fields: object) -> None:
    """Log *message* with its *counts* and *fields*; each count is a metric too. Names are past participles."""
    for name, value in counts.items():
        metrics.add_metric(name=name.title().replace("_", ""), unit=MetricUnit.Count, value=value)
    logger.info(message, extra={**counts, **fields})
