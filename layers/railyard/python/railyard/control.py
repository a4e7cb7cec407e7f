"""Keep a release line where you want it: pin, unpin, roll back, dismiss, and look, through the API.

::

    from railyard.control import Images

    images = Images(api_url)  # the stack's output ApiUrl
    images.pin("stable", "arm64", release="4593.2.4", reason="4593.2.5 breaks our driver")

or ``python -m railyard.control <ApiUrl> pin stable arm64 --release 4593.2.4 --reason ...``. Calls are signed with the
credentials that boto3 finds, and nothing but boto3 is needed. A change is on record when it is answered; ``warnings``
in the answer say why it will not be carried out at once.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError, EndpointConnectionError
from botocore.httpsession import URLLib3Session
from botocore.utils import get_environ_proxies

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

TIMEOUTS = (3, 35)
"""Seconds to connect and to read: API Gateway answers within 29."""
PAUSES = (0.5, 2.0)
"""Seconds before another try."""
MEANING: Mapping[int, type[RailyardError]] = {
    401: Denied,
    403: Denied,
    404: Gone,
    409: Conflict,
    412: Conflict,
    429: Throttled,
}
"""What a status says: any other below 500 is an InvalidRequest, any from 500 on Ambiguous."""


class Images:
    """The release lines of a stack.

    A call raises RailyardError with the API's code: InvalidRequest, Gone (``not_found``, ``unknown_release``), Conflict
    (``pinned``, ``no_previous``, ``conflict``), Denied, Throttled; Ambiguous if a change may or may not be on record;
    ``not_reached`` if nothing listened.
    """

    def __init__(self, api_url: str, session: Any = None) -> None:
        """*session* is boto3's, made if absent; the region is the URL's, or else the session's."""
        session = session or boto3.Session()
        hosted = re.search(r"\.execute-api\.([a-z0-9-]+)\.", api_url)
        region = hosted[1] if hosted else session.region_name
        credentials = session.get_credentials()
        if not region or not credentials:
            raise InvalidSettings(f"AWS {'credentials' if region else 'region'} not found")
        self._url = api_url.rstrip("/") + "/amis"
        self._credentials, self._region = credentials, region
        proxies = get_environ_proxies(api_url)
        self._http = URLLib3Session(timeout=TIMEOUTS, proxies=proxies)  # type: ignore[arg-type]  # a pair is fine

    def lines(self) -> list[dict[str, Any]]:
        """Return every line."""
        return list(self._call("GET", ())["items"])

    def line(self, channel: str, architecture: str) -> dict[str, Any]:
        """Return one line: what is in force, what is tried, pinned, in the way."""
        return self._call("GET", (channel, architecture))

    def history(self, channel: str, architecture: str) -> Iterator[dict[str, Any]]:
        """Yield what happened to a line, newest first."""
        query: dict[str, str] = {}
        while True:
            page = self._call("GET", (channel, architecture, "history"), query)
            yield from page["items"]
            if not page["next_token"]:
                return
            query = {"next_token": page["next_token"]}

    def pin(
        self, channel: str, architecture: str, release: str | None = None, reason: str = ""
    ) -> dict[str, Any]:
        """Keep *release*, an older one too, or the one in force, until the line is unpinned."""
        wish = {"reason": reason} | ({"release": release} if release else {})
        return self._call("PUT", (channel, architecture, "pin"), body=wish)

    def unpin(self, channel: str, architecture: str, reason: str = "") -> dict[str, Any]:
        """Follow the feed again."""
        return self._call("DELETE", (channel, architecture, "pin"), {"reason": reason})

    def roll_back(self, channel: str, architecture: str, reason: str = "") -> dict[str, Any]:
        """Go back to the release before, and stay there."""
        return self._call("POST", (channel, architecture, "rollback"), body={"reason": reason})

    def dismiss(self, channel: str, architecture: str, reason: str = "") -> dict[str, Any]:
        """Forget the candidate: its trial starts anew if the feed still names it."""
        return self._call("DELETE", (channel, architecture, "candidate"), {"reason": reason})

    def _call(
        self, method: str, path: Sequence[str], query: Mapping[str, str] | None = None, body: Any = None
    ) -> dict[str, Any]:
        """Return the answer; what was not reached is tried again, and so is a look that found nobody able to answer."""
        url = "/".join((self._url, *(quote(part, safe="") for part in path)))
        url += f"?{urlencode(query, quote_via=quote)}" if query else ""
        content = json.dumps(body).encode() if body is not None else b""
        for pause in PAUSES:
            try:
                return self._sent(method, url, content)
            except RailyardError as failed:
                harmless = method == "GET" and isinstance(failed, Ambiguous | Throttled)
                if not harmless and failed.code != "not_reached":
                    raise
            time.sleep(pause)
        return self._sent(method, url, content)

    def _sent(self, method: str, url: str, content: bytes) -> dict[str, Any]:
        request = self._signed(method, url, content)
        try:
            answer = self._http.send(request)
        except EndpointConnectionError as unreached:
            raise RailyardError(str(unreached), code="not_reached") from unreached
        except BotoCoreError as lost:
            raise Ambiguous(f"{method} {url}: no answer: {lost}", code="no_answer") from lost
        if answer.status_code >= 400:
            raise _error(answer.status_code, answer.content)
        return dict(json.loads(answer.content))

    def _signed(self, method: str, url: str, content: bytes) -> Any:
        request = AWSRequest(
            method=method, url=url, data=content, headers={"Content-Type": "application/json"}
        )
        SigV4Auth(self._credentials.get_frozen_credentials(), "execute-api", self._region).add_auth(request)
        return request.prepare()


def _error(status: int, content: bytes) -> RailyardError:
    """Return what the API, or API Gateway before it (``message`` alone), says by an error."""
    try:
        said = json.loads(content)
        about = said.get("error") or {"message": said.get("message") or said["Message"]}
        code, message, path = about.get("code") or f"http_{status}", about["message"], about.get("path")
    except (ValueError, KeyError, TypeError, AttributeError):
        code, message, path = f"http_{status}", content.decode("utf-8", "replace")[:200], None
    if status in MEANING:
        return MEANING[status](message, code=code)
    return Ambiguous(message, code=code) if status >= 500 else InvalidRequest(message, code=code, path=path)


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says and print the answer as JSON; 1 if it was refused."""
    given = vars(_parser().parse_args(arguments))
    url, verb = given.pop("api_url"), given.pop("verb")
    try:
        images = Images(url)
        if verb == "show" and not given["architecture"]:
            answer: Any = [line for line in images.lines() if given["channel"] in (None, line["channel"])]
        else:
            answer = getattr(images, VERBS[verb][0])(**given)
        print(json.dumps(answer if verb != "history" else list(answer), indent=2))  # noqa: T201
    except (RailyardError, BotoCoreError) as refused:
        code = getattr(refused, "code", type(refused).__name__)
        print(f"{code}: {refused}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


VERBS = {
    "show": ("line", "a line, or all of them"),
    "history": ("history", "what happened to a line, newest first"),
    "pin": ("pin", "keep a release until the line is unpinned"),
    "unpin": ("unpin", "follow the feed again"),
    "rollback": ("roll_back", "go back to the release before, and stay there"),
    "dismiss": ("dismiss", "forget the candidate; its trial starts anew"),
}
"""The method of each verb, and what it does."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m railyard.control", description="Keep a release line where you want it."
    )
    parser.add_argument("api_url", help="the stack's output ApiUrl")
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb, (_, does) in VERBS.items():
        one = verbs.add_parser(verb, help=does, description=does)
        optional: dict[str, Any] = {"nargs": "?"} if verb == "show" else {}
        one.add_argument("channel", help="stable, beta, alpha, lts or lts-YEAR", **optional)
        one.add_argument("architecture", help="amd64 or arm64", **optional)
        if verb == "pin":
            one.add_argument("--release", help="such as 4593.2.4; the one in force if absent")
        if verb not in ("show", "history"):
            one.add_argument("--reason", default="", help="why; it is kept in the line's history")
    return parser


if __name__ == "__main__":
    sys.exit(main())
