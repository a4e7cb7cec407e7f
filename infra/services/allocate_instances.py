"""allocate_instances: request and wake queues; answers, places, launches. The only role that may launch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from allocate_instances.settings import Settings
from infra.blocks.grants import (
    Conditions,
    Grant,
    consume,
    describe,
    forbid,
    on_object,
    on_table,
    query,
    records,
    send_to,
)
from infra.blocks.lambda_function import add_function
from infra.blocks.wake import wake_by_queue
from infra.foundation import Foundation
from infra.queues import ALLOCATE_SECONDS

CREATING: Final = ("CreateFleet", "RunInstances", "CreateLaunchTemplate")
LAUNCHED: Final = ("fleet", "instance", "volume", "network-interface")
"""What a launch creates and tags. Source: service authorization reference, EC2 CreateFleet (January 2026)."""
USED: Final = ("subnet", "security-group", "key-pair", "spot-instances-request")
"""What a launch uses in this account; images and their snapshots belong to their publishers.

A Spot request is created, but CreateFleet cannot tag it, and none comes to be without a tagged instance.
"""


def add(on: Foundation, api_role_id: str) -> None:
    """Add the function and its two queues."""
    settings = on.settings(Settings, api_role_id=api_role_id, canary_pool=on.stage.images.canary_pool)
    function = add_function(
        on,
        "allocate_instances",
        does="Requests to machines: place, launch, bind, refuse",
        settings=settings,
        timeout_seconds=ALLOCATE_SECONDS,
        memory_mib=512,
        wakes_itself=True,  # a request that must wait is a pointer in the wake queue, until its deadline
        may=(*_state(on, settings), *_launch(on)),
    )
    wake_by_queue(function, on.queues.requests, batch=100, window_seconds=1, concurrency=5)
    wake_by_queue(function, on.queues.wake, batch=10, concurrency=2)


def _state(on: Foundation, settings: Settings) -> Iterator[Grant]:
    tables = on.tables
    yield records(tables.requests)
    yield records(tables.launches)
    yield records(tables.instances)
    yield on_table(tables.pools, "BatchGetItem", "UpdateItem")
    yield on_table(tables.requesters, "Scan")
    yield query(tables.requests, "waiting")
    yield query(tables.instances, "room")
    yield consume(on.queues.requests, on.queues.wake)
    yield send_to(on.queues.wake)
    yield from on_object(on.catalogue, settings.catalogue_key, "GetObject")
    yield Grant(
        actions=("ssm:GetParameters",),
        resources=(
            on.stack.format_arn(
                service="ssm", resource=f"parameter{settings.parameter_prefix}/flatcar", resource_name="*"
            ),
        ),
        because="Every channel and architecture below our own prefix.",
    )


def _launch(on: Foundation) -> Iterator[Grant]:
    """Karpenter's published policy, made narrower: things are born with our tag, and keep it."""
    stack = on.stack

    def ours(*kinds: str) -> tuple[str, ...]:
        return tuple(stack.format_arn(service="ec2", resource=kind, resource_name="*") for kind in kinds)

    born_ours: Conditions = {"StringEquals": {"aws:RequestTag/railyard:stack": on.name}}
    launch = ("ec2:CreateFleet", "ec2:RunInstances")
    unborn = "Ids are EC2's choice; the condition demands our tag at birth."
    yield Grant(actions=launch, resources=ours(*LAUNCHED), conditions=born_ours, because=unborn)
    yield Grant(
        actions=("ec2:CreateLaunchTemplate",),
        resources=ours("launch-template"),
        conditions=born_ours,
        because=unborn,
    )
    yield Grant(
        actions=launch,
        resources=ours("launch-template"),
        conditions={"StringEquals": {"aws:ResourceTag/railyard:stack": on.name}},
        because="Ids are EC2's choice; the condition demands our tag.",
    )
    foreign = tuple(f"arn:{stack.partition}:ec2:{stack.region}::{kind}/*" for kind in ("image", "snapshot"))
    yield Grant(
        actions=launch,
        resources=(*ours(*USED), *foreign),
        because="Only used by a launch, never changed; pools name them, and requesters write no pools.",
    )
    yield Grant(
        actions=("ec2:CreateTags",),
        resources=ours(*LAUNCHED, "launch-template"),
        conditions={
            "StringEquals": {"ec2:CreateAction": list(CREATING), "aws:RequestTag/railyard:stack": on.name}
        },
        because=unborn,
    )
    yield forbid(
        ("ec2:CreateTags", "ec2:DeleteTags"),
        {"Null": {"ec2:CreateAction": "true"}, "ForAnyValue:StringLike": {"aws:TagKeys": ["railyard:*"]}},
    )
    yield describe("DescribeInstances", "DescribeImages")
    yield Grant(
        actions=("iam:PassRole",),
        resources=(on.nodes.role.role_arn,),
        conditions={"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}},
    )
