"""Which AWS operation a request is, and how each protocol says no.

The service comes from the credential scope of the signature, the operation from where the protocol puts it:
the target header (JSON), the ``Action`` field (query, EC2) or method and path (S3, Lambda).
"""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qs, unquote
from uuid import uuid4

from local.listener import Request, Response

CREDENTIAL = re.compile(r"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/aws4_request")
UNAVAILABLE = {"RequestLimitExceeded": 503, "Unavailable": 503, "ServiceUnavailable": 503, "SlowDown": 503}
BROKEN = {
    "InternalError": 500,
    "InternalFailure": 500,
    "InternalServerError": 500,
    "InternalServerException": 500,
}
STATUS = UNAVAILABLE | BROKEN | {"AccessDenied": 403, "AccessDeniedException": 403, "NoSuchKey": 404}
"""HTTP status by error code; 400 for the rest. botocore retries 5xx. Source: EC2 and S3 API references."""

S3_OPERATIONS = {"GET": "GetObject", "PUT": "PutObject", "HEAD": "HeadObject", "DELETE": "DeleteObject"}
INVOCATIONS = re.compile(r"^/2015-03-31/functions/(.+)/invocations/?$")


def signature(request: Request) -> tuple[str | None, str, str]:
    """Return access key, region and service of a signed request; ``None`` and empty when unsigned."""
    found = CREDENTIAL.search(request.headers.get("Authorization", ""))
    return (found[1], found[2], found[3]) if found else (None, "", "")


def operation(request: Request, service: str) -> str:
    """Return the operation's name; method and path for what has no other."""
    target = request.headers.get("X-Amz-Target")
    if target:
        return str(target).rpartition(".")[2]
    if (request.headers.get("Content-Type") or "").startswith("application/x-www-form-urlencoded"):
        return parse_qs(request.body.decode(errors="replace")).get("Action", ["?"])[0]
    if service == "lambda" and INVOCATIONS.match(request.path):
        return "Invoke"
    if service == "s3" and request.path.strip("/").count("/"):
        return S3_OPERATIONS.get(request.method, request.method)
    return f"{request.method} {request.path}"


EVENTUAL_READS = ("GetItem", "BatchGetItem", "Query", "Scan")


def may_be_stale(service: str, name: str, request: Request) -> bool:
    """Say whether AWS may answer this read from the past: EC2's lists, DynamoDB's reads unless consistent."""
    if service == "dynamodb":
        return name in EVENTUAL_READS and not re.search(rb'"ConsistentRead":\s*true', request.body)
    return service == "ec2" and name.startswith("Describe")


def transaction_conflict(request: Request) -> Response:
    """Return DynamoDB's answer to a write that met another one, alone or in a transaction."""
    items = json.loads(request.body).get("TransactItems")
    if items is None:
        return refusal("dynamodb", "TransactionConflictException", "Transaction is ongoing for the item")
    reason = {"Code": "TransactionConflict", "Message": "Transaction is ongoing for the item"}
    reasons = [reason, *({"Code": "None"} for _ in items[1:])]
    told = ", ".join(reason["Code"] for reason in reasons)
    return refusal(
        "dynamodb",
        "TransactionCanceledException",
        f"Transaction cancelled, please refer cancellation reasons for specific reasons [{told}]",
        CancellationReasons=reasons,
    )


def invoked_function(request: Request) -> str:
    """Return the function that an Invoke names, without ARN and qualifier."""
    found = INVOCATIONS.match(request.path)
    name = unquote(found[1]) if found else ""
    return name.split(":function:")[-1].split(":")[0]


def refusal(service: str, code: str, message: str, **more: Any) -> Response:
    """Return an error in the service's own protocol; *more* goes into a JSON body."""
    status = STATUS.get(code, 400)
    if service == "ec2":
        body = f"<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>"
        body += f"<RequestID>{uuid4()}</RequestID></Response>"
    elif service == "s3":
        body = (
            f"<Error><Code>{code}</Code><Message>{message}</Message><RequestId>{uuid4()}</RequestId></Error>"
        )
    elif service in ("cloudformation", "iam", "sts", "sns"):
        error = f"<Type>Sender</Type><Code>{code}</Code><Message>{message}</Message>"
        body = f"<ErrorResponse><Error>{error}</Error>"
        body += f"<RequestId>{uuid4()}</RequestId></ErrorResponse>"
    else:
        document = json.dumps({"__type": code, "message": message, "Message": message, **more}).encode()
        return Response(
            status, document, {"Content-Type": "application/x-amz-json-1.0", "x-amzn-ErrorType": code}
        )
    return Response(status, f'<?xml version="1.0"?>{body}'.encode(), {"Content-Type": "text/xml"})


def error_code(response: Response) -> str | None:
    """Return the error code of an answer, whatever its protocol."""
    if response.status < 400:
        return None
    text = response.body.decode(errors="replace")
    if found := re.search(r"<Code>([^<]+)</Code>", text):
        return found[1]
    if found := re.search(r'"(?:__type|code|Code)"\s*:\s*"([^"]+)"', text):
        return found[1].rpartition("#")[2]
    return str(response.headers.get("x-amzn-ErrorType") or response.status)
