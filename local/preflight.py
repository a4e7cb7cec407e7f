"""Refuse a template that would be created only in part.

moto skips a type that it does not know and ignores properties that it does not read, and still reports
success. Here every type and property is either honoured (by moto, a shim or the runner), or listed as
dropped with the reason; anything else stops the start and is named.
"""

from __future__ import annotations

from typing import Any

from local.shims.cloudformation import RECORDED, known_types

HONOURED = {
    "AWS::ApiGateway::Deployment": "RestApiId StageName Description",
    "AWS::ApiGateway::Method": "AuthorizationType HttpMethod Integration ResourceId RestApiId",
    "AWS::ApiGateway::Resource": "ParentId PathPart RestApiId",
    "AWS::ApiGateway::RestApi": "Name Description EndpointConfiguration",
    "AWS::ApiGateway::Stage": "DeploymentId RestApiId StageName",
    "AWS::DynamoDB::Table": "AttributeDefinitions BillingMode DeletionProtectionEnabled "
    "GlobalSecondaryIndexes KeySchema PointInTimeRecoverySpecification SSESpecification StreamSpecification "
    "TableName Tags TimeToLiveSpecification",
    "AWS::EC2::SecurityGroup": "GroupDescription GroupName SecurityGroupIngress VpcId",
    "AWS::Events::EventBus": "Name",
    "AWS::Events::Rule": "EventBusName EventPattern Name State Targets",
    "AWS::IAM::InstanceProfile": "InstanceProfileName Path Roles",
    "AWS::IAM::ManagedPolicy": "Description ManagedPolicyName Path PolicyDocument Roles",
    "AWS::IAM::Policy": "PolicyDocument PolicyName Roles",
    "AWS::IAM::Role": "AssumeRolePolicyDocument Description MaxSessionDuration Path Policies RoleName Tags",
    "AWS::Lambda::EventSourceMapping": "BatchSize BisectBatchOnFunctionError DestinationConfig Enabled "
    "EventSourceArn FunctionName FunctionResponseTypes MaximumBatchingWindowInSeconds MaximumRetryAttempts "
    "ScalingConfig StartingPosition",
    "AWS::Lambda::Function": "Code Description Environment FunctionName Handler Layers LoggingConfig "
    "MemorySize Role Timeout",
    "AWS::Lambda::LayerVersion": "CompatibleRuntimes Content Description LayerName",
    "AWS::Logs::LogGroup": "LogGroupName RetentionInDays",
    "AWS::S3::Bucket": "BucketEncryption BucketName Tags",
    "AWS::SQS::Queue": "DelaySeconds MessageRetentionPeriod QueueName ReceiveMessageWaitTimeSeconds "
    "RedrivePolicy SqsManagedSseEnabled Tags VisibilityTimeout",
    "AWS::SQS::QueuePolicy": "PolicyDocument Queues",
    "AWS::Scheduler::Schedule": "Description FlexibleTimeWindow GroupName Name ScheduleExpression State "
    "Target",
}
"""By type, the properties that have their effect here."""

NOT_ENFORCED = "permissions are not enforced here; tests/infra reads them in the template"
DROPPED = {
    ("AWS::EC2::SecurityGroup", "SecurityGroupEgress"): "the machines are simulated, nothing leaves them",
    ("AWS::EC2::SecurityGroup", "Tags"): "nobody looks security groups up by tag",
    ("AWS::IAM::Role", "ManagedPolicyArns"): NOT_ENFORCED,
    ("AWS::Lambda::Function", "Architectures"): "workers run on this machine's processor",
    ("AWS::Lambda::Function", "RecursiveLoop"): "Lambda's loop detection guards a bill that nobody pays here",
    ("AWS::Lambda::Function", "Runtime"): "workers run on this environment's Python",
    ("AWS::Lambda::LayerVersion", "CompatibleArchitectures"): "wheels are installed for this machine",
    **{
        ("AWS::Lambda::Permission", name): NOT_ENFORCED
        for name in ("Action", "FunctionName", "Principal", "SourceArn", "SourceAccount")
    },
    ("AWS::Logs::LogGroup", "Tags"): "logs are files here",
    ("AWS::S3::Bucket", "PublicAccessBlockConfiguration"): NOT_ENFORCED,
    (
        "AWS::Scheduler::Schedule",
        "ScheduleExpressionTimezone",
    ): "only Etc/UTC is accepted, which is how schedules run",
}
"""By type and property, why its absence changes nothing here."""


class Unsupported(RuntimeError):
    """The template holds something that would be lost silently; the message names all of it."""


def check(template: dict[str, Any]) -> None:
    """Raise Unsupported unless everything in *template* is known."""
    found: set[str] = set()
    types = known_types()
    for resource in template["Resources"].values():
        kind, given = resource["Type"], resource.get("Properties", {})
        if kind.startswith("Custom::") or kind in RECORDED:
            continue
        if kind not in types:
            found.add(kind)
            continue
        honoured = HONOURED.get(kind, "").split()
        found |= {f"{kind}.{name}" for name in given if name not in honoured and (kind, name) not in DROPPED}
        found |= _unknown_values(kind, given)
    if found:
        raise Unsupported("the embedded AWS would lose: " + ", ".join(sorted(found)))


def _unknown_values(kind: str, given: dict[str, Any]) -> set[str]:
    zone = given.get("ScheduleExpressionTimezone", "UTC")
    if kind == "AWS::Scheduler::Schedule" and zone not in ("UTC", "Etc/UTC"):
        return {f"{kind}.ScheduleExpressionTimezone={zone}"}
    if kind == "AWS::Events::Rule" and "EventPattern" not in given:
        return {f"{kind} without EventPattern (use AWS::Scheduler::Schedule)"}
    return set()
