"""CloudFormation types that moto lacks, drops properties of, or would create in the wrong place.

An unknown type is *skipped with a warning* by moto and the stack still says CREATE_COMPLETE, therefore
``preflight`` asks here what is known.
"""

from __future__ import annotations

import json
from typing import Any

from moto.apigateway.models import apigateway_backends
from moto.cloudformation import parsing
from moto.core.common_models import CloudFormationModel
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.table import Table
from moto.events.models import events_backends
from moto.scheduler.models import scheduler_backends
from moto.sqs.models import sqs_backends

from local.shims import custom, security_group
from local.shims.resource import Request, Resource

RECORDED = {
    "AWS::CDK::Metadata": "what the CDK reports about itself",
    "AWS::ApiGateway::Account": "the account's log role; our front writes no access log",
    "AWS::CloudWatch::Alarm": "nothing evaluates alarms here; tests/infra checks them in the template",
    "AWS::S3::BucketPolicy": "resource policies are not enforced here; tests/infra checks them",
}
"""Types that are accepted and have no effect, with the reason."""


class TableType(Resource, CloudFormationModel):
    """moto's table with the time to live and recovery that its type drops; an update keeps the table."""

    kind = "AWS::DynamoDB::Table"

    @staticmethod
    def cloudformation_name_type() -> str:
        """Return the property that names a table."""
        return "TableName"

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        """Return what moto's table knows."""
        return bool(Table.has_cfn_attr(attr))

    @classmethod
    def create(cls, request: Request) -> Any:
        """Create the table and what goes with it."""
        table = Table.create_from_cloudformation_json(
            request.name, {"Properties": request.properties}, request.account, request.region
        )
        return cls.update(table, request)

    @classmethod
    def update(cls, original: Any, request: Request) -> Any:
        """Apply the properties that may change without replacing the table."""
        backend = dynamodb_backends[request.account][request.region]
        expiry = request.properties.get("TimeToLiveSpecification")
        if expiry and expiry.get("Enabled"):
            backend.update_time_to_live(original.name, expiry)
        recovery = request.properties.get("PointInTimeRecoverySpecification")
        if recovery:
            backend.update_continuous_backups(original.name, recovery)
        original.deletion_protection_enabled = request.properties.get("DeletionProtectionEnabled", False)
        return original


class QueuePolicyType(Resource, CloudFormationModel):
    """Kept on the queue, where it can be read back."""

    kind = "AWS::SQS::QueuePolicy"

    @classmethod
    def create(cls, request: Request) -> Resource:
        """Put the policy on each queue."""
        policy = json.dumps(request.properties["PolicyDocument"])
        for url in request.properties["Queues"]:
            backend = sqs_backends[request.account][request.region]
            backend.set_queue_attributes(url.rsplit("/", 1)[-1], {"Policy": policy})
        return cls(request.name)


class ScheduleType(Resource, CloudFormationModel):
    """Kept in moto's Scheduler, which stores only; ``local.schedules`` reads and fires it."""

    kind = "AWS::Scheduler::Schedule"

    @staticmethod
    def cloudformation_name_type() -> str:
        """Return the property that names a schedule."""
        return "Name"

    @classmethod
    def create(cls, request: Request) -> Resource:
        """Create the schedule."""
        backend = scheduler_backends[request.account][request.region]
        backend.create_schedule(**cls._arguments(request), action_after_completion=None)
        return cls(request.name)

    @classmethod
    def update(cls, _original: Any, request: Request) -> Resource:
        """Change the schedule in its place."""
        scheduler_backends[request.account][request.region].update_schedule(**cls._arguments(request))
        return cls(request.name)

    def delete(self, account: str, region: str) -> None:
        """Remove the schedule, whose name somebody may want again."""
        scheduler_backends[account][region].delete_schedule("default", self.physical_resource_id)

    @staticmethod
    def _arguments(request: Request) -> dict[str, Any]:
        given = request.properties
        return {
            "name": request.name,
            "group_name": given.get("GroupName", "default"),
            "description": given.get("Description"),
            "schedule_expression": given["ScheduleExpression"],
            "schedule_expression_timezone": given.get("ScheduleExpressionTimezone", "UTC"),
            "flexible_time_window": given["FlexibleTimeWindow"],
            "state": given.get("State", "ENABLED"),
            "target": given["Target"],
            "kms_key_arn": given.get("KmsKeyArn"),
            "start_date": given.get("StartDate"),
            "end_date": given.get("EndDate"),
        }


class EventBusType(Resource, CloudFormationModel):
    """A bus whose ``Ref`` is its name: moto gives its own object, and a text with an address in it."""

    kind = "AWS::Events::EventBus"

    @staticmethod
    def cloudformation_name_type() -> str:
        """Return the property that names a bus."""
        return "Name"

    @classmethod
    def create(cls, request: Request) -> Resource:
        """Create the bus."""
        bus = events_backends[request.account][request.region].create_event_bus(name=request.name)
        return cls(bus.name, {"Arn": bus.arn, "Name": bus.name})

    @classmethod
    def update(cls, original: Any, _request: Request) -> Any:
        """Keep the bus: its name is all that it has here."""
        return original

    def delete(self, account: str, region: str) -> None:
        """Remove the bus."""
        events_backends[account][region].delete_event_bus(self.physical_resource_id)


class StageType(Resource, CloudFormationModel):
    """An API's stage; without it the URL in the outputs ends with ``/None/``."""

    kind = "AWS::ApiGateway::Stage"

    @classmethod
    def create(cls, request: Request) -> Resource:
        """Create the stage."""
        given = request.properties
        # A Ref to a Deployment arrives as moto's object, which cannot be serialised later.
        deployment = getattr(given["DeploymentId"], "id", given["DeploymentId"])
        backend = apigateway_backends[request.account][request.region]
        backend.create_stage(given["RestApiId"], given["StageName"], deployment)
        return cls(given["StageName"])

    @classmethod
    def update(cls, original: Any, _request: Request) -> Any:
        """Keep the stage; the front serves the template's routes, not moto's deployment."""
        return original


def _recorded(kind: str) -> type[Resource]:
    """Return a type that is accepted and does nothing."""

    def create(cls: type[Resource], request: Request) -> Resource:
        return cls(request.name)

    members = {"kind": kind, "create": classmethod(create), "__module__": __name__}
    return type("Recorded", (Resource, CloudFormationModel), members)


_KEPT: list[type[Resource]] = []
"""The registry of subclasses holds weak references."""


def install() -> None:
    """Register the types: before the first stack, or moto's cached registry must be cleared (it is)."""
    if not _KEPT:
        _KEPT.extend(_recorded(kind) for kind in RECORDED)
    security_group.install()
    setattr(parsing, "CustomModel", custom.CustomResourceType)  # noqa: B010  not exported
    for cached in (parsing.get_model_list, parsing.get_model_map, parsing.get_name_type_map):
        cached.cache_clear()


def known_types() -> frozenset[str]:
    """Return every type that a stack may hold here."""
    return frozenset(parsing.get_model_map())
