"""Who makes a call: access keys of the embedded AWS and the principals that they stand for.

SQS puts a ``SenderId`` on every message: the unique id of a user, or ``role id:session`` for a role.
Railyard takes a requester's and a node's identity from it, so each principal here has an access key of its
own, and the endpoint remembers for each thread whose request it serves.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

from local.iam import users

ACCOUNT = "123456789012"
REGION = "us-east-1"
USER_SENDER_ID = "AIDALOCALTEST"
"""``SenderId`` of whoever uses the credentials ``test`` / ``test``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """A user, or a role's session; *function* is set for Lambda's own roles."""

    sender_id: str
    arn: str
    function: str | None = None


USER = Principal(sender_id=USER_SENDER_ID, arn=f"arn:aws:iam::{ACCOUNT}:user/test")
SERVICE = Principal(sender_id="AIDALOCALSERVICE", arn="arn:aws:iam::aws:root")
"""AWS itself: EventBridge delivering to a queue."""


class Principals:
    """Access key -> principal.

    *iam* says what the API makes of a key that IAM does not know: ``open`` takes it for this machine's user, whatever
    the signature; ``strict`` refuses it, and verifies ``test`` / ``test``. Keys that IAM knows are judged in both.
    """

    def __init__(self, iam: Literal["open", "strict"] = "open") -> None:
        users.install()
        self.iam = iam
        self._by_key: dict[str, Principal] = {}

    def role(self, role_id: str, role_name: str, session: str, *, function: str | None = None) -> str:
        """Register a session of a role and return its access key."""
        key = "ASIA" + sha256(f"{role_id}:{session}".encode()).hexdigest()[:16].upper()
        arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/{role_name}/{session}"
        self._by_key[key] = Principal(sender_id=f"{role_id}:{session}", arn=arn, function=function)
        return key

    def of(self, access_key: str | None) -> Principal:
        """Return who holds *access_key*; every unknown key is the user of this machine."""
        return self._by_key.get(access_key or "", USER)


class _Serving(threading.local):
    principal: Principal | None = None


_serving = _Serving()


@contextmanager
def acting_as(principal: Principal) -> Iterator[None]:
    """Let what this thread sends meanwhile be sent by *principal*."""
    before, _serving.principal = _serving.principal, principal
    try:
        yield
    finally:
        _serving.principal = before


def acting() -> Principal:
    """Return who this thread acts as."""
    return _serving.principal or SERVICE


def sender_id() -> str:
    """Return the ``SenderId`` for a message that this thread is sending."""
    return acting().sender_id
