"""Access key -> who holds it and what their policies are, from moto's IAM and STS.

Users with their groups, roles' sessions, customer-managed and inline policies, a role's boundary, a session's policy.
moto forgets a user's boundary, a session's tags and its managed policies: they change nothing here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from moto.iam.models import iam_backends
from moto.sts.models import sts_backends

from local.iam.patterns import NotModelled
from local.iam.policy import Policy, parsed
from local.identity import ACCOUNT, USER, Principal


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The holder of an access key; *token* and *expires* are a session's, *facts* what conditions may ask of them.

    *active* is false for a key that was put out of use, and for a session of a role that is gone.
    """

    principal: Principal
    secret: str
    policies: tuple[Policy, ...]
    limits: tuple[Policy, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    token: str | None = None
    expires: datetime | None = None
    active: bool = True


EVERYTHING = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
ADMINISTRATOR = Caller(principal=USER, secret="test", policies=(parsed("administrator", EVERYTHING),))
"""Whoever uses the credentials ``test`` / ``test``."""


def find(access_key: str) -> Caller | None:
    """Return who holds *access_key*, nobody if it is unknown; raises NotModelled for their policies."""
    for user in list(iam_backends[ACCOUNT]["aws"].users.values()):
        for key in user.access_keys:
            if key.access_key_id == access_key:
                return _user(user, key)
    for session in list(sts_backends[ACCOUNT]["aws"].assumed_roles):
        if session.access_key_id == access_key:
            return _session(session)
    return None


def _user(user: Any, key: Any) -> Caller:
    backend = iam_backends[ACCOUNT]["aws"]
    groups = backend.get_groups_for_user(user.name)
    return Caller(
        principal=Principal(sender_id=user.id, arn=user.arn),
        secret=key.secret_access_key,
        active=key.status == "Active",
        policies=tuple(policy for owner in (user, *groups) for policy in _policies(owner)),
        facts=_facts(user, user.arn, "User", user.id) | {"aws:username": user.name},
    )


def _session(session: Any) -> Caller:
    principal = Principal(sender_id=session.user_id, arn=session.arn)
    backend = iam_backends[ACCOUNT]["aws"]
    role = next((role for role in list(backend.roles.values()) if role.arn == session.role_arn), None)
    if role is None:
        return Caller(principal=principal, secret=session.secret_access_key, policies=(), active=False)
    boundary = role.permissions_boundary_arn
    if boundary and boundary not in backend.managed_policies:
        raise NotModelled(f"boundary {boundary}, which does not exist")
    limits = [_managed(backend.managed_policies[boundary])] if boundary else []
    if session.policy:
        limits.append(parsed("session policy", session.policy))
    mfa = {"aws:multifactorauthpresent": "false"}
    return Caller(
        principal=principal,
        secret=session.secret_access_key,
        policies=tuple(_policies(role)),
        limits=tuple(limits),
        facts=_facts(role, role.arn, "AssumedRole", session.user_id) | mfa,
        token=session.session_token,
        expires=session.expiration.replace(tzinfo=UTC),
    )


def _policies(owner: Any) -> Iterable[Policy]:
    for name, document in dict(owner.policies).items():
        yield parsed(name, document)
    for policy in list(owner.managed_policies.values()):
        yield _managed(policy)


def _managed(policy: Any) -> Policy:
    return parsed(policy.name, next(version.document for version in policy.versions if version.is_default))


def _facts(owner: Any, arn: str, kind: str, user_id: str) -> dict[str, str]:
    tags = {f"aws:principaltag/{tag['Key'].lower()}": tag["Value"] for tag in owner.tags or ()}
    return tags | {"aws:principalarn": arn, "aws:principaltype": kind, "aws:userid": user_id}
