"""CloudFormation whose stacks run: moto keeps the resources, the world runs the functions.

Every way to deploy passes here: the world's own start, and ``cdk deploy`` from any shell. After moto has
created or changed a stack with functions, they start, custom resources are carried out, and what fails
is rolled back and told in the stack's status and events, where the CDK's command line looks.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from moto.cloudformation.models import cloudformation_backends

from local import preflight
from local.assembly import Assembly
from local.deployment import DeploymentFailed
from local.identity import ACCOUNT, REGION
from local.listener import Request, Response
from local.protocols import refusal
from local.shims import custom

if TYPE_CHECKING:
    from local.world import World

DELETION_ACCEPTED = b"<DeleteStackResponse><ResponseMetadata/></DeleteStackResponse>"
ROLLED_BACK = {"CreateStack": "ROLLBACK_COMPLETE", "UpdateStack": "UPDATE_ROLLBACK_COMPLETE"}


class CloudFormation:
    """Answers CloudFormation's requests and lets the world follow."""

    def __init__(self, world: World) -> None:
        self._world = world

    def answer(self, request: Request, region: str) -> Response:
        """Answer one request; what it did to a stack with functions is in effect when it returns."""
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        operation, name = form.get("Action", ""), form.get("StackName", "")
        stack = _find(name)
        if operation == "ExecuteChangeSet" and stack and _runs(stack):
            return refusal("cloudformation", "ValidationError", "deploy with --method=direct here")
        if operation == "DeleteStack" and stack and _runs(stack) and not self._end(stack):
            return Response(200, DELETION_ACCEPTED, {"Content-Type": "text/xml"})
        before = (stack.template, stack.parameters) if stack else None
        response = self._world.endpoint.ask_moto(request, region)
        changed = _find(name)
        if response.status == 200 and operation in ROLLED_BACK and changed and _runs(changed):
            self._settle(changed, operation, before)
        return response

    def _settle(self, stack: Any, operation: str, before: tuple[Any, Any] | None) -> None:
        """Run what *stack* now is, or go back to what it was *before* and say why."""
        try:
            self._run(stack)
        except RuntimeError as failed:
            if before is not None:
                stack.update(before[0], parameters=before[1])
                self._run(stack)
            _tell(stack, ROLLED_BACK[operation], str(failed))

    def _run(self, stack: Any) -> None:
        template = stack.template_dict
        preflight.check(template)
        self._world.run_stack(Assembly(stack.name, template, self._assets(template)))

    def _end(self, stack: Any) -> bool:
        """Let custom resources go and the functions end; False if a custom resource refuses."""
        for resource in reversed(list(stack.resource_map.values())):
            if isinstance(resource, custom.CustomResourceType):
                custom.PENDING.append(resource.deletion())
        try:
            self._world.carry_out_custom_resources()
        except DeploymentFailed as failed:
            _tell(stack, "DELETE_FAILED", str(failed))
            return False
        self._world.run_nothing()
        return True

    def _assets(self, template: dict[str, Any]) -> dict[str, Path]:
        """Return the folder of every asset key: the assembly's own, or unpacked from the bucket."""
        known = dict(self._world.assets)
        folder = self._world.options.state / "assets"
        for bucket, key in set(_places(template)) - {("", "")}:
            if key not in known:
                known[key] = folder / Path(key).stem
                if not known[key].is_dir():
                    body = self._world.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
                    zipfile.ZipFile(io.BytesIO(body)).extractall(known[key])
        return known


def _places(template: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield bucket and key of the code of every function and layer."""
    for resource in template["Resources"].values():
        given = resource.get("Properties", {})
        for code in (given.get("Code"), given.get("Content")):
            if isinstance(code, dict) and "S3Key" in code:
                bucket = code["S3Bucket"]
                text = bucket["Fn::Sub"] if isinstance(bucket, dict) else bucket
                yield (
                    text.replace("${AWS::AccountId}", ACCOUNT).replace("${AWS::Region}", REGION),
                    code["S3Key"],
                )


def _find(name: str) -> Any:
    stacks = cloudformation_backends[ACCOUNT][REGION].stacks.values()
    return next((s for s in stacks if name in (s.name, s.stack_id)), None)


def _runs(stack: Any) -> bool:
    """Tell a stack with functions from the CDK's bootstrap stack."""
    kinds = {resource["Type"] for resource in stack.template_dict.get("Resources", {}).values()}
    return "AWS::Lambda::Function" in kinds


def _tell(stack: Any, status: str, reason: str) -> None:
    stack.status = status
    stack._add_stack_event(status, resource_status_reason=reason)
