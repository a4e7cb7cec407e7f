"""The evaluator of callers' policies: AWS's documented examples, and laws."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.iam.patterns import Context, NotModelled
from local.iam.policy import Outcome, decide, parsed

INVOKE = "execute-api:Invoke"
BASE = "arn:aws:execute-api:us-east-1:123456789012:a123456789"
ALLOWED, DENIED, NOT_ALLOWED = Outcome.ALLOWED, Outcome.DENIED, Outcome.NOT_ALLOWED
CONTEXT: Context = {
    "aws:username": ("alice",),
    "aws:userid": ("AIDAALICE",),
    "aws:principalarn": ("arn:aws:iam::123456789012:user/team/alice",),
    "aws:principaltag/team": ("build",),
    "aws:sourceip": ("203.0.113.17",),
    "aws:currenttime": ("2026-01-15T12:00:00+00:00",),
    "aws:epochtime": ("1768478400",),
    "aws:securetransport": ("true",),
    "aws:sourcevpce": (),
    "aws:tagkeys": ("a", "b"),
}


def a_policy(*statements: dict[str, Any], version: str = "2012-10-17") -> Any:
    return parsed("p", {"Version": version, "Statement": list(statements)})


def allow(resource: Any = "*", action: Any = INVOKE, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource} | more


def deny(resource: Any = "*", action: Any = INVOKE, **more: Any) -> dict[str, Any]:
    return allow(resource, action, **more) | {"Effect": "Deny"}


def outcome(
    *statements: dict[str, Any], action: str = INVOKE, resource: str = f"{BASE}/test/GET/pets"
) -> Outcome:
    return decide([a_policy(*statements)], action, resource, CONTEXT).outcome


@pytest.mark.parametrize(
    ("pattern", "resource", "expected"),
    [
        # API Gateway developer guide, "IAM policy examples for API execution permissions"
        ("arn:aws:execute-api:us-east-1:*:a123456789/test/POST/my-demo/*", "/test/POST/my-demo/x/y", ALLOWED),
        ("arn:aws:execute-api:us-east-1:*:a123456789/test/POST/my-demo/*", "/test/POST/my-demo", NOT_ALLOWED),
        (
            "arn:aws:execute-api:us-east-1:*:a123456789/test/POST/my-demo/*",
            "/prod/POST/my-demo/x",
            NOT_ALLOWED,
        ),
        ("arn:aws:execute-api:*:*:a123456789/*/*/walk/pets", "/prod/DELETE/walk/pets", ALLOWED),
        ("arn:aws:execute-api:*:*:a123456789/*/*/walk/pets", "/prod/DELETE/walk/pets/", NOT_ALLOWED),
        ("arn:aws:execute-api:*:*:*", "/any/GET/thing", ALLOWED),
        ("arn:aws:execute-api:us-east-1:*", "/any/GET/thing", ALLOWED),  # the last part matches past colons
        ("arn:aws:execute-api:eu-west-1:*:*", "/any/GET/thing", NOT_ALLOWED),
        ("arn:aws:*:a123456789/*", "/any/GET/thing", NOT_ALLOWED),  # * ends at a colon before the last part
        ("*", "/any/GET/thing", ALLOWED),
        (f"{BASE}/test/GET/p?t", "/test/GET/pet", ALLOWED),
        (f"{BASE}/test/GET/p?t", "/test/GET/pt", NOT_ALLOWED),
        (f"{BASE}/test/GET/p?t", "/test/GET/p/t", ALLOWED),  # so ? is no bound either
        (f"{BASE}/test/GET/a*:z", "/test/GET/a:b:z", ALLOWED),
        (f"{BASE}/test/*/pets", "/test/GET/cats/pets", ALLOWED),  # * takes in slashes
        (f"{BASE}/test/GET/pets", "/test/get/pets", NOT_ALLOWED),
        (f"{BASE}/test/GET/p.ts", "/test/GET/pets", NOT_ALLOWED),
        (f"{BASE}/test/GET/[p]ets", "/test/GET/pets", NOT_ALLOWED),
        (f"{BASE}/test/GET/${{aws:username}}", "/test/GET/alice", ALLOWED),
        (f"{BASE}/test/GET/${{aws:UserName}}", "/test/GET/bob", NOT_ALLOWED),
        (f"{BASE}/test/GET/${{aws:SourceVpce}}", "/test/GET/", NOT_ALLOWED),
        (f"{BASE}/test/GET/${{aws:SourceVpce, 'none'}}", "/test/GET/none", ALLOWED),
        (f"{BASE}/test/GET/${{*}}", "/test/GET/*", ALLOWED),
        (f"{BASE}/test/GET/${{*}}", "/test/GET/pets", NOT_ALLOWED),
        (["arn:aws:s3:::b", f"{BASE}/test/GET/pets"], "/test/GET/pets", ALLOWED),
    ],
)
def test_a_resource_is_matched_as_aws_documents(pattern: Any, resource: str, expected: Outcome) -> None:
    assert outcome(allow(pattern), resource=f"{BASE}{resource}") is expected


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("execute-api:Invoke", ALLOWED),
        ("EXECUTE-API:invoke", ALLOWED),
        ("execute-api:*", ALLOWED),
        ("execute-api:Inv?ke", ALLOWED),
        ("*", ALLOWED),
        (["s3:GetObject", "execute-api:Invoke"], ALLOWED),
        ("execute-api:ManageConnections", NOT_ALLOWED),
        ("apigateway:*", NOT_ALLOWED),
        ("execute-api:${aws:username}", NOT_ALLOWED),
    ],
)
def test_an_action_is_matched_whatever_its_case(action: Any, expected: Outcome) -> None:
    assert outcome(allow(action=action)) is expected


def test_variables_are_text_before_2012() -> None:
    mine = a_policy(allow(f"{BASE}/test/GET/${{aws:username}}"), version="2008-10-17")
    told = [
        decide([mine], INVOKE, f"{BASE}/test/GET/{name}", CONTEXT).outcome
        for name in ("alice", "${aws:username}")
    ]
    assert told == [NOT_ALLOWED, ALLOWED]


@pytest.mark.parametrize(
    ("statements", "expected", "by"),
    [
        ([], NOT_ALLOWED, None),
        ([allow(Sid="Mine")], ALLOWED, "p/Mine"),
        ([deny()], DENIED, "p/0"),
        ([allow(), deny()], DENIED, "p/1"),
        ([deny(f"{BASE}/*/POST/pets"), allow(f"{BASE}/*/GET/pets")], ALLOWED, "p/1"),
        ([{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}], ALLOWED, "p/0"),
        ([{"Effect": "Allow", "NotAction": "execute-api:*", "Resource": "*"}], NOT_ALLOWED, None),
        ([allow(), {"Effect": "Deny", "Action": "*", "NotResource": f"{BASE}/*/GET/*"}], ALLOWED, "p/0"),
        ([allow(), {"Effect": "Deny", "Action": "*", "NotResource": f"{BASE}/*/PUT/*"}], DENIED, "p/1"),
    ],
)
def test_the_statement_that_decides_is_named(
    statements: list[Any], expected: Outcome, by: str | None
) -> None:
    decision = decide([a_policy(*statements)], INVOKE, f"{BASE}/test/GET/pets", CONTEXT)
    assert (decision.outcome, decision.by) == (expected, by)


@pytest.mark.parametrize(
    ("operator", "key", "values", "expected"),
    [
        ("StringEquals", "aws:username", "alice", True),
        ("StringEquals", "AWS:UserName", ["bob", "alice"], True),
        ("StringEquals", "aws:username", "Alice", False),
        ("StringEquals", "aws:username", "al*", False),
        ("StringEqualsIgnoreCase", "aws:username", "ALICE", True),
        ("StringNotEquals", "aws:username", ["bob", "alice"], False),
        ("StringNotEquals", "aws:username", ["bob", "carol"], True),
        ("StringLike", "aws:username", "al*", True),
        ("StringNotLike", "aws:username", "al*", False),
        ("StringEquals", "aws:PrincipalTag/team", "build", True),
        ("StringEquals", "aws:PrincipalTag/absent", "build", False),
        ("StringNotEquals", "aws:PrincipalTag/absent", "build", True),
        ("StringEqualsIfExists", "aws:PrincipalTag/absent", "build", True),
        ("StringEqualsIfExists", "aws:PrincipalTag/team", "other", False),
        ("ForAllValues:StringEquals", "aws:SourceVpce", "x", True),
        ("ForAnyValue:StringEquals", "aws:SourceVpce", "x", False),
        ("ForAnyValue:StringNotEquals", "aws:SourceVpce", "x", False),
        ("ForAllValues:StringEquals", "aws:TagKeys", ["a", "b", "c"], True),
        ("ForAllValues:StringEquals", "aws:TagKeys", ["a"], False),
        ("ForAnyValue:StringEquals", "aws:TagKeys", ["a"], True),
        ("ForAnyValue:StringNotEquals", "aws:TagKeys", ["a"], True),
        ("ForAllValues:StringNotLike", "aws:TagKeys", ["a*"], False),
        ("Null", "aws:SourceVpce", "true", True),
        ("Null", "aws:SourceVpce", "false", False),
        ("Null", "aws:username", False, True),
        ("ArnLike", "aws:PrincipalArn", "arn:aws:iam::123456789012:user/*", True),
        ("ArnEquals", "aws:PrincipalArn", "arn:aws:iam::*:user/team/${aws:username}", True),
        ("ArnLike", "aws:PrincipalArn", "arn:*:user/team/alice", False),
        ("ArnNotLike", "aws:PrincipalArn", "arn:aws:iam::*:role/*", True),
        ("Bool", "aws:SecureTransport", True, True),
        ("Bool", "aws:SecureTransport", "false", False),
        ("IpAddress", "aws:SourceIp", ["198.51.100.0/24", "203.0.113.0/24"], True),
        ("IpAddress", "aws:SourceIp", "203.0.113.16", False),
        ("IpAddress", "aws:SourceIp", "2001:db8::/32", False),
        ("NotIpAddress", "aws:SourceIp", "203.0.113.0/24", False),
        ("DateGreaterThan", "aws:CurrentTime", "2026-01-15T11:59:59Z", True),
        ("DateLessThan", "aws:CurrentTime", "2026-01-15T12:00:00Z", False),
        ("DateLessThanEquals", "aws:CurrentTime", "2026-01-15T12:00:00Z", True),
        ("DateLessThan", "aws:EpochTime", "2026-01-15", False),
        ("NumericLessThan", "aws:EpochTime", 1768478401, True),
        ("NumericNotEquals", "aws:EpochTime", "1768478400", False),
    ],
)
def test_a_condition_holds_as_aws_documents(operator: str, key: str, values: Any, expected: bool) -> None:
    told = [outcome(one(Condition={operator: {key: values}})) for one in (allow, deny)]
    assert told == ([ALLOWED, DENIED] if expected else [NOT_ALLOWED, NOT_ALLOWED])


def test_every_condition_must_hold() -> None:
    both = {
        "StringEquals": {"aws:username": "alice", "aws:PrincipalTag/team": "x"},
        "Bool": {"aws:SecureTransport": "true"},
    }
    assert outcome(allow(Condition=both)) is NOT_ALLOWED


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        (allow(Condition={"BinaryEquals": {"aws:username": "x"}}), "BinaryEquals"),
        (allow(Condition={"NullIfExists": {"aws:username": "true"}}), "NullIfExists"),
        (allow(Condition={"Some:StringEquals": {"aws:username": "x"}}), "Some:StringEquals"),
        (allow(Condition={"StringEquals": {"aws:SourceIdentity": "x"}}), "aws:SourceIdentity"),
        (
            allow(Condition={"Bool": {"aws:SecureTransport": "false"}, "X": {"aws:username": "x"}}),
            "operator X",
        ),
        (allow(Condition={"IpAddress": {"aws:SourceIp": "nowhere"}}), "nowhere"),
        (allow(Principal="*"), "Principal"),
        (allow(NotAction="*"), "NotAction"),
        (allow() | {"Effect": "allow"}, "Effect"),
        ({"Effect": "Allow", "Action": "*"}, "Resource"),
        ({"Effect": "Allow", "Action": "*", "NotResource": "${aws:SourceVpce}"}, "NotResource"),
        (allow(f"{BASE}/${{aws:nothing}}"), "aws:nothing"),
    ],
)
def test_what_is_not_modelled_is_refused_by_name(statement: dict[str, Any], named: str) -> None:
    with pytest.raises(NotModelled, match=named):
        outcome(allow(), statement)


@pytest.mark.parametrize(
    "document", ["{", "[]", "{}", '{"Version": "2020-01-01", "Statement": []}', '{"Statement": ["x"]}']
)
def test_a_document_that_is_no_policy_is_refused(document: str) -> None:
    with pytest.raises(NotModelled):
        parsed("p", document)


def test_a_limit_narrows_and_never_widens() -> None:
    pets, everything = a_policy(allow(f"{BASE}/*/GET/*")), a_policy(allow(action="*"))
    one, other = f"{BASE}/test/GET/pets", f"{BASE}/test/PUT/pets"
    asked = [
        decide([everything], INVOKE, one, CONTEXT, [pets]),
        decide([everything], INVOKE, other, CONTEXT, [pets]),
        decide([], INVOKE, one, CONTEXT, [everything]),
        decide([everything], INVOKE, one, CONTEXT, [pets, a_policy(deny())]),
    ]
    assert [decision.outcome for decision in asked] == [ALLOWED, NOT_ALLOWED, NOT_ALLOWED, DENIED]


resources = st.sampled_from(
    [f"{BASE}/test/{method}/{path}" for method in ("GET", "PUT") for path in ("a", "ab", "a/b", "ami-sets/a")]
)
patterns = st.one_of(
    resources, st.sampled_from(["*", f"{BASE}/*/GET/*", f"{BASE}/test/*/a", f"{BASE}/test/GET/a?"])
)
conditions = st.sampled_from(
    [
        {},
        {"Condition": {"StringEquals": {"aws:username": "alice"}}},
        {"Condition": {"StringLike": {"aws:username": "b*"}}},
    ]
)
allows = st.builds(lambda pattern, condition: allow(pattern, **condition), patterns, conditions)
denies = st.builds(lambda pattern, condition: deny(pattern, **condition), patterns, conditions)
statements = st.lists(st.one_of(allows, denies), max_size=5)


@given(statements, allows, resources)
def test_another_allow_takes_no_right_away(before: list[Any], more: dict[str, Any], resource: str) -> None:
    was, now = outcome(*before, resource=resource), outcome(*before, more, resource=resource)
    assert now is was or (was, now) == (NOT_ALLOWED, ALLOWED)


@given(statements, resources, st.randoms())
def test_a_deny_wins_wherever_it_stands(before: list[Any], resource: str, random: Any) -> None:
    mixed = [*before, deny(resource)]
    random.shuffle(mixed)
    assert outcome(*mixed, resource=resource) is DENIED


@given(statements, resources)
def test_the_split_into_policies_does_not_matter(given_: list[Any], resource: str) -> None:
    apart = decide([a_policy(one) for one in given_], INVOKE, resource, CONTEXT).outcome
    assert apart is outcome(*given_, resource=resource)


@given(st.text(st.sampled_from("ab-/.%2F*?A${}:"), max_size=12))
def test_a_policy_on_one_id_allows_no_other(name: str) -> None:
    told = outcome(allow(f"{BASE}/v1/PUT/ami-sets/a"), resource=f"{BASE}/v1/PUT/ami-sets/{name}")
    assert told is (ALLOWED if name == "a" else NOT_ALLOWED)
