"""IAM's decision, pure: policies, an action, a resource and the request's context in; the statement that decided out.

Source: IAM user guide, "Policy evaluation logic" within one account (January 2026): a Deny wins, then everything that
limits (a boundary, a session's policy) must allow too, and what nobody allows is not allowed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from local.iam import conditions, patterns
from local.iam.patterns import Context, NotModelled

ELEMENTS = {"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"}
VERSIONS = {"2012-10-17": True, "2008-10-17": False}
"""Whether a policy of this version has variables."""


class Outcome(StrEnum):
    """What policies say."""

    ALLOWED = "allowed"
    DENIED = "explicitly denied"
    NOT_ALLOWED = "not allowed"


@dataclass(frozen=True, slots=True)
class Decision:
    """An outcome and the statement that made it, as ``policy/sid``; nobody's if nothing allows."""

    outcome: Outcome
    by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A statement; the two flags say that it names what it does *not* concern."""

    name: str
    effect: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    other_actions: bool
    other_resources: bool
    conditions: tuple[tuple[str, str, tuple[str, ...]], ...]
    variables: bool

    def applies(self, action: str, resource: str, context: Context) -> bool:
        """Say whether it is about this request; raises NotModelled."""
        filler = context if self.variables else None
        named = any(_matches(patterns.like(one.lower(), None), action.lower()) for one in self.actions)
        if named == self.other_actions:
            return False
        arns = [patterns.arn(one, filler) for one in self.resources]
        if self.other_resources and None in arns:
            raise NotModelled(f"a variable without a value in NotResource of {self.name}")
        if any(_matches(one, resource) for one in arns) == self.other_resources:
            return False
        # Every one is looked at: an unknown one must not hide behind one that fails.
        told = [conditions.holds(*condition, context, self.variables) for condition in self.conditions]
        return all(told)


Policy = tuple[Statement, ...]


def parsed(name: str, document: str | Mapping[str, Any]) -> Policy:
    """Return a policy of that *name*; raises NotModelled for what it cannot be."""
    try:
        given = json.loads(document) if isinstance(document, str) else document
        _known(given, {"Version", "Id", "Statement"}, name)
        variables = VERSIONS[given.get("Version", "2008-10-17")]
        written = given["Statement"] if isinstance(given["Statement"], list) else [given["Statement"]]
        named = [(f"{name}/{one.get('Sid') or number}", one) for number, one in enumerate(written)]
        return tuple(_statement(full_name, one, variables) for full_name, one in named)
    except (ValueError, KeyError, TypeError, AttributeError) as wrong:
        raise NotModelled(f"{name}: {wrong!r}") from wrong


def decide(
    policies: Sequence[Policy], action: str, resource: str, context: Context, limits: Sequence[Policy] = ()
) -> Decision:
    """Return what *policies* say of *action* on *resource*, within each of *limits*. Raises NotModelled."""
    said = [
        _said(layer, action, resource, context) for layer in ([*policies], *([limit] for limit in limits))
    ]
    for outcome in (Outcome.DENIED, Outcome.NOT_ALLOWED):
        for decision in said:
            if decision.outcome is outcome:
                return decision
    return said[0]


def _said(policies: Sequence[Policy], action: str, resource: str, context: Context) -> Decision:
    by: dict[str, str] = {}
    for statement in (statement for policy in policies for statement in policy):
        if statement.applies(action, resource, context):
            by.setdefault(statement.effect, statement.name)
    if "Deny" in by:
        return Decision(Outcome.DENIED, by["Deny"])
    return Decision(Outcome.ALLOWED, by["Allow"]) if "Allow" in by else Decision(Outcome.NOT_ALLOWED)


def _statement(name: str, given: Mapping[str, Any], variables: bool) -> Statement:
    _known(given, ELEMENTS, name)
    for one, other in (("Action", "NotAction"), ("Resource", "NotResource")):
        if (one in given) == (other in given):
            raise NotModelled(f"both or none of {one} and {other} in {name}")
    if given.get("Effect") not in ("Allow", "Deny"):
        raise NotModelled(f"Effect {given.get('Effect')} in {name}")
    return Statement(
        name=name,
        effect=given["Effect"],
        actions=_texts(given.get("Action", given.get("NotAction"))),
        resources=_texts(given.get("Resource", given.get("NotResource"))),
        other_actions="NotAction" in given,
        other_resources="NotResource" in given,
        conditions=tuple(
            (operator, key, _texts(values))
            for operator, keys in given.get("Condition", {}).items()
            for key, values in keys.items()
        ),
        variables=variables,
    )


def _known(given: Mapping[str, Any], elements: set[str], name: str) -> None:
    if unknown := sorted(set(given) - elements):
        raise NotModelled(f"element {', '.join(unknown)} in {name}")


def _texts(given: Any) -> tuple[str, ...]:
    return tuple(str(one) for one in (given if isinstance(given, list) else [given]))


def _matches(pattern: Any, text: str) -> bool:
    return pattern is not None and pattern.fullmatch(text) is not None
