"""track_instances: EC2's events and the machines' reports; each only says where to look."""

from __future__ import annotations

from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.blocks.grants import consume, describe, on_table, records, send_to
from infra.blocks.lambda_function import add_function
from infra.blocks.wake import wake_by_queue
from infra.foundation import Foundation
from infra.queues import TRACK_SECONDS
from track_instances.settings import Settings

NAME = "track_instances"


def add(scope: Construct, on: Foundation) -> lambda_.Function:
    """Add the function and its two queues."""
    tables, queues = on.tables, on.queues
    function = add_function(
        scope,
        NAME,
        on,
        does="EC2 events and node reports to the records of instances",
        settings=Settings(
            requests_table=tables.requests.table_name,
            instances_table=tables.instances.table_name,
            pools_table=tables.pools.table_name,
            wake_queue_url=queues.wake.queue_url,
            signals_queue_url=queues.signals.queue_url,
            node_role_id=on.nodes.role.role_id,
        ),
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
    return function
