"""The door of apply_deployment: the custom resource of the stack.

CloudFormation waits for an answer at ``ResponseURL`` and for nothing else: whatever happens here, one is sent. With a
failure goes its reason, so that a wrong pool shows in the deployment's own output.
"""

from __future__ import annotations

import json
import os
import urllib.request
from functools import cache
from typing import Any

from apply_deployment.run import Ports, run
from apply_deployment.settings import Settings
from railyard.aws.clients import client
from railyard.aws.errors import translated
from railyard.aws.network import Ec2Network
from railyard.aws.tables.pools import Pools, RequesterRecords
from railyard.errors import RailyardError
from railyard.settings import from_environ
from railyard.telemetry import counts_of, logger

MAX_REASON = 3_000
"""CloudFormation refuses an answer above 4 KB, and JSON would write each other letter in six."""


@cache
def _wired() -> tuple[Ports, Settings]:
    settings, dynamodb = from_environ(Settings, os.environ), client("dynamodb")
    return Ports(
        pools=Pools(dynamodb, settings.pools_table),
        requesters=RequesterRecords(dynamodb, settings.requesters_table),
        look=Ec2Network(client("ec2")).look,
        wake=_wake,
    ), settings


def _wake(function: str) -> None:
    with translated("Invoke"):
        client("lambda").invoke(FunctionName=function, InvocationType="Event", Payload=b"{}")


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: Any) -> None:  # noqa: ARG001  # Lambda's signature
    """Apply the deployment's documents; a deletion leaves everything as it is."""
    try:
        if event["RequestType"] != "Delete":
            _apply(event["ResourceProperties"])
        _answer(event, "SUCCESS", "")
    except RailyardError as error:
        logger.error("deployment not applied", code=error.code, reason=str(error))
        _answer(event, "FAILED", str(error))
    except Exception as error:
        _answer(event, "FAILED", f"{type(error).__name__}: {error}")
        raise


def _apply(properties: dict[str, Any]) -> None:
    logger.info("deployment applied", extra=counts_of(run(properties, *_wired())))


def _answer(event: dict[str, Any], status: str, reason: str) -> None:
    body = {
        "Status": status,
        "Reason": reason.encode("ascii", "replace").decode()[:MAX_REASON],
        "PhysicalResourceId": "railyard-deployment",
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
    }
    request = urllib.request.Request(  # noqa: S310  # CloudFormation's own presigned address
        event["ResponseURL"], data=json.dumps(body).encode(), method="PUT", headers={"Content-Type": ""}
    )
    with urllib.request.urlopen(request, timeout=20):  # noqa: S310
        pass
