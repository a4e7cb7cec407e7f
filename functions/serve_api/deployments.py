"""Hands for deployments: which version of an AMI set a pool launches.

One pool a call: IAM judges paths, and a list of pools in a body would pass by whoever may deploy to one pool alone, or
to all but one.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from railyard.errors import Conflict, InvalidRequest
from railyard.model.ami_sets import (
    AmiSet,
    Check,
    Content,
    Follow,
    Status,
    Version,
    Word,
    deploy,
    image_key,
    withdraw,
)
from railyard.model.pools import Pool
from railyard.model.validation import translated
from serve_api.ami_set_checks import Judge, bound, judge, read
from serve_api.ami_set_views import deploy_wish, deployment_view, invalid, refusal
from serve_api.ami_sets import version_of
from serve_api.calls import Answer, Asked
from serve_api.lines import TRIES
from serve_api.moves import wish_of
from serve_api.plan import Call, Route
from serve_api.ports import Ports

TRUST = timedelta(minutes=60)
"""How long a version that EC2 found valid may be deployed while EC2 does not answer."""


def change_deployment(call: Call, asked: Asked, ports: Ports, now: datetime) -> Answer:
    """Let a pool launch a version of a set (200, also if it does already), or no more (204, also if it does not).

    Raises InvalidRequest (``unknown_set``, ``unknown_version``, ``unknown_pool``, ``no_image``), Conflict
    (``deployed``; ``conflict`` if others were faster each time).
    """
    start = _deploying if call.route is Route.DEPLOY else _withdrawing
    once = start(call, asked, ports, now)
    for _ in range(TRIES):
        try:
            return once()
        except Conflict as conflict:
            if conflict.code in ("deployed", "image_ids"):
                raise
    raise Conflict(f"{call.name} was changed by others {TRIES} times: look, and try again", code="conflict")


def _withdrawing(call: Call, asked: Asked, ports: Ports, now: datetime) -> Callable[[], Answer]:
    name, pool = call.names
    word = Word(by=asked.by, at=now, reason=wish_of(call.route, asked).reason)

    def once() -> Answer:
        head = ports.sets.head(name)
        change = withdraw(head, ports.sets.deployments([pool]).get(pool), pool, word)
        if change:
            bound(asked, head)
            ports.sets.commit(change)
        return Answer(status=204, body={})

    return once


def _deploying(call: Call, asked: Asked, ports: Ports, now: datetime) -> Callable[[], Answer]:
    name, pool_name = call.names
    wish, ask = deploy_wish(asked), judge(ports, now)
    word = Word(by=asked.by, at=now, reason=wish.reason)

    def once() -> Answer:
        head = read(ports.sets, name)
        version = version_of(ports.sets, name, head.number if wish.version == "latest" else wish.version)
        images = _images(version, _pool(ports, pool_name), ports.home)
        was = ports.sets.deployments([pool_name]).get(pool_name)
        said = _sound(head, version, ask, now)
        if isinstance(said, Answer):
            return said
        follow = Follow(wish.follow)
        change = deploy(
            head, was, version, pool=pool_name, images=images, follow=follow, check=said, word=word
        )
        if change:
            bound(asked, head)
            ports.sets.commit(change)
        deployed = change.deployment[1] if change else was
        assert deployed is not None  # or it would have been a change
        return Answer(status=200, body=deployment_view(deployed))

    return once


def _pool(ports: Ports, name: str) -> Pool:
    pool = ports.records.pools().pools.get(name)
    if pool is None:
        raise InvalidRequest(f"there is no pool {name}", code="unknown_pool", path="path")
    if pool.image_ids:
        raise Conflict(f"{name} names images of its own: take its image_ids away first", code="image_ids")
    return pool


def _images(version: Version, pool: Pool, region: str) -> dict[str, str]:
    """Translate *version* for *pool*; raises InvalidRequest (``no_image``) with every image that is missing."""
    images = translated(version.content, region, pool.architectures)
    missing = [image_key(region, each) for each in pool.architectures if each not in images]
    if missing:
        message = f"version {version.number} of {version.ami_set} has no image for {', '.join(missing)}"
        raise InvalidRequest(message, code="no_image", path="version")
    return images


def _sound(head: AmiSet, version: Version, ask: Judge, now: datetime) -> Check | Answer:
    """Return EC2's word for *version*, now or of late; the refusal if it is not a good one."""
    content, said = version.content, ask(version.content)
    last = head.checks.get(str(version.number))
    if said.status is Status.UNKNOWN and last and last.status is not Status.UNKNOWN:
        recent = now - last.at <= TRUST
        said = last if recent or last.status is Status.INVALID else said
    if said.status is Status.INVALID:
        return invalid(content, said)
    return said if said.status is Status.VALID else _not_validated(content, said)


def _not_validated(content: Content, said: Check) -> Answer:
    minutes = int(TRUST.total_seconds() // 60)
    message = f"EC2 does not answer, and has not confirmed this version within {minutes} minutes"
    return refusal("not_validated", message, content, said)
