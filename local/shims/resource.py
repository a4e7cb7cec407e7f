"""The base of our CloudFormation resource types.

moto finds types through ``CloudFormationModel.__subclasses__()``, so each type derives from it *directly*,
with
``Resource`` first: ``class StageType(Resource, CloudFormationModel)``. A later class of the same type wins
over moto's. On update moto invents a new name for what the template leaves unnamed; a type must then keep
its physical id.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What CloudFormation asks of a type: the resolved properties and where."""

    name: str
    properties: dict[str, Any]
    account: str
    region: str
    logical_id: str = ""
    stack_id: str = ""


class Resource:
    """A created resource: ``Ref`` gives its physical id, ``Fn::GetAtt`` one of its attributes."""

    kind: ClassVar[str]

    def __init__(self, physical_id: str, attributes: dict[str, Any] | None = None) -> None:
        self._physical_id = physical_id
        self._attributes = attributes or {}

    @classmethod
    def create(cls, request: Request) -> Any:
        """Create it; return this or moto's own object."""
        raise NotImplementedError

    @classmethod
    def update(cls, _original: Any, request: Request) -> Any:
        """Bring *original* to the request's properties; by default by creating over it."""
        return cls.create(request)

    @property
    def physical_resource_id(self) -> str:
        """Return what ``Ref`` resolves to."""
        return self._physical_id

    @classmethod
    def cloudformation_type(cls) -> str:
        """Return the type's name."""
        return cls.kind

    @staticmethod
    def cloudformation_name_type() -> str:
        """Return the property that names the resource; none, unless a type says so."""
        return ""

    @classmethod
    def has_cfn_attr(cls, _attr: str) -> bool:
        """Accept every attribute at validation; resolving an unknown one fails."""
        return True

    def get_cfn_attribute(self, name: str) -> Any:
        """Return an attribute for ``Fn::GetAtt``."""
        return self._attributes[name]

    def is_created(self) -> bool:
        """Say that it is there: nothing here takes time."""
        return True

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **more: Any
    ) -> Any:
        """Answer moto's call to create."""
        return cls.create(
            Request(
                name=resource_name,
                properties=cloudformation_json["Properties"],
                account=account_id,
                region=region_name,
                logical_id=more.get("LogicalId", ""),
                stack_id=more.get("StackId", ""),
            )
        )

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Any,
        new_resource_name: str,  # noqa: ARG003  moto's invention; the name below is the one to keep
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
    ) -> Any:
        """Answer moto's call to update, under the old physical id."""
        name = original_resource.physical_resource_id
        properties = cloudformation_json["Properties"]
        request = Request(name=name, properties=properties, account=account_id, region=region_name)
        return cls.update(original_resource, request)

    def delete(self, _account: str, _region: str) -> None:
        """Remove it when its stack goes; by default there is nothing to remove."""
