"""keep_leases: the lease queue; renew, release, cancel, never behind a burst of requests."""

from __future__ import annotations

from infra.blocks.grants import consume, on_table, records, send_to
from infra.blocks.lambda_function import add_function
from infra.blocks.wake import wake_by_queue
from infra.foundation import Foundation
from infra.queues import KEEP_LEASES_SECONDS
from keep_leases.settings import Settings


def add(on: Foundation, api_role_id: str) -> None:
    """Add the function and its queue."""
    tables, queues = on.tables, on.queues
    function = add_function(
        on,
        "keep_leases",
        does="Renewals, releases and cancellations",
        settings=on.settings(Settings, api_role_id=api_role_id),
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
