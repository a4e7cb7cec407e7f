"""The API's description, OpenAPI 3.1: paths from the routes, bodies and queries from the structs that read them.

What no struct says is one row a route: what it does, which statuses it answers, and with what. Made when somebody asks
for it, since it is the slowest thing here and nothing else needs it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from railyard.model.ami_sets import Audit
from railyard.model.instances import Instance
from railyard.model.pools import Requester
from railyard.wire.ami_sets import AmiSetDocument, TaskclusterDocument
from railyard.wire.pools import PoolDocument, RequesterDocument
from railyard.wire.requests import Allocate, Cancel, Release, Renew
from serve_api import shapes
from serve_api.ami_set_views import DeployWish, ImageQuestion, RollBackWish, WriteOptions
from serve_api.calls import MAX_PAGE
from serve_api.moves import PinWish, Wish
from serve_api.plan import NAMES, ROUTES, Route
from serve_api.shapes import Page
from serve_api.switches import Turn

ERRORS = {
    400: "A name, the query or the body is wrong: `path` says where.",
    404: "It is not there.",
    409: "It does not go with what is there; `conflict`: others were faster, try again.",
    412: "It is not at the state that `If-Match` names.",
    422: "It is well formed, and the account, the stage or EC2 is against it.",
    428: "`If-Match` is missing.",
}
GATEWAY = {
    403: "IAM does not allow the caller this method on this path.",
    429: "Too many calls: API Gateway's throttle.",
}
"""What API Gateway answers by itself, in a form of its own."""
GOOD = {
    200: "It is so.",
    201: "It is made.",
    202: "It is taken, and will be carried out.",
    204: "It is gone, or never was.",
}
SERVER = {
    "url": "https://{api}.execute-api.{region}.amazonaws.com/v1",
    "description": "The stack's output ApiUrl.",
    "variables": {"api": {"default": "abcde12345"}, "region": {"default": "us-east-1"}},
}
SIGV4 = {
    "type": "apiKey",
    "in": "header",
    "name": "Authorization",
    "x-amazon-apigateway-authtype": "awsSigv4",
    "description": "AWS Signature Version 4 for the service execute-api; IAM judges method and path.",
}
"""In the form in which API Gateway itself exports it."""
NO_CONTENT = 204
COMPONENTS = "#/components/schemas/{name}"


class Paging(Struct, frozen=True, kw_only=True):
    """The query of a list."""

    limit: Annotated[int, Meta(ge=1, le=MAX_PAGE)] = MAX_PAGE
    next_token: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What a route does beyond its path. *query* and *body* are read, of several bodies any; *shows* is answered."""

    does: str
    good: tuple[int, ...] = (200,)
    bad: tuple[int, ...] = ()
    shows: Any = None
    query: type[Struct] | None = None
    body: tuple[type[Struct], ...] = ()
    body_optional: bool = False
    if_match: Literal["", "may", "must"] = ""
    tagged: bool = False


_LINE: dict[str, Any] = {
    "good": (200, 202),
    "bad": (400, 404, 409, 412),
    "shows": shapes.ReleaseLine,
    "if_match": "may",
    "tagged": True,
}
_GONE: dict[str, Any] = {"good": (204,), "bad": (400, 409, 412), "if_match": "may"}
_WRITTEN: dict[str, Any] = {
    "good": (200, 201),
    "bad": (400, 409, 412, 422),
    "if_match": "may",
    "tagged": True,
}
_SET: dict[str, Any] = {"shows": shapes.AmiSetShown, "tagged": True}
_SET_DOCUMENT: dict[str, Any] = {"body": (AmiSetDocument, TaskclusterDocument), "query": WriteOptions}

ROWS: dict[Route, Row] = {
    Route.STATUS: Row(does="Show what there is, what is in use, what is off", shows=shapes.StatusOfAll),
    Route.POOLS: Row(does="List pools", shows=Page[shapes.PoolShown]),
    Route.POOL: Row(does="Show a pool", bad=(400, 404), shows=shapes.PoolShown, tagged=True),
    Route.ALLOCATIONS: Row(does="List requests", bad=(400,), shows=Page[shapes.RequestShown], query=Paging),
    Route.ALLOCATION: Row(does="Show a request and its answer", bad=(400, 404), shows=shapes.RequestShown),
    Route.INSTANCES: Row(does="List instances", bad=(400,), shows=Page[Instance], query=Paging),
    Route.INSTANCE: Row(does="Show an instance", bad=(400, 404), shows=Instance),
    Route.ALLOCATE: Row(
        does="Ask for instances; the answer comes as an event",
        good=(202,),
        bad=(400,),
        shows=shapes.Forwarded,
        body=(Allocate,),
    ),
    Route.LEASE: Row(
        does="Renew or release a lease, or cancel a request",
        good=(202,),
        bad=(400,),
        shows=shapes.Forwarded,
        body=(Renew, Release, Cancel),
    ),
    Route.LINES: Row(does="List release lines", shows=Page[shapes.ReleaseLine]),
    Route.LINE: Row(does="Show a release line", bad=(400, 404), shows=shapes.ReleaseLine, tagged=True),
    Route.HISTORY: Row(
        does="Tell what became of a release line, newest first",
        bad=(400, 404),
        shows=Page[shapes.LineEntry],
        query=Paging,
    ),
    Route.PIN: Row(does="Pin a release", body=(PinWish,), body_optional=True, **_LINE),
    Route.UNPIN: Row(does="Take the pin away", query=Wish, **_LINE),
    Route.ROLL_BACK: Row(does="Go back to the previous release", body=(Wish,), body_optional=True, **_LINE),
    Route.DISMISS: Row(does="Dismiss the candidate", query=Wish, **_LINE),
    Route.SETS: Row(does="List AMI sets", bad=(400,), shows=Page[shapes.SetSummary], query=Paging),
    Route.SET: Row(does="Show an AMI set", bad=(400, 404), **_SET),
    Route.SET_HISTORY: Row(
        does="Tell who did what to an AMI set, newest first", bad=(400, 404), shows=Page[Audit], query=Paging
    ),
    Route.SET_VERSION: Row(does="Show a version of an AMI set", bad=(400, 404), shows=shapes.SetVersion),
    Route.SET_VALIDATION: Row(
        does="Show what EC2 has against the images of an AMI set", bad=(400, 404), shows=shapes.Validation
    ),
    Route.SET_IMAGE: Row(
        does="Translate an AMI set, as a launch does",
        bad=(400, 404),
        shows=shapes.Translation,
        query=ImageQuestion,
    ),
    Route.CREATE_SET: Row(does="Make an AMI set", **_WRITTEN | _SET | _SET_DOCUMENT),
    Route.UPDATE_SET: Row(
        does="Make the next version of an AMI set",
        bad=(400, 404, 409, 412, 422, 428),
        if_match="must",
        **_SET | _SET_DOCUMENT,
    ),
    Route.ROLL_BACK_SET: Row(
        does="Make a version with the content of an earlier one",
        bad=(400, 404, 409, 412, 422),
        body=(RollBackWish,),
        query=WriteOptions,
        if_match="may",
        **_SET,
    ),
    Route.VALIDATE_SET: Row(
        does="Ask EC2 about the images of an AMI set now", bad=(400, 404, 409), shows=shapes.Validation
    ),
    Route.REMOVE_SET: Row(does="Remove an AMI set", query=Wish, **_GONE),
    Route.DEPLOY: Row(
        does="Let a pool launch a version of an AMI set",
        bad=(400, 404, 409, 412, 422),
        shows=shapes.Deployed,
        body=(DeployWish,),
        if_match="may",
    ),
    Route.WITHDRAW: Row(does="Let a pool launch its channel again", query=Wish, **_GONE),
    Route.PUT_POOL: Row(
        does="Make or change a pool", body=(PoolDocument,), shows=shapes.PoolShown, **_WRITTEN
    ),
    Route.DELETE_POOL: Row(does="Close a pool", **_GONE),
    Route.REQUESTERS: Row(does="List requesters", shows=Page[Requester]),
    Route.REQUESTER: Row(does="Show a requester", bad=(400, 404), shows=Requester, tagged=True),
    Route.PUT_REQUESTER: Row(
        does="Make or change a requester", body=(RequesterDocument,), shows=Requester, **_WRITTEN
    ),
    Route.DELETE_REQUESTER: Row(does="Forget a requester", **_GONE),
    Route.SWITCHES: Row(does="List the switches that somebody has touched", shows=Page[shapes.TurnedSwitch]),
    Route.SWITCH: Row(does="Show a switch", bad=(400,), shows=shapes.TurnedSwitch),
    Route.TURN: Row(does="Turn a switch", bad=(400, 404, 409), shows=shapes.TurnedSwitch, body=(Turn,)),
    Route.DESCRIPTION: Row(does="Show this description"),
}


@cache
def document() -> dict[str, Any]:
    """Return the description; it is one object, which nobody changes."""
    schemas, components = _schemas()
    paths: dict[str, dict[str, Any]] = {}
    taken: set[str] = set()
    for method, form, route in ROUTES:
        operation = _operation(form, route, ROWS[route], schemas)
        if route in taken:
            operation["operationId"] += f"_of_{_names(form)[-1][1:-1]}"
        taken.add(route)
        paths.setdefault("/" + form.replace("<", "{").replace(">", "}"), {})[method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Railyard",
            "version": "1",
            "description": "Errors have a code, a message and a path. Fields may come; none goes away.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [SERVER],
        "security": [{"sigv4": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "responses": _refusals(schemas),
            "securitySchemes": {"sigv4": SIGV4},
        },
    }


def _schemas() -> tuple[dict[Any, Any], dict[str, Any]]:
    """Return the schema of every kind that a row names, and what these refer to."""
    named = (kind for row in ROWS.values() for kind in (row.shows, *row.body) if kind is not None)
    kinds = dict.fromkeys([*named, shapes.Failure, shapes.Denied])
    made, components = msgspec.json.schema_components(kinds, ref_template=COMPONENTS)
    return dict(zip(kinds, made, strict=True)), components


def _operation(form: str, route: Route, row: Row, schemas: dict[Any, Any]) -> dict[str, Any]:
    query = msgspec.json.schema(row.query) if row.query else None
    made: dict[str, Any] = {
        "operationId": route.value,
        "summary": row.does,
        "tags": [form.split("/", maxsplit=1)[0]],
        "parameters": [*_in_path(form), *(_in_query(query) if query else ()), *_in_header(row)],
        "responses": dict(_responses(row, schemas)),
    }
    if row.body:
        several = [schemas[kind] for kind in row.body]
        content = _json(several[0] if len(several) == 1 else {"anyOf": several})
        made["requestBody"] = {"required": not row.body_optional, "content": content}
    return made


def _names(form: str) -> list[str]:
    return [word for word in form.split("/") if word in NAMES]


def _in_path(form: str) -> Iterator[dict[str, Any]]:
    for name in _names(form):
        schema = {"type": "string", "pattern": f"^({NAMES[name]})$"}
        yield {"name": name[1:-1], "in": "path", "required": True, "schema": schema}


def _in_query(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    told = schema["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    for name, field in told["properties"].items():
        yield {"name": name, "in": "query", "required": name in told.get("required", ()), "schema": field}


def _in_header(row: Row) -> Iterator[dict[str, Any]]:
    if row.if_match:
        must = row.if_match == "must"
        yield {"name": "If-Match", "in": "header", "required": must, "schema": {"type": "string"}}


def _responses(row: Row, schemas: dict[Any, Any]) -> Iterator[tuple[str, Any]]:
    for status in row.good:
        good: dict[str, Any] = {"description": GOOD[status]}
        if status != NO_CONTENT:
            good["content"] = _json({"type": "object"} if row.shows is None else schemas[row.shows])
        if row.tagged:
            schema = {"type": "string", "pattern": '^"[0-9]+"$'}
            good["headers"] = {"ETag": {"description": "For `If-Match`.", "required": True, "schema": schema}}
        yield str(status), good
    for status in (*row.bad, *GATEWAY):
        yield str(status), {"$ref": f"#/components/responses/{status}"}


def _refusals(schemas: dict[Any, Any]) -> dict[str, Any]:
    """Return what is answered under each status that is no good one."""
    told = ((ERRORS, schemas[shapes.Failure]), (GATEWAY, schemas[shapes.Denied]))
    return {
        str(status): {"description": meaning, "content": _json(schema)}
        for meanings, schema in told
        for status, meaning in meanings.items()
    }


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
