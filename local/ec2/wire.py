"""EC2's query protocol in front of the model: a form in, XML out, errors in EC2's own shape.

moto's service model and parser read the request. The answer is written by our own writer over the same
service model: moto's serializer asks for every one of a shape's members, which costs seconds for 10,000
instances, and it drops members that EC2 does not have, where this one fails, as that is a bug in the model.
A test compares the two. Hold ``LOCK`` for every other use of a served model, too: the model knows nothing of
threads.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from threading import RLock
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4
from xml.sax.saxutils import escape

from botocore.utils import parse_timestamp
from moto.core.parse import EC2QueryParser
from moto.core.utils import get_service_model

from local.ec2.errors import Ec2Error
from local.ec2.model import Ec2

LOCK = RLock()
Response = tuple[int, dict[str, str], bytes]
_SCOPE = re.compile(r"Credential=[^/]+/\d{8}/([a-z0-9-]+)/ec2/aws4_request")
_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
_CONTENT_TYPE = {"Content-Type": "text/xml;charset=UTF-8"}


def region_of(headers: Mapping[str, str]) -> str:
    """Return the region that the request was signed for."""
    authorization = headers.get("Authorization") or headers.get("authorization") or ""
    if match := _SCOPE.search(authorization):
        return match.group(1)
    raise Ec2Error("AuthFailure", "The request is not signed for EC2.", 401)


def respond(
    model: Ec2, *, method: str, url: str, headers: Mapping[str, str], body: bytes, region: str | None = None
) -> Response:
    """Answer one HTTP request; the region comes from its signature if not given."""
    request_id = str(uuid4())
    try:
        form = _form(method, url, body)
        operation = form.get("Action", "")
        parameters = _parameters(operation, form)
        with LOCK:
            answer = model.call(region or region_of(headers), operation, parameters)
            return 200, dict(_CONTENT_TYPE), _xml(operation, answer, request_id)
    except Ec2Error as error:
        return error.status, dict(_CONTENT_TYPE), _error(error, request_id)


def _form(method: str, url: str, body: bytes) -> dict[str, str]:
    text = body.decode() if method == "POST" else urlsplit(url).query
    return dict(parse_qsl(text, keep_blank_values=True))


def _parameters(operation: str, form: Mapping[str, str]) -> dict[str, Any]:
    shape = _operation(operation)
    if shape is None:
        raise Ec2Error("InvalidAction", f"The action {operation} is not valid for this web service.")
    parser: Any = EC2QueryParser(shape, timestamp_parser=_aware)
    try:
        parsed: dict[str, Any] = parser.parse({"values": form})
    except ValueError as error:
        raise Ec2Error("InvalidParameterValue", f"A parameter has the wrong form: {error}") from None
    return parsed


@cache
def _operation(name: str) -> Any:
    service: Any = get_service_model("ec2")
    return service.operation_model(name) if name in service.operation_names else None


def _aware(text: str) -> datetime:
    moment: datetime = parse_timestamp(text)
    return moment.astimezone(UTC)


def _xml(operation: str, answer: Mapping[str, Any], request_id: str) -> bytes:
    model = _operation(operation)
    namespace = model.metadata["xmlNamespace"]
    parts = [f'{_DECLARATION}<{operation}Response xmlns="{namespace}"><requestId>{request_id}</requestId>']
    if model.output_shape is not None:
        _write_members(parts, answer, model.output_shape)
    parts.append(f"</{operation}Response>")
    return "".join(parts).encode()


def _write_members(parts: list[str], members: Mapping[str, Any], shape: Any) -> None:
    """Append a structure's members as XML elements."""
    layout = _layout(shape)
    for member, value in members.items():
        name, kind, inner = layout[member]
        if value is not None:
            _write(parts, name, value, kind, inner)


def _write(parts: list[str], name: str, value: Any, kind: str, shape: Any) -> None:
    if kind == "structure":
        parts.append(f"<{name}>")
        _write_members(parts, value, shape)
        parts.append(f"</{name}>")
    elif kind == "list":
        parts.append(f"<{name}>")
        for one in value:
            _write(parts, "item", one, shape.member.type_name, shape.member)
        parts.append(f"</{name}>")
    else:
        parts.append(f"<{name}>{_SCALARS[kind](value)}</{name}>")


@cache
def _layout(shape: Any) -> dict[str, tuple[str, str, Any]]:
    """Return the XML name, the kind and the shape of each member of a structure."""
    return {
        name: (member.serialization.get("name", name), member.type_name, member)
        for name, member in shape.members.items()
    }


_SCALARS: Mapping[str, Callable[[Any], str]] = {
    "string": lambda value: escape(str(value)),
    "boolean": lambda value: "true" if value else "false",
    "integer": lambda value: str(int(value)),
    "long": lambda value: str(int(value)),
    "double": lambda value: str(float(value)),
    "float": lambda value: str(float(value)),
    "timestamp": lambda value: value.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
}


def _error(error: Ec2Error, request_id: str) -> bytes:
    detail = f"<Error><Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message></Error>"
    body = f"<Response><Errors>{detail}</Errors><RequestID>{request_id}</RequestID></Response>"
    return f"{_DECLARATION}{body}".encode()
