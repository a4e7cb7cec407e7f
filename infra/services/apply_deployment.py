"""apply_deployment: at a deployment that changes them, writes pools and requesters of ``railyard.toml``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

import msgspec
from aws_cdk import CustomResource
from aws_cdk import aws_lambda as lambda_

from apply_deployment.settings import Settings
from infra.blocks.grants import Grant, describe, on_table
from infra.blocks.lambda_function import add_function
from infra.foundation import Foundation


def add(on: Foundation, refresh: Sequence[lambda_.Function]) -> None:
    """Add the function and the custom resource that calls it; the *refresh* functions are woken after it."""
    function = add_function(
        on,
        "apply_deployment",
        does="Pools and requesters of the deployment to their tables",
        settings=on.settings(
            Settings,
            default_security_group=on.nodes.security_group.attr_group_id,
            node_profile_arn=on.nodes.profile.instance_profile_arn,
            image_ids_allowed=on.stage.image_ids_allowed,
            refresh_functions=tuple(each.function_name for each in refresh),
        ),
        timeout_seconds=120,
        memory_mib=256,
        may=(
            *(
                on_table(table, "PutItem", "UpdateItem", "DeleteItem", "ConditionCheckItem", "Scan")
                for table in (on.tables.pools, on.tables.requesters)
            ),
            describe("DescribeSubnets", "DescribeSecurityGroups"),
            Grant(actions=("lambda:InvokeFunction",), resources=tuple(each.function_arn for each in refresh)),
        ),
    )
    pools = json.dumps(on.stage.pools, sort_keys=True)
    requesters = json.dumps(msgspec.to_builtins(on.stage.requesters), sort_keys=True)
    CustomResource(
        on.stack,
        "Deployment",
        service_token=function.function_arn,
        resource_type="Custom::RailyardDeployment",
        pascal_case_properties=False,
        properties={
            "Pools": pools,
            "Requesters": requesters,
            "Code": hashlib.sha256(f"{pools}\n{requesters}".encode()).hexdigest(),
        },
    )
