"""The operators' library against a server that checks what it is asked, and who signed it."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.session import Session

from railyard import control
from railyard.control import Images, main
from railyard.errors import (
    Ambiguous,
    Conflict,
    Denied,
    Gone,
    InvalidRequest,
    InvalidSettings,
    RailyardError,
    Throttled,
)

CREDENTIALS = Credentials("AKIDOPERATOR", "secret", "token")


class Api:
    """A loopback API: it notes (method, path, body) of each signed call, and gives the *answers* one after the other."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, Any]] = []
        self.answers: list[tuple[int, Any]] = []
        self.delay = 0.0
        self.url = ""

    def answer(self, method: str, target: str, headers: Any, body: bytes) -> tuple[int, bytes]:
        assert_signed(method, self.url + target.removeprefix("/v1"), headers, body)
        self.calls.append((method, target, json.loads(body) if body else None))
        time.sleep(self.delay)
        status, content = self.answers.pop(0) if self.answers else (200, {"line": "stable#arm64"})
        return status, content if isinstance(content, bytes) else json.dumps(content).encode()


def assert_signed(method: str, url: str, headers: Any, body: bytes) -> None:
    """Recompute the signature: it covers the method, the path, the query, the host and the body."""
    said = headers["Authorization"]
    found = re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=AKIDOPERATOR/\d{8}/eu-west-1/execute-api/aws4_request, "
        r"SignedHeaders=(\S+), Signature=([0-9a-f]{64})",
        said,
    )
    assert found, said
    names = found[1].split(";")
    assert {"host", "x-amz-date", "x-amz-security-token"} <= set(names)
    request = AWSRequest(method=method, url=url, data=body, headers={name: headers[name] for name in names})
    request.context["timestamp"] = headers["X-Amz-Date"]
    auth = SigV4Auth(CREDENTIALS, "execute-api", "eu-west-1")
    assert auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request) == found[2]


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(control, "PAUSES", (0, 0))
    made = Api()

    class Handler(BaseHTTPRequestHandler):
        def serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            try:
                status, content = made.answer(self.command, self.path, self.headers, body)
            except AssertionError as wrong:
                status, content = 403, json.dumps({"message": str(wrong)}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_POST = do_DELETE = serve  # noqa: N815  # http.server's names

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: Any) -> None:
            """Say nothing: a client that does not wait for its answer is what a test is about."""

    with Server(("127.0.0.1", 0), Handler) as server:
        made.url = f"http://127.0.0.1:{server.server_port}/v1"
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield made
        server.shutdown()


def a_session() -> Any:
    core = Session()
    core.set_credentials("AKIDOPERATOR", "secret", "token")
    core.set_config_variable("region", "eu-west-1")
    return boto3.Session(botocore_session=core)


@pytest.fixture
def images(api: Api) -> Images:
    return Images(f"{api.url}/", a_session())


@pytest.mark.parametrize(
    ("ask", "call"),
    [
        (lambda i: i.line("stable", "arm64"), ("GET", "", None)),
        (lambda i: i.pin("stable", "arm64"), ("PUT", "/pin", {"reason": ""})),
        (lambda i: i.pin("stable", "arm64", "4593.2.4", "é"), ("PUT", "/pin", {"release": "4593.2.4", "reason": "é"})),
        (lambda i: i.unpin("stable", "arm64"), ("DELETE", "/pin?reason=", None)),
        (lambda i: i.unpin("stable", "arm64", "a b&c=é"), ("DELETE", "/pin?reason=a%20b%26c%3D%C3%A9", None)),
        (lambda i: i.roll_back("stable", "arm64", "bad"), ("POST", "/rollback", {"reason": "bad"})),
        (lambda i: i.dismiss("stable", "arm64"), ("DELETE", "/candidate?reason=", None)),
    ],
)  # fmt: skip
def test_each_wish_is_one_signed_call(
    api: Api, images: Images, ask: Callable[[Images], Any], call: tuple[str, str, Any]
) -> None:
    assert ask(images) == {"line": "stable#arm64"}
    method, path, body = call
    assert api.calls == [(method, f"/v1/amis/stable/arm64{path}", body)]


def test_a_name_cannot_reach_another_path(api: Api, images: Images) -> None:
    images.line("stable/arm64/pin?x=1", "#")
    assert api.calls == [("GET", "/v1/amis/stable%2Farm64%2Fpin%3Fx%3D1/%23", None)]


def test_lines_are_listed_and_a_history_is_read_to_its_end(api: Api, images: Images) -> None:
    api.answers = [
        (200, {"items": [{"line": "a"}], "next_token": None}),
        (200, {"items": [{"id": "c"}, {"id": "b"}], "next_token": "eyJ9=="}),
        (200, {"items": [{"id": "a"}], "next_token": None}),
    ]
    assert images.lines() == [{"line": "a"}]
    assert [each["id"] for each in images.history("lts-2024", "amd64")] == ["c", "b", "a"]
    assert [path for _, path, _ in api.calls[1:]] == [
        "/v1/amis/lts-2024/amd64/history",
        "/v1/amis/lts-2024/amd64/history?next_token=eyJ9%3D%3D",
    ]


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "invalid_request", InvalidRequest),
        (403, "denied", Denied),
        (404, "unknown_release", Gone),
        (409, "no_previous", Conflict),
        (412, "precondition_failed", Conflict),
        (429, "throttled", Throttled),
        (500, "internal", Ambiguous),
    ],
)
def test_a_refusal_is_an_error_with_its_code(
    api: Api, images: Images, status: int, code: str, kind: type[RailyardError]
) -> None:
    api.answers = [(status, {"error": {"code": code, "message": "no", "path": "reason"}})]
    with pytest.raises(kind) as raised:
        images.pin("stable", "arm64")
    assert (raised.value.code, str(raised.value), len(api.calls)) == (code, "no", 1)
    assert getattr(raised.value, "path", "reason") == "reason"


@pytest.mark.parametrize(
    "content",
    [{"message": "Forbidden"}, {"Message": "User: x is not authorized"}, b"<html>", [], {"error": "no"}, {}],
)
def test_what_is_not_the_apis_own_error_is_told_by_its_status(api: Api, images: Images, content: Any) -> None:
    api.answers = [(403, content)]
    with pytest.raises(Denied) as raised:
        images.roll_back("stable", "arm64")
    assert raised.value.code == "http_403"


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_look_is_repeated_and_a_change_is_not(api: Api, images: Images, status: int) -> None:
    api.answers = [(status, {})] * 2
    assert images.line("stable", "arm64")
    assert len(api.calls) == 3
    api.answers = [(status, {})]
    with pytest.raises((Throttled, Ambiguous)):
        images.unpin("stable", "arm64")
    assert len(api.calls) == 4


def test_of_a_change_without_an_answer_nobody_knows_and_it_is_not_repeated(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "TIMEOUTS", (1, 0.1))
    api.delay = 0.5
    with pytest.raises(Ambiguous) as raised:
        Images(api.url, a_session()).pin("stable", "arm64")
    assert (raised.value.code, len(api.calls)) == ("no_answer", 1)


def test_a_change_that_nobody_listened_to_is_tried_again(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[float] = []
    monkeypatch.setattr(time, "sleep", tries.append)
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(RailyardError) as raised:
        Images(url, a_session()).pin("stable", "arm64")
    assert (raised.value.code, len(tries)) == ("not_reached", 2)


def test_the_region_is_the_urls_or_else_the_sessions() -> None:
    hosted = "https://a1.execute-api.ap-south-1.amazonaws.com/v1"
    assert Images(hosted, a_session())._region == "ap-south-1"
    assert Images("https://yard.example.com", a_session())._region == "eu-west-1"


@pytest.mark.parametrize(
    "session", [SimpleNamespace(region_name=None), SimpleNamespace(region_name="eu-west-1")]
)
def test_without_region_or_credentials_nothing_begins(session: SimpleNamespace) -> None:
    session.get_credentials = lambda: None if session.region_name else CREDENTIALS
    with pytest.raises(InvalidSettings):
        Images("https://yard.example.com", session)


# -- the command line --------------------------------------------------------------------------------------


@pytest.fixture
def shell(api: Api, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    found = {"ACCESS_KEY_ID": "AKIDOPERATOR", "SECRET_ACCESS_KEY": "secret", "SESSION_TOKEN": "token"}
    for name, value in (found | {"DEFAULT_REGION": "eu-west-1"}).items():
        monkeypatch.setenv(f"AWS_{name}", value)
    return lambda *words: main([api.url, *words])


@pytest.mark.parametrize(
    ("words", "call"),
    [
        ("pin stable arm64 --release 4593.2.4 --reason x", ("PUT", "/stable/arm64/pin", {"release": "4593.2.4", "reason": "x"})),
        ("unpin stable arm64 --reason x", ("DELETE", "/stable/arm64/pin?reason=x", None)),
        ("rollback beta amd64", ("POST", "/beta/amd64/rollback", {"reason": ""})),
        ("dismiss stable arm64", ("DELETE", "/stable/arm64/candidate?reason=", None)),
        ("show stable arm64", ("GET", "/stable/arm64", None)),
    ],
)  # fmt: skip
def test_each_verb_prints_the_answer(
    api: Api,
    shell: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
    words: str,
    call: tuple[str, str, Any],
) -> None:
    assert shell(*words.split()) == 0
    assert json.loads(capsys.readouterr().out) == {"line": "stable#arm64"}
    assert api.calls == [(call[0], "/v1/amis" + call[1], call[2])]


def test_all_lines_those_of_a_channel_and_a_history_are_printed_as_lists(
    api: Api, shell: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    found = [{"channel": "beta"}, {"channel": "stable"}]
    for words, printed in (
        (["show"], found),
        (["show", "beta"], found[:1]),
        (["history", "beta", "amd64"], found),
    ):
        api.answers = [(200, {"items": found, "next_token": None})]
        assert shell(*words) == 0
        assert json.loads(capsys.readouterr().out) == printed


def test_a_refusal_is_told_on_the_error_output(
    api: Api, shell: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    api.answers = [(409, {"error": {"code": "no_previous", "message": "none before", "path": None}})]
    assert shell("rollback", "stable", "arm64") == 1
    assert capsys.readouterr() == ("", "no_previous: none before\n")


@pytest.mark.parametrize(
    "words", ["", "pin stable", "pin", "unpin stable arm64 --release 1.0.0", "upgrade stable arm64"]
)
def test_a_wrong_command_line_is_refused_before_anything_is_asked(
    api: Api, shell: Callable[..., int], words: str
) -> None:
    with pytest.raises(SystemExit) as raised:
        shell(*words.split())
    assert (raised.value.code, api.calls) == (2, [])
