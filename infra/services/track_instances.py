"""track_instances: EC2's events and the machines' reports; each only says where to look."""

from __future__ import annotations

from infra.blocks.grants import consume, describe, on_table, records, send_to
from infra.blocks.lambda_function import add_function
from infra.blocks.wake import wake_by_queue
from infra.foundation import Foundation
from infra.queues import TRACK_SECONDS
from track_instances.settings import Settings


def add(on: Foundation) -> None:
    """Add the function and its two queues."""
    tables, queues = on.tables, on.queues
    function = add_function(
        on,
        "track_instances",
        does="EC2 events and node reports to the records of instances",
        settings=on.settings(Settings, node_role_id=on.nodes.role.role_id),
        timeout_seconds=TRACK_SECONDS,
        memory_mib=256,
        wakes_itself=True,  # an event may be faster than the listing it points to: it looks again
        may=(
            records(tables.requests),
            records(tables.instances),
            on_table(tables.pools, "BatchGetItem", "UpdateItem"),
            describe("DescribeInstances"),
            consume(queues.signals, queues.reports),
            send_to(queues.wake),
            send_to(queues.signals),
        ),
    )
    for queue in (queues.signals, queues.reports):
        wake_by_queue(function, queue, batch=10, window_seconds=1)
