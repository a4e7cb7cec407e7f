"""The created stack as the runner reads it: resolved properties, physical names, outputs, functions.

moto drops layers and architecture of a function, so nothing is read back from its services: the template is
resolved with moto's own resolver, against the resources that it created.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from moto.cloudformation.models import cloudformation_backends
from moto.cloudformation.parsing import clean_json

from local.assembly import REPOSITORY, Assembly
from local.identity import ACCOUNT, REGION
from local.specs import FunctionSpec

Properties = dict[str, Any]


class Stack:
    """A created stack beside the assembly that it came from."""

    def __init__(self, assembly: Assembly) -> None:
        self.assembly = assembly
        stack = cloudformation_backends[ACCOUNT][REGION].get_stack(assembly.stack_name)
        self._resources = stack.resource_map
        self.outputs: dict[str, str] = {
            output.key: _text(output.key, output.value) for output in stack.output_map.values() if output
        }

    def raw(self, kind: str) -> Iterator[tuple[str, Properties]]:
        """Yield logical id and properties, as in the template, of every resource of type *kind*."""
        for logical_id, resource in self.assembly.template["Resources"].items():
            if resource["Type"] == kind:
                yield logical_id, resource.get("Properties", {})

    def resolved(self, kind: str) -> Iterator[tuple[str, Properties]]:
        """Yield the same with every reference resolved."""
        for logical_id, given in self.raw(kind):
            yield logical_id, clean_json(given, self._resources)

    def resource(self, logical_id: str) -> Any:
        """Return what moto or a shim created."""
        return self._resources[logical_id]

    def physical(self, logical_id: str) -> str:
        """Return what ``Ref`` gives."""
        return str(self.resource(logical_id).physical_resource_id)

    def functions(self) -> Iterator[FunctionSpec]:
        """Yield every function as its workers need it."""
        layers = {name: self._layer(name, given) for name, given in self.raw("AWS::Lambda::LayerVersion")}
        resolved = dict(self.resolved("AWS::Lambda::Function"))
        for logical_id, given in self.raw("AWS::Lambda::Function"):
            name = self.physical(logical_id)
            values = resolved[logical_id]
            variables = values.get("Environment", {}).get("Variables", {})
            yield FunctionSpec(
                name=name,
                logical_id=logical_id,
                handler=given["Handler"],
                asset=self._asset(given["Code"]),
                layers=tuple(layers[layer["Ref"]] for layer in given.get("Layers", ())),
                environment={key: str(value) for key, value in variables.items()},
                timeout_seconds=float(given.get("Timeout", 3)),
                memory_mib=int(given.get("MemorySize", 128)),
                log_group=values.get("LoggingConfig", {}).get("LogGroup", f"/aws/lambda/{name}"),
                role=referenced(given["Role"]),
            )

    def _asset(self, code: Properties) -> Path:
        return self.assembly.assets[code["S3Key"]]

    def _layer(self, logical_id: str, given: Properties) -> Path:
        """Return the layer's folder: wheels as this machine runs them, the rest as it was synthesised."""
        asset = self._asset(given["Content"])
        locked = [lock.parent.name for lock in (REPOSITORY / "layers").glob("*/requirements.txt")]
        names = [name for name in locked if logical_id.lower().startswith(name)]
        if not names:
            return asset
        # The synthesised wheels are for Lambda's processor and Python; the same lock is installed for this
        # machine.
        from infra.blocks.layers import Target, build_layer

        return build_layer(names[0], Target.HOST)


def _text(name: str, value: Any) -> str:
    """Return an output; raises ValueError for an object of moto that has no physical id."""
    if not isinstance(value, str | int | float):
        raise ValueError(f"output {name}: moto's {type(value).__name__} has no Ref; it needs a shim")
    return str(value)


def referenced(value: Any) -> str:
    """Return the first logical id that an intrinsic refers to; empty when there is none."""
    if isinstance(value, dict):
        if "Ref" in value and not str(value["Ref"]).startswith("AWS::"):
            return str(value["Ref"])
        if "Fn::GetAtt" in value:
            return str(value["Fn::GetAtt"][0])
        value = list(value.values())
    if isinstance(value, list):
        return next((found for item in value if (found := referenced(item))), "")
    return ""
