"""Creating the stack through CloudFormation's API, and carrying out its custom resources.

Custom resources follow CloudFormation's protocol: the service token's function is invoked with the request
and answers by PUT to a URL, here on our own front. A FAILED answer stops the start, with the reason that
the function gave.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from local.assembly import Assembly
from local.functions import Functions
from local.runtime_api import Failure
from local.shims import custom
from local.shims.custom import CustomRequest

ANSWER_SECONDS = 5.0
"""How long after the function has ended its answer may still arrive."""


class DeploymentFailed(RuntimeError):
    """The stack could not be created or updated; the message says which resource and why."""


class Answers:
    """Answers to custom resource requests, by request id."""

    def __init__(self) -> None:
        self._answers: dict[str, dict[str, Any]] = {}
        self._arrived = threading.Condition()

    def put(self, request_id: str, answer: dict[str, Any]) -> None:
        """Take the function's answer."""
        with self._arrived:
            self._answers[request_id] = answer
            self._arrived.notify_all()

    def wait(self, request_id: str, seconds: float) -> dict[str, Any] | None:
        """Return the answer, or ``None`` when none comes."""
        with self._arrived:
            self._arrived.wait_for(lambda: request_id in self._answers, seconds)
            return self._answers.pop(request_id, None)


def create_stack(cloudformation: Any, ssm: Any, assembly: Assembly, parameters: Mapping[str, str]) -> None:
    """Create the stack, or update it when it exists; raises DeploymentFailed."""
    declared = assembly.template.get("Parameters", {})
    if "BootstrapVersion" in declared:
        name = declared["BootstrapVersion"]["Default"]
        ssm.put_parameter(Name=name, Value="30", Type="String", Overwrite=True)
    arguments = {
        "StackName": assembly.stack_name,
        "TemplateBody": json.dumps(assembly.template),
        "Parameters": [
            {"ParameterKey": key, "ParameterValue": value}
            for key, value in parameters.items()
            if key in declared
        ],
        "Capabilities": ["CAPABILITY_NAMED_IAM"],
    }
    existing = cloudformation.list_stacks()["StackSummaries"]
    exists = any(
        stack["StackName"] == assembly.stack_name and stack["StackStatus"] != "DELETE_COMPLETE"
        for stack in existing
    )
    (cloudformation.update_stack if exists else cloudformation.create_stack)(**arguments)
    stack = cloudformation.describe_stacks(StackName=assembly.stack_name)["Stacks"][0]
    if stack["StackStatus"] not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        events = cloudformation.describe_stack_events(StackName=assembly.stack_name)["StackEvents"]
        reasons = [event["ResourceStatusReason"] for event in events if "ResourceStatusReason" in event]
        raise DeploymentFailed(f"{stack['StackStatus']}: {(reasons or ['no reason given'])[0]}")


def carry_out_custom_resources(functions: Functions, answers: Answers, url: str) -> None:
    """Perform what the stack's custom resources ask for, in order; raises DeploymentFailed."""
    while custom.PENDING:
        _carry_out(custom.PENDING.pop(0), functions, answers, url)


def _carry_out(request: CustomRequest, functions: Functions, answers: Answers, url: str) -> None:
    request_id = str(uuid4())
    event: dict[str, Any] = {
        "RequestType": request.request_type,
        "ServiceToken": request.properties["ServiceToken"],
        "ResponseURL": f"{url}/_local/cfn/{request_id}",
        "StackId": request.stack_id,
        "RequestId": request_id,
        "LogicalResourceId": request.logical_id,
        "ResourceType": request.kind,
        "ResourceProperties": request.properties,
    }
    if request.physical_id:
        event["PhysicalResourceId"] = request.physical_id
    if request.old_properties is not None:
        event["OldResourceProperties"] = request.old_properties
    name = request.properties["ServiceToken"].rsplit(":", 1)[-1]
    result = functions.invoke(name, json.dumps(event).encode())
    if isinstance(result, Failure):
        raise DeploymentFailed(f"{request.logical_id}: {name} failed: {result.type}: {result.message}")
    answer = answers.wait(request_id, ANSWER_SECONDS)
    if answer is None:
        raise DeploymentFailed(f"{request.logical_id}: {name} ended without an answer to CloudFormation")
    if answer.get("Status") != "SUCCESS":
        raise DeploymentFailed(f"{request.logical_id}: {answer.get('Reason', 'no reason given')}")
