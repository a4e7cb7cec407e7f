"""Files over HTTPS, bounded in size and time: bytes, or the reason why not, and whether asking again may help.

No redirect is followed: a host that sends us elsewhere is not the host that the settings name. The time is that of the
whole, from the name's resolution to the last byte. Libraries bound the gap between two bytes, and a resolver by
nothing: so a thread reads, and is left behind when its time is over.
"""

from __future__ import annotations

import time
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from threading import Thread
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError

from railyard.errors import RailyardError

USER_AGENT = "railyard/0.1 (EC2 capacity controller)"
"""The publisher's CDN turns some default agents of HTTP libraries away. Source: flatcar-website, its own fetcher."""

_CHUNK = 65_536


class Trouble(StrEnum):
    """What can go wrong with a file."""

    MISSING = "feed_missing"
    REFUSED = "feed_refused"
    UNREACHABLE = "feed_unreachable"
    REDIRECTED = "feed_redirected"
    TOO_LARGE = "feed_too_large"


class DownloadFailed(RailyardError):
    """A file was not read; *code* is a Trouble, *transient* says whether asking again may help."""

    def __init__(self, message: str, *, code: Trouble) -> None:
        super().__init__(message, code=code)
        self.transient = code is Trouble.UNREACHABLE


@dataclass(frozen=True, slots=True)
class File:
    """A file that was read; *etag* is empty if the host gave none."""

    body: bytes
    etag: str = ""


class Downloads:
    """Reads files, each within the same bounds."""

    def __init__(self, *, timeout: timedelta, max_bytes: int) -> None:
        self._timeout = timeout.total_seconds()
        self._max_bytes = max_bytes
        self._session = requests.Session()
        self._session.headers["User-Agent"] = USER_AGENT

    def read(self, url: str, etag: str = "") -> File | None:
        """Return the file at *url*, or None if it still is the one with *etag*; raises DownloadFailed."""
        answer: Future[File | None] = Future()
        Thread(target=self._answer, args=(answer, url, etag), name=url, daemon=True).start()
        try:
            return answer.result(self._timeout)
        except TimeoutError:
            late = f"{url}: not read within {self._timeout:g} s"
            raise DownloadFailed(late, code=Trouble.UNREACHABLE) from None
        except (requests.RequestException, HTTPError) as error:
            why = f"{url}: {type(error).__name__}: {error}"
            raise DownloadFailed(why, code=Trouble.UNREACHABLE) from error

    def _answer(self, answer: Future[File | None], url: str, etag: str) -> None:
        try:
            answer.set_result(self._read(url, {"If-None-Match": etag} if etag else {}))
        except BaseException as error:  # noqa: BLE001  it is raised where the answer is waited for
            answer.set_exception(error)

    def _read(self, url: str, headers: dict[str, str]) -> File | None:
        until = time.monotonic() + self._timeout
        with self._session.get(
            url, headers=headers, timeout=self._timeout, allow_redirects=False, stream=True
        ) as answer:
            if answer.status_code == requests.codes.not_modified and headers:
                return None
            _judge(answer, url)
            body = b""
            # ``read1`` returns with whatever has come.
            while chunk := answer.raw.read1(_CHUNK, decode_content=True):
                body += chunk
                if len(body) > self._max_bytes:
                    raise DownloadFailed(f"{url}: more than {self._max_bytes} bytes", code=Trouble.TOO_LARGE)
                if time.monotonic() > until:  # nobody waits any more
                    raise TimeoutError
            return File(body, answer.headers.get("ETag", ""))

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._session.close()


def _judge(answer: requests.Response, url: str) -> None:
    status = answer.status_code
    if status == requests.codes.ok:
        return
    if 300 <= status < 400:
        host = urlsplit(answer.headers.get("Location", "")).hostname
        raise DownloadFailed(f"{url}: redirected to {host}", code=Trouble.REDIRECTED)
    if status in (404, 410):
        raise DownloadFailed(f"{url}: HTTP {status}", code=Trouble.MISSING)
    again = status >= 500 or status == requests.codes.too_many_requests
    raise DownloadFailed(f"{url}: HTTP {status}", code=Trouble.UNREACHABLE if again else Trouble.REFUSED)
