"""Hands for AMI sets: show them, and make, change, roll back and remove them.

Each change is written over the set that was read, with its entry in the history, and only after EC2 was asked about
every image. Reading asks nobody: a set stays readable whatever becomes of its images.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial

from railyard.errors import Conflict, InvalidRequest
from railyard.model.ami_sets import (
    AmiSet,
    Change,
    Check,
    Content,
    Status,
    Version,
    Word,
    create,
    remove,
    roll_back,
    update,
)
from railyard.model.validation import channel_images
from serve_api.ami_set_checks import bound, judge, read
from serve_api.ami_set_views import SetWish, despite, invalid, set_view, set_wish, tag
from serve_api.calls import Answer, Asked
from serve_api.lines import TRIES
from serve_api.moves import wish_of
from serve_api.plan import Call, Route
from serve_api.ports import Ports, Sets

Move = Callable[[Check | None, Word], Change | None]
"""A change of a set: given what EC2 says of its images, and whose word it is."""


def change_set(call: Call, asked: Asked, ports: Ports, now: datetime) -> Answer:
    """Make a set or its next version: 201 for a new set, 200 for a new version and for what is so already.

    Raises InvalidRequest (``precondition_required``, ``precondition_failed``, ``unknown_set``, ``unknown_version``,
    ``no_image``), Conflict (``exists``; ``conflict`` if others were faster each time).
    """
    if call.route is Route.UPDATE_SET and not asked.if_match:
        message = "say with If-Match which state you change: its ETag"
        raise InvalidRequest(message, code="precondition_required", path="If-Match")
    wish = set_wish(call.route, call.name, asked)
    word, ask = Word(by=asked.by, at=now, reason=wish.reason), judge(ports, now)
    for _ in range(TRIES):
        head = ports.sets.head(call.name) if call.route is Route.CREATE_SET else read(ports.sets, call.name)
        move = _move(call.route, head, wish, ports)
        trial = move(None, word)
        if trial is None:
            return shown(200, head)
        bound(asked, head)
        content = trial.after.content
        said = ask(content) if content.images else None
        if said and said.status is Status.INVALID and not wish.allow_invalid:
            return invalid(content, said)
        change = move(said, replace(word, despite=despite(said)))
        assert change is not None  # nor was the trial
        try:
            ports.sets.commit(change)
        except Conflict:
            continue
        return shown(201 if call.route is Route.CREATE_SET else 200, change.after)
    raise Conflict(f"{call.name} was changed by others {TRIES} times: look, and try again", code="conflict")


def remove_set(call: Call, asked: Asked, sets: Sets, now: datetime) -> Answer:
    """Remove a set, also one that is not there: 204. Raises Conflict (``deployed``), InvalidRequest (412)."""
    word = Word(by=asked.by, at=now, reason=wish_of(call.route, asked).reason)
    for _ in range(TRIES):
        head = sets.head(call.name)
        if head.removed:
            return Answer(status=204, body={})
        bound(asked, head)
        change = remove(head, word)
        assert change is not None  # it is not removed
        try:
            sets.commit(change)
        except Conflict:
            continue
        return Answer(status=204, body={})
    raise Conflict(f"{call.name} was changed by others {TRIES} times: look, and try again", code="conflict")


def shown(status: int, head: AmiSet) -> Answer:
    """Return *head* with what a later change may be bound to."""
    return Answer(status=status, body=set_view(head), headers={"ETag": tag(head)})


def version_of(sets: Sets, name: str, number: int) -> Version:
    """Return a version; raises InvalidRequest (``unknown_version``)."""
    found = sets.versions([(name, number)]).get((name, number))
    if found is None:
        raise InvalidRequest(f"{name} has no version {number}", code="unknown_version", path="version")
    return found


def _move(act: Route, head: AmiSet, wish: SetWish, ports: Ports) -> Move:
    """Return the change of *head* that *wish* means."""
    if wish.content is None:
        to = version_of(ports.sets, head.ami_set, wish.back)
        if not to.content.images:
            raise _no_image(f"version {wish.back} has no images to go back to", "version")
        return partial(roll_back, head, to)
    content = _filled(wish.content, head, ports)
    if act is Route.CREATE_SET:
        return partial(create, head, content)
    if head.content.images and not content.images:
        message = f"{content.tracks} has published nothing yet: the set keeps what it has"
        raise _no_image(message, "tracks.channel")
    return partial(update, head, content)


def _filled(content: Content, head: AmiSet, ports: Ports) -> Content:
    """Return *content* with its images: those of the channel now, or as it is if the set tracks it already."""
    if not content.tracks:
        return content
    if not head.removed and head.content.tracks == content.tracks:
        return replace(content, images=head.content.images)
    return replace(content, images=channel_images(content.tracks, ports.lines.all()))


def _no_image(message: str, path: str) -> InvalidRequest:
    return InvalidRequest(message, code="no_image", path=path)
