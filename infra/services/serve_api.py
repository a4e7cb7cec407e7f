"""serve_api: the REST API; reads state, forwards requests to the queues, pins release lines, keeps AMI sets.

API Gateway checks the caller's IAM identity before the function sees a request; routes are the function's.
"""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_lambda as lambda_

from infra.blocks.grants import Grant, describe, on_object, on_table, send_to
from infra.blocks.lambda_function import add_function, role_of
from infra.blocks.nag import acknowledge
from infra.foundation import Foundation
from serve_api.settings import Settings


@dataclass(frozen=True, slots=True)
class Api:
    """Where the API is, and who it is when it forwards for its callers."""

    url: str
    role_id: str


def add(on: Foundation, refresh: lambda_.Function) -> Api:
    """Add the function and the API in front of it; it wakes *refresh* when people change a release line."""
    tables, queues, stage = on.tables, on.queues, on.stage
    settings = on.settings(
        Settings,
        refresh_function=refresh.function_name,
        default_security_group=on.nodes.security_group.attr_group_id,
        default_subnets=stage.network.subnets,
        default_security_groups=stage.network.security_groups,
        node_profile_arn=on.nodes.profile.instance_profile_arn,
        image_ids_allowed=stage.image_ids_allowed,
        pool_dry_run=stage.pool_dry_run,
        reply_queues=stage.reply_queue_arns(),
    )
    function = add_function(
        on,
        "serve_api",
        does="The operators' API",
        settings=settings,
        timeout_seconds=29,
        memory_mib=1024,  # a client for EC2 in every region of an AMI set costs seconds of a small processor
        may=(
            *(
                on_table(table, "BatchGetItem", "Scan")
                for table in (tables.requests, tables.instances, tables.pools)
            ),
            on_table(tables.releases, "BatchGetItem", "Query", "Scan", "PutItem"),
            on_table(tables.ami_sets, "BatchGetItem", "Query", "Scan", "PutItem"),
            on_table(tables.pools, "PutItem", "UpdateItem", "DeleteItem", "ConditionCheckItem"),
            on_table(tables.requesters, "Scan", "PutItem", "DeleteItem"),
            *on_object(on.catalogue, settings.catalogue_key, "GetObject"),
            describe("DescribeImages", "DescribeRegions", "DescribeSubnets", "DescribeSecurityGroups"),
            *(_dry_run(on) if stage.pool_dry_run else ()),
            send_to(queues.requests, queues.leases),
            Grant(actions=("lambda:InvokeFunction",), resources=(refresh.function_arn,)),
        ),
    )
    return Api(url=_api(function, on).url, role_id=role_of(function).role_id)


def _dry_run(on: Foundation) -> tuple[Grant, ...]:
    """RunInstances and PassRole, which is what a dry run tests: IAM cannot allow the test and forbid the launch."""
    because = "A pool may name any subnet, group and type; whoever may write pools may launch by them anyway."
    launch = Grant(actions=("ec2:RunInstances",), resources=("*",), because=because)
    pass_role = Grant(
        actions=("iam:PassRole",),
        resources=(on.nodes.role.role_arn,),
        conditions={"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}},
    )
    return (launch, pass_role)


def _api(function: lambda_.Function, on: Foundation) -> apigateway.RestApi:
    api = apigateway.RestApi(
        function,
        "Api",
        rest_api_name=on.name,
        endpoint_types=[apigateway.EndpointType.REGIONAL],
        deploy_options=apigateway.StageOptions(stage_name="v1"),
        cloud_watch_role=False,
        default_integration=apigateway.LambdaIntegration(function, scope_permission_to_method=False),
        default_method_options=apigateway.MethodOptions(authorization_type=apigateway.AuthorizationType.IAM),
    )
    api.root.add_method("ANY")
    api.root.add_proxy(any_method=True)
    api.node.try_remove_child("Endpoint")  # CDK's own output; ours is ApiUrl
    account = "API Gateway logs need a role of the whole account, not this stack's to set; the function logs."
    acknowledge(api, "APIG1", account)
    acknowledge(api, "APIG6", account)
    acknowledge(api, "APIG2", "The function validates every request, and tells all defects with their paths.")
    acknowledge(api, "APIG3", "IAM turns away whoever is not an operator before anything runs.")
    acknowledge(api, "COG4", "Callers are IAM identities with SigV4, not people in a user pool.")
    return api
