"""Custom resources: recorded while the stack is created, carried out when the handlers can run.

moto would call the function from inside CreateStack, before anything could serve it. The runner asks for
the recorded requests afterwards and performs CloudFormation's protocol itself (``local.deployment``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

from moto.core.common_models import CloudFormationModel

from local.shims.resource import Request, Resource


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomRequest:
    """What the service token's function must be told."""

    request_type: str
    kind: str
    logical_id: str
    physical_id: str | None
    stack_id: str
    properties: dict[str, Any]
    old_properties: dict[str, Any] | None = None


PENDING: list[CustomRequest] = []
"""Requests that nobody has carried out yet, in template order."""


class CustomResourceType(Resource, CloudFormationModel):
    """Any ``Custom::*``."""

    kind = "Custom::*"

    def __init__(self, request: CustomRequest) -> None:
        super().__init__(request.physical_id or f"{request.logical_id}-{uuid4().hex[:8]}")
        self.request = request

    @classmethod
    def create_from_cloudformation_json(cls, *given: Any, **more: Any) -> Any:
        """Record the creation."""
        request = CustomRequest(
            request_type="Create",
            kind=more["ResourceType"],
            logical_id=more["LogicalId"],
            physical_id=None,
            stack_id=more["StackId"],
            properties=given[1]["Properties"],
        )
        PENDING.append(request)
        return cls(request)

    def deletion(self) -> CustomRequest:
        """Return the request that removes it."""
        return replace(self.request, request_type="Delete", physical_id=self.physical_resource_id)

    @classmethod
    def update(cls, original: Any, request: Request) -> Any:
        """Record the change, with the properties as they were."""
        before: CustomRequest = original.request
        change = CustomRequest(
            request_type="Update",
            kind=before.kind,
            logical_id=before.logical_id,
            physical_id=original.physical_resource_id,
            stack_id=before.stack_id,
            properties=request.properties,
            old_properties=before.properties,
        )
        PENDING.append(change)
        return cls(change)
