"""What IAM says of each route: nothing without a policy, and with those of the documentation what it says of them."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest

from local.iam.policy import Outcome, Policy, decide, parsed
from serve_api.plan import NAMES, ROUTES, Route, route

PAGE = (Path(__file__).parent.parent.parent / "docs" / "ami-sets.md").read_text()
STAGE = "arn:aws:execute-api:us-east-1:123456789012:abcde12345/v1"
SETS = ("a", "ab", "b")
OTHERS = {
    "<request>": ("a", "ab"),
    "<instance>": ("i-00000001",),
    "<channel>": ("stable",),
    "<architecture>": ("amd64",),
    "<stops>": ("launch",),
    "<number>": ("1",),
}
CALLS = tuple(
    (method, "/".join(words))
    for method, form, _ in ROUTES
    for words in product(*(OTHERS.get(word, SETS if word in NAMES else (word,)) for word in form.split("/")))
)
"""Every route, for the sets, pools and requesters ``a``, ``ab`` and ``b``."""
MANAGING = {
    ("PUT", "ami-sets/a"),
    ("DELETE", "ami-sets/a"),
    ("POST", "ami-sets/a/update"),
    ("POST", "ami-sets/a/rollback"),
    ("POST", "ami-sets/a/validate"),
}
DEPLOYING = {(method, f"deployments/a/{pool}") for method in ("PUT", "DELETE") for pool in SETS}


def documented(after: str) -> Policy:
    """Return the policy that the documentation shows next after these words."""
    _, found, rest = PAGE.partition(after)
    assert found
    written = re.search(r"```json\n(.*?)```", rest, re.DOTALL)
    assert written
    return parsed("documented", written[1])


def allowed(*policies: Policy) -> set[tuple[str, str]]:
    """Return the calls that IAM lets in."""
    said = {
        call: decide(policies, "execute-api:Invoke", f"{STAGE}/{call[0]}/{call[1]}", {}) for call in CALLS
    }
    return {call for call, decision in said.items() if decision.outcome is Outcome.ALLOWED}


def one(action: str, resource: str) -> Policy:
    """Return a policy of one statement."""
    said = {"Effect": "Allow", "Action": action, "Resource": resource}
    return parsed("one", {"Version": "2012-10-17", "Statement": [said]})


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_each_route_is_denied_to_whom_nothing_allows_it(method: str, path: str) -> None:
    called = f"{STAGE}/{method}/{path}"
    assert route(method, path).route in {each for _, _, each in ROUTES}
    assert decide([], "execute-api:Invoke", called, {}).outcome is Outcome.NOT_ALLOWED


@pytest.mark.parametrize(
    "policy",
    [
        one("s3:*", "*"),
        one("execute-api:ManageConnections", "*"),
        one("execute-api:Invoke", "arn:aws:execute-api:us-east-1:123456789012:other12345/*"),
        one("execute-api:Invoke", "arn:aws:execute-api:us-east-1:123456789012:abcde12345/v2/*"),
        one("execute-api:Invoke", "arn:aws:execute-api:us-east-1:210987654321:abcde12345/*"),
    ],
)
def test_what_is_allowed_elsewhere_opens_no_route(policy: Policy) -> None:
    assert allowed(policy) == set()


def test_who_may_all_may_each_route() -> None:
    assert allowed(one("execute-api:Invoke", f"{STAGE}/*")) == set(CALLS)


def test_the_documented_manager_of_a_set_may_change_that_set_and_nothing_else() -> None:
    assert allowed(documented("To manage the set `a`:")) == MANAGING
    changes = {Route.CREATE_SET, Route.REMOVE_SET, Route.UPDATE_SET, Route.ROLL_BACK_SET, Route.VALIDATE_SET}
    assert {route(*call).route for call in MANAGING} == changes


def test_the_documented_deployer_of_a_set_may_deploy_that_set_and_nothing_else() -> None:
    assert allowed(documented("To deploy it:")) == DEPLOYING
    assert {route(*call).route for call in DEPLOYING} == {Route.DEPLOY, Route.WITHDRAW}


def test_both_documented_policies_together_allow_no_more_than_each() -> None:
    assert allowed(documented("To manage the set `a`:"), documented("To deploy it:")) == MANAGING | DEPLOYING


def test_the_documented_resource_for_one_pool_is_that_pool_alone() -> None:
    assert "To one pool alone: `PUT/deployments/a/ci`." in PAGE
    assert allowed(one("execute-api:Invoke", f"{STAGE}/PUT/deployments/a/ab")) == {
        ("PUT", "deployments/a/ab")
    }


def test_the_star_that_the_documentation_forbids_would_open_another_set() -> None:
    assert "Never write `ami-sets/a*`" in PAGE
    opened = allowed(one("execute-api:Invoke", f"{STAGE}/PUT/ami-sets/a*"))
    assert opened == {("PUT", "ami-sets/a"), ("PUT", "ami-sets/ab")}
