"""Signature Version 4 of a request, in its header or in its query, computed again with botocore's own steps.

Texts and error types are API Gateway's, as its users quote them (mhart/aws4 issue 118, anomalyco/guide issue 112).
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import SplitResult, parse_qs

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials

from local.iam.callers import Caller
from local.identity import REGION
from local.listener import Request

ALGORITHM, SERVICE, STAMP = "AWS4-HMAC-SHA256", "execute-api", "%Y%m%dT%H%M%SZ"
SKEW = timedelta(minutes=5)
"""API Gateway's ("... is now earlier than ... - 5 min."); other services take 15. Source: mhart/aws4 issue 118."""
LONGEST = timedelta(days=7)
"""X-Amz-Expires at most. Source: IAM user guide, "Authenticating requests" (January 2026)."""


class Refused(Exception):
    """Why a request is not let in: API Gateway's error type and text, and the status."""

    def __init__(self, error: str, text: str, *, status: int = 403, field: str = "message") -> None:
        super().__init__(f"{error}: {text}")
        self.error, self.text, self.status, self.field = error, text, status, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a request says of its signature; *query* is the query string that was signed."""

    key: str
    scope: tuple[str, ...]
    headers: tuple[str, ...]
    signature: str
    stamp: str
    token: str | None
    query: str
    lifetime: timedelta = SKEW


def claimed(request: Request) -> Claim | None:
    """Return the claim of a signed request, however incomplete; nothing if it carries none."""
    authorization = request.headers.get("Authorization", "")
    if authorization.startswith(ALGORITHM):
        fields = dict(re.findall(r"(\w+)=([^\s,]+)", authorization))
        stamp, token = request.headers.get("X-Amz-Date", ""), request.headers.get("X-Amz-Security-Token")
        query, lifetime = request.query, SKEW
    else:
        fields = {name.removeprefix("X-Amz-"): given[-1] for name, given in parse_qs(request.query).items()}
        if fields.get("Algorithm") != ALGORITHM:
            return None
        stamp, token = fields.get("Date", ""), fields.get("Security-Token")
        query = "&".join(pair for pair in request.query.split("&") if not pair.startswith("X-Amz-Signature="))
        seconds = fields.get("Expires", "")
        lifetime = timedelta(seconds=int(seconds) if seconds.isdecimal() and len(seconds) < 9 else 0)
    key, *scope = fields.get("Credential", "").split("/")
    return Claim(
        key=key,
        scope=tuple(scope),
        headers=tuple(fields.get("SignedHeaders", "").split(";")),
        signature=fields.get("Signature", ""),
        stamp=stamp,
        token=token,
        query=query,
        lifetime=min(lifetime, LONGEST),
    )


def verify(claim: Claim, request: Request, caller: Caller, present: Sequence[datetime]) -> None:
    """Raise Refused unless *caller* signed this request at a *present* moment: the world's first, or the machine's."""
    if not (claim.signature and claim.stamp and len(claim.scope) == 4):
        text = "Authorization header requires 'Credential', 'Signature', 'SignedHeaders' and a date."
        raise Refused("IncompleteSignatureException", text)
    if claim.token != caller.token or not caller.active:
        raise Refused("UnrecognizedClientException", "The security token included in the request is invalid.")
    if caller.expires and caller.expires <= present[0]:
        raise Refused("ExpiredTokenException", "The security token included in the request is expired")
    if claim.scope != (claim.stamp[:8], REGION, SERVICE, "aws4_request"):
        expected = f"{claim.stamp[:8]}/{REGION}/{SERVICE}/aws4_request"
        raise _wrong(f"Credential should be scoped to {expected}, not {'/'.join(claim.scope)}.")
    if "host" not in claim.headers:
        raise _wrong("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
    _check_date(claim, present)
    _check_signature(claim, request, caller)


def _check_date(claim: Claim, present: Sequence[datetime]) -> None:
    try:
        at = datetime.strptime(claim.stamp, STAMP).replace(tzinfo=UTC)
    except ValueError:
        raise _wrong(f"Date must be in ISO-8601 'basic format'. Got '{claim.stamp}'.") from None
    if any(at - SKEW <= now <= at + claim.lifetime for now in present):
        return
    now = present[0]
    told = f"({now:{STAMP}} {'-' if at < now else '+'} 5 min.)"
    if at < now:
        raise _wrong(f"Signature expired: {claim.stamp} is now earlier than {now - SKEW:{STAMP}} {told}")
    raise _wrong(f"Signature not yet current: {claim.stamp} is still later than {now + SKEW:{STAMP}} {told}")


def _check_signature(claim: Claim, request: Request, caller: Caller) -> None:
    signer: Any = SigV4Auth(Credentials(claim.key, caller.secret), SERVICE, REGION)
    headers = HTTPHeaders()
    for name in claim.headers:
        for value in request.headers.get_all(name, ()):
            headers[name] = value
    body = sha256(request.body).hexdigest()
    canonical = "\n".join(
        (
            request.method,
            signer._normalize_url_path(request.path),
            signer._canonical_query_string_url(SplitResult("", "", "", claim.query, "")),
            signer.canonical_headers(headers) + "\n",
            signer.signed_headers(headers),
            body,
        )
    )
    about = AWSRequest()
    about.context["timestamp"] = claim.stamp
    to_sign = signer.string_to_sign(about, canonical)
    honest = request.headers.get("X-Amz-Content-SHA256", body) == body
    if not (honest and hmac.compare_digest(signer.signature(to_sign, about), claim.signature)):
        raise _wrong(MISMATCH.format(canonical=canonical, to_sign=to_sign))


def _wrong(text: str) -> Refused:
    return Refused("InvalidSignatureException", text)


MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details.\n\nThe Canonical String for this request "
    "should have been\n'{canonical}'\n\nThe String-to-Sign should have been\n'{to_sign}'\n"
)
