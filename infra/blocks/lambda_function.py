"""A function of this house: its own asset, role, log group and settings.

Python 3.13 on arm64, JSON logs. The role holds all its statements inline and nothing is added to it later,
so what stands in ``services/`` is all that the function may do, and a function that exists may already do
it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.blocks.asset import only, with_files
from infra.blocks.grants import Grant, policy
from infra.blocks.layers import REPOSITORY
from infra.blocks.nag import acknowledge, acknowledge_wildcard
from infra.foundation import Foundation
from railyard.settings import to_environ

RETENTION: Final = {
    1: logs.RetentionDays.ONE_DAY,
    7: logs.RetentionDays.ONE_WEEK,
    14: logs.RetentionDays.TWO_WEEKS,
    30: logs.RetentionDays.ONE_MONTH,
    90: logs.RetentionDays.THREE_MONTHS,
    180: logs.RetentionDays.SIX_MONTHS,
    365: logs.RetentionDays.ONE_YEAR,
}


def add_function(
    on: Foundation,
    name: str,
    *,
    does: str,
    settings: Any,
    timeout_seconds: int,
    memory_mib: int,
    may: Iterable[Grant],
    layers: Iterable[str] = ("railyard", "vendor"),
    carries: Mapping[str, Path] | None = None,
    wakes_itself: bool = False,
) -> lambda_.Function:
    """Add function *name* of ``functions/``; *settings* is its Settings, *may* all its rights.

    Files that it *carries* lie beside its folder in LAMBDA_TASK_ROOT, under the names given.
    A function that *wakes_itself* by a queue it reads must say so: Lambda drops what looks like an endless
    loop, after some 16 rounds. Source: Lambda developer guide, recursive loop detection (January 2026).
    """
    home = Construct(on.stack, name.title().replace("_", ""))
    log_group = logs.LogGroup(
        home,
        "Logs",
        log_group_name=f"/aws/lambda/{on.name}-{name}",
        retention=RETENTION[on.stage.log_retention_days],
        removal_policy=RemovalPolicy.DESTROY,  # a retained group would stand in the way of the next stack
    )
    folder = REPOSITORY / "functions" / name
    function = lambda_.Function(
        home,
        "Function",
        function_name=f"{on.name}-{name}",
        description=does,
        runtime=lambda_.Runtime.PYTHON_3_13,
        architecture=lambda_.Architecture.ARM_64,
        code=with_files(folder, carries) if carries else only(folder),
        handler=f"{name}.handler.handler",
        role=_role(home, log_group, may).without_policy_updates(),
        layers=[on.layers[layer] for layer in layers],
        timeout=Duration.seconds(timeout_seconds),
        memory_size=memory_mib,
        environment=to_environ(settings) | _powertools(name),
        log_group=log_group,
        logging_format=lambda_.LoggingFormat.JSON,
        recursive_loop=lambda_.RecursiveLoop.ALLOW if wakes_itself else None,
    )
    acknowledge(
        function, "L1", "The layers are locked for 3.13, the runtime that their wheels were tested on."
    )
    return function


def role_of(function: lambda_.Function) -> iam.Role:
    """Return the role that ``add_function`` made; ``function.role`` is only its unchangeable face."""
    home = function.node.scope
    role = home.node.find_child("Role") if home else None
    if not isinstance(role, iam.Role):
        raise TypeError(f"{function.node.path} was not made by add_function")
    return role


def _role(home: Construct, log_group: logs.LogGroup, may: Iterable[Grant]) -> iam.Role:
    logging = Grant(
        actions=("logs:CreateLogStream", "logs:PutLogEvents"), resources=(log_group.log_group_arn,)
    )
    grants = (logging, *may)
    role = iam.Role(
        home,
        "Role",
        assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
        inline_policies=policy(*grants),
    )
    for arn, because in {arn: grant.because for grant in grants for arn in grant.wildcards}.items():
        acknowledge_wildcard(role, arn, because)
    return role


def _powertools(name: str) -> dict[str, str]:
    return {"POWERTOOLS_SERVICE_NAME": name, "POWERTOOLS_METRICS_NAMESPACE": "Railyard"}
