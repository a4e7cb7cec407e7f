"""Callers' IAM on the API: users, roles and policies made in IAM, signatures verified, refusals as API Gateway's."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.auth
import pytest
import requests
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local.world import World
from railyard.control import Images
from railyard.errors import Denied

INVOKE = "execute-api:Invoke"
NUMBER = count()
MANAGED = ["PUT/ami-sets/a", "DELETE/ami-sets/a", "POST/ami-sets/a/*"]
Answer = tuple[int, dict[str, Any], str | None]


def a_document(world: World, *paths: str, effect: str = "Allow", **more: Any) -> str:
    api = world.run.routes[0].api
    resources = [f"arn:aws:execute-api:us-east-1:123456789012:{api}/v1/{path}" for path in paths]
    statement = {"Effect": effect, "Action": INVOKE, "Resource": resources or "*"} | more
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def a_user(world: World, *documents: str, **more: Any) -> tuple[str, Credentials]:
    iam, name = world.client("iam"), f"user-{next(NUMBER)}"
    iam.create_user(UserName=name, **more)
    for number, document in enumerate(documents):
        iam.put_user_policy(UserName=name, PolicyName=f"p{number}", PolicyDocument=document)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return name, Credentials(key["AccessKeyId"], key["SecretAccessKey"])


def a_session(
    world: World, *documents: str, policy: str | None = None, **more: Any
) -> tuple[str, Credentials]:
    iam, name = world.client("iam"), f"role-{next(NUMBER)}"
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}", **more)["Role"]
    for number, document in enumerate(documents):
        iam.put_role_policy(RoleName=name, PolicyName=f"p{number}", PolicyDocument=document)
    asked = {"RoleArn": role["Arn"], "RoleSessionName": "night"} | ({"Policy": policy} if policy else {})
    key = world.client("sts").assume_role(**asked)["Credentials"]
    return role["RoleId"], Credentials(key["AccessKeyId"], key["SecretAccessKey"], key["SessionToken"])


def signed(
    world: World, who: Credentials, method: str, path: str, body: bytes = b"", kind: Any = SigV4Auth
) -> Any:
    request = AWSRequest(method, f"{world.api_url}{path}", data=body, headers={"X-Note": "one"})
    kind(who, "execute-api", "us-east-1").add_auth(request)
    return request


def sent(world: World, request: Any, **changes: Any) -> Answer:
    """Send the request to the byte; an HTTP library would tidy its path."""
    at = urlsplit(str(request.url))
    target = changes.get("target", at.path + (f"?{at.query}" if at.query else ""))
    headers = {
        name: value for name, value in (dict(request.headers) | changes.get("headers", {})).items() if value
    }
    with closing(http.client.HTTPConnection(at.netloc, timeout=30)) as line:
        line.request(
            changes.get("method", request.method), target, changes.get("body", request.data), headers
        )
        answer = line.getresponse()
        return answer.status, json.loads(answer.read()), answer.headers["x-amzn-ErrorType"]


def call(
    world: World, who: Credentials, method: str, path: str, body: bytes = b"", kind: Any = SigV4Auth
) -> Answer:
    return sent(world, signed(world, who, method, path, body, kind))


@pytest.fixture(params=["open", "strict"], autouse=True)
def iam(request: pytest.FixtureRequest, world: World) -> Iterator[str]:
    world.principals.iam = request.param
    yield request.param
    world.principals.iam = "open"


@pytest.fixture
def signing_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
    def shift(by: timedelta) -> None:
        at = datetime.now(UTC).replace(tzinfo=None) + by
        monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: at)

    return shift


def test_a_user_may_do_what_a_policy_says_and_the_function_knows_them(world: World) -> None:
    name, key = a_user(world, a_document(world, *MANAGED))
    status, event, _ = call(world, key, "PUT", "/ami-sets/a?x=1&b=%2F", b'{"k": 1}')
    user = world.client("iam").get_user(UserName=name)["User"]
    assert user["UserId"].startswith("AIDA")
    assert len(user["UserId"]) == 21
    identity = event["requestContext"]["identity"]
    assert (status, event["body"], event["queryStringParameters"]) == (200, '{"k": 1}', {"x": "1", "b": "/"})
    assert identity | {"sourceIp": "", "userAgent": ""} == {
        "sourceIp": "",
        "userAgent": "",
        "accessKey": key.access_key,
        "accountId": "123456789012",
        "caller": user["UserId"],
        "user": user["UserId"],
        "userArn": user["Arn"],
    }


def test_a_session_of_a_role_is_known_by_role_and_session(world: World) -> None:
    role_id, key = a_session(world, a_document(world, *MANAGED))
    status, event, _ = call(world, key, "DELETE", "/ami-sets/a")
    identity = event["requestContext"]["identity"]
    assert (status, identity["caller"], identity["user"]) == (200, f"{role_id}:night", f"{role_id}:night")
    assert role_id.startswith("AROA")
    assert identity["userArn"].startswith("arn:aws:sts::123456789012:assumed-role/role-")
    assert identity["userArn"].endswith("/night")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/ami-sets/ab"),
        ("PUT", "/ami-sets/a/b"),
        ("PUT", "/ami-sets/a%2Fb"),
        ("PUT", "/ami-sets/%61"),
        ("PUT", "/ami-sets/%2561"),
        ("PUT", "/ami-sets/a/"),
        ("PUT", "/ami-sets/A"),
        ("PUT", "/ami-sets//a"),
        ("PUT", "/ami-sets/%D0%B0"),
        ("POST", "/ami-sets/ab/update"),
        ("POST", "/ami-sets/a%2Fb/update"),
        ("GET", "/ami-sets/a"),
        ("PUT", "/deployments/a/default"),
        ("PUT", "/pools/default"),
    ],
)
def test_a_manager_of_one_set_is_turned_away_elsewhere(world: World, method: str, path: str) -> None:
    name, key = a_user(world, a_document(world, *MANAGED))
    status, body, error = call(world, key, method, path)
    resource = f"arn:aws:execute-api:us-east-1:********9012:{world.run.routes[0].api}/v1/{method}{path}"
    text = f"User: arn:aws:iam::123456789012:user/{name} is not authorized to perform: {INVOKE} on resource: {resource}"
    assert (status, error) == (403, "AccessDeniedException")
    assert body == {"Message": f"{text} because no identity-based policy allows the {INVOKE} action"}


@pytest.mark.parametrize(
    "path", ["/ami-sets/a/../ab/update", "/ami-sets/a/..%2Fab/update", "/ami-sets/a//update"]
)
def test_the_function_gets_the_path_that_iam_judged(world: World, path: str) -> None:
    _, key = a_user(world, a_document(world, *MANAGED))
    status, event, _ = call(world, key, "POST", path)
    assert (status, event["path"], event["pathParameters"]) == (200, path, {"proxy": path[1:]})


def test_slashes_after_the_stage_are_one_to_iam_and_to_the_function(world: World) -> None:
    _, key = a_user(world, a_document(world, *MANAGED))
    status, event, _ = call(world, key, "PUT", "///ami-sets/a")
    assert (status, event["path"]) == (200, "/ami-sets/a")
    assert call(world, key, "PUT", "//pools/a")[0] == 403


def test_a_deny_wins_and_says_so(world: World) -> None:
    _, key = a_user(world, a_document(world), a_document(world, "*/pools/*", effect="Deny"))
    assert call(world, key, "GET", "/status")[0] == 200
    status, body, _ = call(world, key, "PUT", "/pools/default")
    assert (status, body["Message"].endswith(" with an explicit deny in an identity-based policy")) == (
        403,
        True,
    )


def test_groups_and_managed_policies_count_in_their_default_version(world: World) -> None:
    iam = world.client("iam")
    name, key = a_user(world)
    arn = iam.create_policy(PolicyName=f"m-{name}", PolicyDocument=a_document(world, "GET/a"))["Policy"][
        "Arn"
    ]
    iam.create_group(GroupName=name)
    iam.put_group_policy(GroupName=name, PolicyName="g", PolicyDocument=a_document(world, "GET/b"))
    told = [[call(world, key, "GET", path)[0] for path in ("/a", "/b")]]
    iam.attach_user_policy(UserName=name, PolicyArn=arn)
    iam.add_user_to_group(GroupName=name, UserName=name)
    told.append([call(world, key, "GET", path)[0] for path in ("/a", "/b")])
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=a_document(world, "GET/b"), SetAsDefault=True)
    iam.remove_user_from_group(GroupName=name, UserName=name)
    told.append([call(world, key, "GET", path)[0] for path in ("/a", "/b")])
    assert told == [[403, 403], [200, 200], [403, 200]]


def test_a_boundary_and_a_session_policy_limit_a_role(world: World) -> None:
    iam = world.client("iam")
    document = a_document(world, "GET/a", "GET/b")
    boundary = iam.create_policy(PolicyName=f"b-{next(NUMBER)}", PolicyDocument=document)["Policy"]["Arn"]
    session = a_document(world, "GET/b", "GET/c")
    _, key = a_session(world, a_document(world), policy=session, PermissionsBoundary=boundary)
    assert [call(world, key, "GET", path)[0] for path in ("/a", "/b", "/c")] == [403, 200, 403]


def test_conditions_and_variables_know_the_caller(world: World) -> None:
    tagged: dict[str, Any] = {
        "Condition": {
            "StringEquals": {"aws:PrincipalTag/team": "build"},
            "IpAddress": {"aws:SourceIp": "127.0.0.0/8"},
        }
    }
    document = a_document(world, "PUT/requesters/${aws:username}", **tagged)
    name, key = a_user(world, document, Tags=[{"Key": "team", "Value": "build"}])
    _, other = a_user(world, document)
    assert call(world, key, "PUT", f"/requesters/{name}")[0] == 200
    assert call(world, key, "PUT", "/requesters/someone")[0] == 403
    assert call(world, other, "PUT", f"/requesters/{name}")[0] == 403


def test_a_policy_that_is_not_modelled_fails_by_name(world: World) -> None:
    _, key = a_user(
        world, a_document(world), a_document(world, Condition={"BinaryEquals": {"aws:username": "eA=="}})
    )
    status, body, error = call(world, key, "GET", "/status")
    assert (status, error) == (500, "NotModelled")
    assert "BinaryEquals" in body["message"]


def test_a_query_can_carry_the_signature(world: World) -> None:
    _, user = a_user(world, a_document(world, *MANAGED))
    _, session = a_session(world, a_document(world, *MANAGED))
    for key in (user, session):
        assert call(world, key, "PUT", "/ami-sets/a?x=1", b"{}", SigV4QueryAuth)[0] == 200
        assert call(world, key, "PUT", "/ami-sets/ab", b"{}", SigV4QueryAuth)[0] == 403
        request = signed(world, key, "PUT", "/ami-sets/a", b"{}", SigV4QueryAuth)
        assert sent(world, request, body=b"[]")[2] == "InvalidSignatureException"


@pytest.mark.parametrize(
    "change",
    [
        {"body": b'{"k": 2}'},
        {"method": "DELETE"},
        {"target": "/v1/ami-sets/ab?x=1"},
        {"target": "/v1/ami-sets/%61?x=1"},
        {"target": "/v1/ami-sets/a?x=2"},
        {"target": "/v1/ami-sets/a"},
        {"headers": {"Host": "elsewhere.example"}},
        {"headers": {"X-Note": "two"}},
        {"headers": {"X-Note": ""}},
        {"headers": {"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"}},
    ],
)
def test_what_was_signed_cannot_be_changed(world: World, change: dict[str, Any]) -> None:
    _, key = a_user(world, a_document(world))
    request = signed(world, key, "PUT", "/ami-sets/a?x=1", b'{"k": 1}')
    assert sent(world, request)[0] == 200
    status, body, error = sent(world, request, **change)
    assert (status, error) == (403, "InvalidSignatureException")
    assert body["message"].startswith(
        "The request signature we calculated does not match the signature you provided."
    )


def test_a_host_that_is_not_signed_is_refused(world: World) -> None:
    _, key = a_user(world, a_document(world))
    request = signed(world, key, "GET", "/status")
    request.headers.replace_header("Authorization", request.headers["Authorization"].replace("host;", ""))
    assert "'Host'" in sent(world, request)[1]["message"]


def test_a_wrong_secret_is_refused(world: World) -> None:
    _, key = a_user(world, a_document(world))
    status, _, error = call(world, Credentials(key.access_key, "wrong"), "GET", "/status")
    assert (status, error) == (403, "InvalidSignatureException")


@pytest.mark.parametrize(("service", "region"), [("sqs", "us-east-1"), ("execute-api", "eu-west-1")])
def test_a_signature_for_elsewhere_is_refused(world: World, service: str, region: str) -> None:
    _, key = a_user(world, a_document(world))
    request = AWSRequest("GET", f"{world.api_url}/status")
    SigV4Auth(key, service, region).add_auth(request)
    assert "Credential should be scoped to" in sent(world, request)[1]["message"]


@pytest.mark.parametrize(
    ("minutes", "kind", "said"),
    [
        (-4, SigV4Auth, None),
        (4, SigV4Auth, None),
        (-6, SigV4Auth, "Signature expired: "),
        (-24 * 60, SigV4Auth, "Signature expired: "),
        (6, SigV4Auth, "Signature not yet current: "),
        (-50, SigV4QueryAuth, None),
        (-61, SigV4QueryAuth, "Signature expired: "),
    ],
)
def test_a_date_out_of_the_window_is_refused(
    world: World, signing_at: Callable[[timedelta], None], minutes: int, kind: Any, said: str | None
) -> None:
    _, key = a_user(world, a_document(world))
    signing_at(timedelta(minutes=minutes))
    status, body, _ = call(world, key, "GET", "/status", kind=kind)
    assert (status, body.get("message", "")[: len(said or "")]) == ((403, said) if said else (200, ""))


def test_a_query_s_signature_ends_after_seven_days_whatever_it_says(
    world: World, signing_at: Callable[[timedelta], None]
) -> None:
    _, key = a_user(world, a_document(world))
    kind = partial(SigV4QueryAuth, expires=9 * 24 * 3600)
    told = []
    for days in (-6, -8):
        signing_at(timedelta(days=days))
        told.append(call(world, key, "GET", "/status", kind=kind)[0])
    assert told == [200, 403]


def test_both_the_world_s_time_and_the_machine_s_are_present_and_a_session_ends_in_the_world_s(
    world: World, signing_at: Callable[[timedelta], None]
) -> None:
    _, user = a_user(world, a_document(world))
    _, session = a_session(world, a_document(world))
    assert call(world, session, "GET", "/status")[0] == 200
    world.advance(3700)
    assert call(world, user, "GET", "/status")[0] == 200
    assert call(world, session, "GET", "/status")[1:] == (
        {"message": "The security token included in the request is expired"},
        "ExpiredTokenException",
    )
    signing_at(world.clock.offset)
    assert call(world, user, "GET", "/status")[0] == 200


def test_a_session_needs_its_token_and_a_user_has_none(world: World) -> None:
    _, user = a_user(world, a_document(world))
    _, session = a_session(world, a_document(world))
    wrong = [
        Credentials(session.access_key, session.secret_key),
        Credentials(session.access_key, session.secret_key, "another"),
        Credentials(user.access_key, user.secret_key, session.token),
    ]
    for key in wrong:
        assert call(world, key, "GET", "/status") == (
            403,
            {"message": "The security token included in the request is invalid."},
            "UnrecognizedClientException",
        )


def test_a_key_out_of_use_and_a_role_that_is_gone_are_nobody(world: World) -> None:
    iam = world.client("iam")
    name, user = a_user(world, a_document(world))
    role_id, session = a_session(world)
    iam.update_access_key(UserName=name, AccessKeyId=user.access_key, Status="Inactive")
    (role,) = [role["RoleName"] for role in iam.list_roles()["Roles"] if role["RoleId"] == role_id]
    iam.delete_role(RoleName=role)
    told = [call(world, key, "GET", "/status")[2] for key in (user, session)]
    assert told == ["UnrecognizedClientException"] * 2


def test_an_unknown_key_is_this_machine_s_user_only_if_iam_is_open(world: World, iam: str) -> None:
    status, body, error = call(world, Credentials("AKIAUNKNOWN000000000", "x"), "GET", "/status")
    if iam == "open":
        assert body["requestContext"]["identity"]["caller"] == "AIDALOCALTEST"
    else:
        assert (status, error) == (403, "UnrecognizedClientException")


def test_test_is_an_administrator_whose_secret_counts_if_iam_is_strict(world: World, iam: str) -> None:
    status, event, _ = call(world, Credentials("test", "test"), "PUT", "/pools/default")
    assert (status, event["requestContext"]["identity"]["caller"]) == (200, "AIDALOCALTEST")
    assert call(world, Credentials("test", "tset"), "GET", "/status")[0] == (200 if iam == "open" else 403)


@pytest.mark.parametrize(
    ("headers", "error"),
    [
        ({}, "MissingAuthenticationTokenException"),
        ({"Authorization": "Bearer x"}, "MissingAuthenticationTokenException"),
        (
            {"Authorization": "AWS4-HMAC-SHA256 Credential=KEY/20260101/us-east-1/execute-api/aws4_request"},
            "IncompleteSignatureException",
        ),
        (
            {"Authorization": "AWS4-HMAC-SHA256 Credential=KEY, SignedHeaders=host, Signature=0"},
            "IncompleteSignatureException",
        ),
    ],
)
def test_a_request_without_a_whole_signature_is_refused(
    world: World, headers: dict[str, str], error: str
) -> None:
    _, key = a_user(world, a_document(world))
    filled = {name: value.replace("KEY", str(key.access_key)) for name, value in headers.items()}
    answer = requests.get(f"{world.api_url}/status", headers=filled, timeout=10)
    assert (answer.status_code, answer.headers["x-amzn-ErrorType"]) == (403, error)


def test_railyard_control_signs_what_the_door_verifies(world: World) -> None:
    _, key = a_session(world, a_document(world, "GET/amis/stable/arm64", "PUT/amis/stable/arm64/pin"))
    session = boto3.Session(key.access_key, key.secret_key, key.token, region_name="us-east-1")
    images = Images(world.api_url, session)
    assert images.line("stable", "arm64")["path"] == "/amis/stable/arm64"
    assert json.loads(images.pin("stable", "arm64", reason="so")["body"]) == {"reason": "so"}
    with pytest.raises(Denied):
        images.unpin("stable", "arm64", reason="it is over")
