"""What a path means to IAM and to the function: neither reading lets a manager of one set touch another.

The function's reading is the contract's: the path as sent, split at slashes, names matched whole, nothing decoded.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from local.iam.policy import Outcome, decide, parsed

BASE = "arn:aws:execute-api:us-east-1:123456789012:abc/v1"
MANAGER = parsed(
    "manage-ami-set:a",
    {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Action": "execute-api:Invoke",
            "Resource": [f"{BASE}/PUT/ami-sets/a", f"{BASE}/DELETE/ami-sets/a", f"{BASE}/POST/ami-sets/a/*"],
        },
    },
)
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


def let_in(method: str, path: str) -> bool:
    return decide([MANAGER], "execute-api:Invoke", f"{BASE}/{method}{path}", {}).outcome is Outcome.ALLOWED


def touched(method: str, path: str) -> str | None:
    """The set that the function would change; none if it refuses the path."""
    match method, path.strip("/").split("/"):
        case ("PUT" | "DELETE", ["ami-sets", name]) | (
            "POST",
            ["ami-sets", name, "update" | "validate" | "rollback"],
        ):
            return name if NAME.fullmatch(name) else None
    return None


@pytest.mark.parametrize(
    ("method", "path", "as_sent", "decoded", "changes"),
    [
        ("PUT", "/ami-sets/a", True, True, "a"),
        ("PUT", "/ami-sets/ab", False, False, "ab"),
        ("PUT", "/ami-sets/a/b", False, False, None),
        ("PUT", "/ami-sets/a%2Fb", False, False, None),
        ("PUT", "/ami-sets/%61", False, True, None),
        ("PUT", "/ami-sets/%2561", False, False, None),
        ("PUT", "/ami-sets/a/", False, False, "a"),
        ("PUT", "/ami-sets/a%2F", False, False, None),
        ("PUT", "/ami-sets/A", False, False, None),
        ("PUT", "/ami-sets/\u0430", False, False, None),  # Cyrillic a
        ("PUT", "/ami-sets/%D0%B0", False, False, None),
        ("PUT", "/ami-sets/a%00", False, False, None),
        ("PUT", "/ami-sets//a", False, False, None),
        ("PUT", "/ami-sets/./a", False, False, None),
        ("PUT", "/ami-sets/ab/../a", False, False, None),
        ("POST", "/ami-sets/a/update", True, True, "a"),
        ("POST", "/ami-sets/a/../ab/update", True, True, None),
        ("POST", "/ami-sets/a/%2E%2E/ab/update", True, True, None),
        ("POST", "/ami-sets/a%2F..%2Fab/update", False, True, None),
        ("POST", "/ami-sets/a%2Fb/update", False, True, None),
        ("POST", "/ami-sets/a/..%2Fab/update", True, True, None),
        ("POST", "/ami-sets/a//update", True, True, None),
        ("POST", "/ami-sets/a/", True, True, None),
        ("POST", "/ami-sets/a;x=1/update", False, False, None),
        ("POST", "/ami-sets/ab/update", False, False, "ab"),
        ("DELETE", "/ami-sets/*", False, False, None),
        ("PUT", "/deployments/a/pool", False, False, None),
        ("PUT", "/pools/a", False, False, None),
    ],
)
def test_what_iam_sees_of_a_path_and_what_the_function_makes_of_it(
    method: str, path: str, as_sent: bool, decoded: bool, changes: str | None
) -> None:
    assert (let_in(method, path), let_in(method, unquote(path))) == (as_sent, decoded)
    assert touched(method, path) == changes


PIECES = ["a", "b", "A", "/", ".", "%", "2", "F", "5", "6", "1", "?", "*", "%2F", "%61", "..", "/update"]


@given(st.sampled_from(["PUT", "DELETE", "POST"]), st.lists(st.sampled_from(PIECES), max_size=9).map("".join))
@example("POST", "a%2F..%2Fab/update")
@example("PUT", "%2561")
def test_whoever_is_let_in_as_manager_of_a_changes_a_alone(method: str, rest: str) -> None:
    path = f"/ami-sets/{rest}"
    if any(let_in(method, reading) for reading in (path, unquote(path), unquote(unquote(path)))):
        assert touched(method, path) in (None, "a")
