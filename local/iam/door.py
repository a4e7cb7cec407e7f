"""Who is let in to the API: signature, then policies, as API Gateway's IAM authorization does it.

The resource is judged by the path as it was sent, percent-encoded, and the function gets the same text: what API
Gateway's refusals name (aws-amplify/aws-sdk-ios issue 505) and what REST APIs hand on (localstack pull request 7728,
aws-sam-cli issue 771). That IAM sees no other form of it is an assumption; ``tests/local/test_iam_paths.py`` shows what
would follow from the other reading.
"""

from __future__ import annotations

from datetime import UTC, datetime

from local.iam import callers, signature
from local.iam.callers import ADMINISTRATOR, Caller
from local.iam.patterns import Context, NotModelled
from local.iam.policy import Outcome, decide
from local.iam.signature import Refused
from local.identity import ACCOUNT, REGION, Principal, Principals
from local.listener import Request

ACTION = "execute-api:Invoke"
ALWAYS = {
    "aws:principalaccount": ACCOUNT,
    "aws:resourceaccount": ACCOUNT,
    "aws:requestedregion": REGION,
    "aws:securetransport": "true",  # API Gateway takes nothing else; that this port is plain HTTP is the machine's
    "aws:principalisawsservice": "false",
    "aws:viaawsservice": "false",
}
ABSENT = (
    *("aws:username", "aws:multifactorauthpresent", "aws:multifactorauthage", "aws:referer", "aws:calledvia"),
    *("aws:sourcevpc", "aws:sourcevpce", "aws:vpcsourceip", "aws:sourcearn", "aws:sourceaccount"),
    *("aws:principalorgid", "aws:principalorgpaths", "aws:federatedprovider"),
)
"""Keys that a request to a regional API of an account without an organization may lack."""


def admit(request: Request, resource: str, principals: Principals, now: datetime) -> Principal:
    """Return who may make *request* on *resource*, *now* by the world's clock; raises Refused."""
    claim = signature.claimed(request)
    if claim is None:
        raise Refused("MissingAuthenticationTokenException", "Missing Authentication Token")
    try:
        caller = callers.find(claim.key)
        if caller is None and principals.iam == "open":
            return principals.of(claim.key)
        caller = caller or (ADMINISTRATOR if claim.key == "test" else None)
        if caller is None:
            text = "The security token included in the request is invalid."
            raise Refused("UnrecognizedClientException", text)
        signature.verify(claim, request, caller, (now, datetime.now(UTC)))
        _judge(caller, resource, _context(request, caller, now))
    except NotModelled as unknown:
        raise Refused("NotModelled", f"not modelled: {unknown}", status=500) from unknown
    return caller.principal


def _judge(caller: Caller, resource: str, context: Context) -> None:
    decision = decide(caller.policies, ACTION, resource, context, caller.limits)
    if decision.outcome is Outcome.ALLOWED:
        return
    masked = resource.replace(f":{ACCOUNT}:", f":********{ACCOUNT[-4:]}:")
    why = f"because no identity-based policy allows the {ACTION} action"
    if decision.outcome is Outcome.DENIED:
        why = "with an explicit deny in an identity-based policy"
    text = f"User: {caller.principal.arn} is not authorized to perform: {ACTION} on resource: {masked} {why}"
    raise Refused("AccessDeniedException", text, field="Message")


def _context(request: Request, caller: Caller, now: datetime) -> Context:
    told = {
        "aws:sourceip": request.peer,
        "aws:currenttime": now.isoformat(),
        "aws:epochtime": str(int(now.timestamp())),
        "aws:useragent": request.headers.get("User-Agent", ""),
    }
    known = ALWAYS | told | dict(caller.facts)
    return dict.fromkeys(ABSENT, ()) | {name: (value,) for name, value in known.items()}
