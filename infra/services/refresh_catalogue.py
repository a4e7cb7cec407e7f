"""refresh_catalogue: every six hours; instance types, where they are offered, and prices, as one object."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_lambda as lambda_

from infra.blocks.grants import Grant, describe, on_object
from infra.blocks.lambda_function import add_function
from infra.blocks.wake import wake_by_schedule
from infra.foundation import Foundation
from refresh_catalogue.settings import Settings

NAME = "refresh_catalogue"


def add(on: Foundation) -> lambda_.Function:
    """Add the function and its schedule."""
    settings = on.settings(Settings)
    function = add_function(
        on,
        NAME,
        does="Instance types, offerings and prices to one catalogue object",
        settings=settings,
        timeout_seconds=120,
        memory_mib=512,
        may=(
            describe("DescribeInstanceTypes", "DescribeInstanceTypeOfferings"),
            Grant(
                actions=("pricing:GetProducts",),
                resources=("*",),
                because="The Price List knows no resources.",
            ),
            *on_object(on.catalogue, settings.catalogue_key, "GetObject", "PutObject"),
        ),
    )
    wake_by_schedule(function, f"{on.name}-{NAME}", Duration.hours(6))
    return function
