"""Hands that show AMI sets, their versions, their history and what is known of their images."""

from __future__ import annotations

from typing import Any

from railyard.errors import InvalidRequest
from railyard.model.ami_sets import AmiSet, image_key
from serve_api.ami_set_checks import mattering, read
from serve_api.ami_set_views import (
    entry_view,
    image_question,
    summary_view,
    validation_view,
    version_view,
)
from serve_api.ami_sets import shown, version_of
from serve_api.calls import Answer, Asked, Token, error, page
from serve_api.plan import Call, Route
from serve_api.ports import Sets

ENTRIES = "audit#"


def show_sets(call: Call, asked: Asked, sets: Sets) -> Answer:
    """Show a page of all sets, or one set: whole, a version, its history, its validation, the image for a machine.

    Versions and history of a set that was removed are shown too. Raises InvalidRequest (``unknown_set``,
    ``unknown_version``).
    """
    name = call.names[0]
    match call.route:
        case Route.SETS:
            return page(asked, lambda limit, token: _listed(sets, limit, token), summary_view)
        case Route.SET_HISTORY:
            _ever(sets, name)
            return page(asked, lambda limit, token: sets.history(name, limit, _of(name, token)), entry_view)
        case Route.SET_VERSION:
            _ever(sets, name)
            return Answer(status=200, body=version_view(version_of(sets, name, int(call.names[1]))))
    head = read(sets, name)
    if call.route is Route.SET_VALIDATION:
        return Answer(status=200, body=validation_view(head, mattering(sets, head).values()))
    return _image(head, asked) if call.route is Route.SET_IMAGE else shown(200, head)


def _image(head: AmiSet, asked: Asked) -> Answer:
    """Translate, as a launch does."""
    region, architecture, virtualization = image_question(asked)
    found = head.content.image(region, architecture, virtualization)
    if not found:
        key = image_key(region, architecture, virtualization)
        return error(404, "no_image", f"version {head.number} of {head.ami_set} has no image for {key}")
    body = {"id": head.ami_set, "version": head.number, "image_id": found}
    about = {"region": region, "architecture": architecture, "virtualization": virtualization}
    return Answer(status=200, body=body | about)


def _ever(sets: Sets, name: str) -> None:
    """Raise InvalidRequest (``unknown_set``) if there never was a set *name*."""
    if not sets.head(name).sequence:
        raise InvalidRequest(f"there never was an AMI set {name}", code="unknown_set", path="path")


def _listed(sets: Sets, limit: int, token: Token) -> tuple[list[AmiSet], Any]:
    """Return a page of the sets by name, after the one that *token* names."""
    after = ""
    if token is not None:
        match dict(token):
            case {"list": "ami-sets", "after": str(after)} if len(token) == 2:
                pass
            case _:
                raise _foreign()
    left = [head for head in sets.all() if head.ami_set > after]
    more = {"list": "ami-sets", "after": left[limit - 1].ami_set} if len(left) > limit else None
    return left[:limit], more


def _of(name: str, token: Token) -> Token:
    """Return *token* if it is a key in the history of the set *name*: DynamoDB fails on any other."""
    match token:
        case None:
            return None
        case {"ami_set": {"S": of}, "part": {"S": str(key)}} if of == name and key.startswith(ENTRIES):
            return {"ami_set": {"S": name}, "part": {"S": key}}
    raise _foreign()


def _foreign() -> InvalidRequest:
    return InvalidRequest("next_token is not one of ours", path="next_token")
