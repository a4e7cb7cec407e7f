"""The door of refresh_catalogue: every six hours, and after each deployment."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

from railyard.aws.catalogues import CatalogueObject, InstanceTypes, Prices
from railyard.aws.clients import client, home_region
from railyard.aws.clock import now
from railyard.settings import from_environ
from railyard.telemetry import counts_of, logger, metrics, report
from refresh_catalogue.run import run
from refresh_catalogue.settings import Settings

PRICING_REGION = "us-east-1"
"""The Price List API answers in few regions; this one knows the prices of all. Source: its user guide."""


@cache
def _wired() -> tuple[InstanceTypes, Prices, CatalogueObject]:
    settings = from_environ(Settings, os.environ)
    return (
        InstanceTypes(client("ec2")),
        Prices(client("pricing", PRICING_REGION)),
        CatalogueObject(client("s3"), settings.catalogue_bucket, settings.catalogue_key),
    )


@metrics.log_metrics
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001  # a tick carries nothing
    """Refresh the catalogue of this region."""
    types, prices, store = _wired()
    outcome = run(types, prices, store, home_region(), now())
    report("catalogue refreshed", counts_of(outcome), prices=outcome.prices)
    return {**counts_of(outcome), "prices": outcome.prices}
