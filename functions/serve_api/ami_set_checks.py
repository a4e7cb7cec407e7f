"""Hands that ask EC2 about the images of AMI sets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import cache

from railyard.errors import Conflict, InvalidRequest, RailyardError
from railyard.model.ami_sets import AmiSet, Check, Content, Version, checked
from railyard.model.validation import Shown, check_version, confirmed, ids_of
from serve_api.ami_set_views import tag, validation_view
from serve_api.calls import Answer, Asked
from serve_api.lines import TRIES
from serve_api.plan import Call
from serve_api.ports import Ports, Sets

Judge = Callable[[Content], Check]


def look(ports: Ports, contents: Iterable[Content]) -> Shown:
    """Ask EC2 about every image of *contents*: once in each region, and in none that the account has not enabled.

    If it does not say which are, nothing is known: a made-up region must not cost a client and its time-outs.
    """
    ids = ids_of(contents)
    if not ids:
        return {}
    try:
        enabled = ports.images.enabled_regions(ports.home)
    except RailyardError as silent:
        return dict.fromkeys(ids, silent)
    answers = ports.images.everywhere({region: each for region, each in ids.items() if region in enabled})
    return dict.fromkeys(ids, None) | dict(answers)


def judge(ports: Ports, now: datetime) -> Judge:
    """Return what asks EC2 about a content, once each however often the writing is tried."""
    return cache(lambda content: check_version(content, look(ports, [content]), now))


def read(sets: Sets, name: str) -> AmiSet:
    """Return the set *name*; raises InvalidRequest (``unknown_set``) if it was removed, or never was."""
    head = sets.head(name)
    if head.removed:
        raise InvalidRequest(f"there is no AMI set {name}", code="unknown_set", path="path")
    return head


def bound(asked: Asked, head: AmiSet) -> None:
    """Raise InvalidRequest (``precondition_failed``) if the change is bound to another state of *head*."""
    there = () if head.removed else ("*", tag(head))
    if asked.if_match and asked.if_match not in there:
        state = "not there" if head.removed else f"at {tag(head)}"
        message = f"{head.ami_set} is {state}, not at {asked.if_match}"
        raise InvalidRequest(message, code="precondition_failed", path="If-Match")


def mattering(sets: Sets, head: AmiSet) -> Mapping[int, Version]:
    """Return the latest version of *head* and those that pools launch."""
    wanted = {(head.ami_set, number) for number in (head.number, *head.deployed.values())}
    return {number: version for (_, number), version in sets.versions(wanted).items()}


def validate(call: Call, ports: Ports, now: datetime) -> Answer:
    """Ask EC2 now about every version that matters, and write down what it says, of what pools launch too."""
    sets = ports.sets
    for _ in range(TRIES):
        head = read(sets, call.name)
        versions = mattering(sets, head)
        shown = look(ports, (version.content for version in versions.values()))
        checks = {n: check_version(version.content, shown, now) for n, version in versions.items()}
        try:
            after = _recorded(ports, head, checks)
        except Conflict:
            continue
        silent = sorted(region for region, said in shown.items() if isinstance(said, RailyardError))
        body = validation_view(after, versions.values()) | {"unanswered_regions": silent}
        return Answer(status=200, body=body)
    raise Conflict(f"{call.name} was changed by others {TRIES} times: look, and try again", code="conflict")


def _recorded(ports: Ports, head: AmiSet, checks: Mapping[int, Check]) -> AmiSet:
    """Write *checks* over *head*, which is returned as it is then; raises Conflict."""
    launched = (
        each for each in ports.sets.deployments(head.deployed).values() if each.ami_set == head.ami_set
    )
    said = (
        (each, confirmed(each, checks[each.number], ports.home)) for each in launched if each.number in checks
    )
    changed = [(was, shall) for was, shall in said if shall != was]
    after = checked(head, checks)
    if after == head and not changed:
        return head
    after = replace(after, sequence=head.sequence + 1)
    ports.sets.check(head, after, changed)
    return after
