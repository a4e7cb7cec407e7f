"""keep_leases: the lease queue; renew, release, cancel, never behind a burst of requests."""

from __future__ import annotations

from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.blocks.grants import consume, on_table, records, send_to
from infra.blocks.lambda_function import add_function
from infra.blocks.wake import wake_by_queue
from infra.foundation import Foundation
from infra.queues import KEEP_LEASES_SECONDS
from keep_leases.settings import Settings

NAME = "keep_leases"


def add(scope: Construct, on: Foundation, api_role_id: str) -> lambda_.Function:
    """Add the function and its queue."""
    tables, queues = on.tables, on.queues
    function = add_function(
        scope,
        NAME,
        on,
        does="Renewals, releases and cancellations",
        settings=Settings(
            requests_table=tables.requests.table_name,
            instances_table=tables.instances.table_name,
            pools_table=tables.pools.table_name,
            requesters_table=tables.requesters.table_name,
            wake_queue_url=queues.wake.queue_url,
            api_role_id=api_role_id,
        ),
        timeout_seconds=KEEP_LEASES_SECONDS,
        memory_mib=256,
        may=(
            records(tables.requests),
            records(tables.instances),
            on_table(tables.pools, "UpdateItem"),
            on_table(tables.requesters, "Scan"),
            consume(queues.leases),
            send_to(queues.wake),
        ),
    )
    wake_by_queue(function, queues.leases, batch=10)
    return function
