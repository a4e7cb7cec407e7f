"""serve_api: the REST API; reads state, forwards requests to the queues, pins release lines, keeps AMI sets.

API Gateway checks the caller's IAM identity before the function sees a request; routes are the function's.
"""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_lambda as lambda_

from infra.blocks.grants import Grant, describe, on_table, query, send_to
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
    tables, queues = on.tables, on.queues
    function = add_function(
        on,
        "serve_api",
        does="The operators' API",
        settings=on.settings(Settings, refresh_function=refresh.function_name),
        timeout_seconds=29,
        memory_mib=1024,  # a client for EC2 in every region of an AMI set costs seconds of a small processor
        may=(
            *(
                on_table(table, "GetItem", "BatchGetItem", "Query", "Scan")
                for table in (tables.requests, tables.instances, tables.pools)
            ),
            on_table(tables.releases, "BatchGetItem", "Query", "Scan", "PutItem"),
            on_table(tables.ami_sets, "BatchGetItem", "Query", "Scan", "PutItem"),
            on_table(tables.pools, "PutItem", "DeleteItem"),
            describe("DescribeImages", "DescribeRegions"),
            query(tables.requests, "waiting", "lease"),
            query(tables.instances, "alive"),
            send_to(queues.requests, queues.leases),
            Grant(actions=("lambda:InvokeFunction",), resources=(refresh.function_arn,)),
        ),
    )
    return Api(url=_api(function, on).url, role_id=role_of(function).role_id)


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
