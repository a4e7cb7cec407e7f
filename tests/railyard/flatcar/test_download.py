"""Files over HTTP, as badly as feeds have been served.

Toil reads without an agent, a tag, a bound of size or a timeout, and stops at what it did not expect: all surpassed.
"""

from __future__ import annotations

import gc
import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext

import pytest
from werkzeug.serving import generate_adhoc_ssl_context

from railyard.flatcar.download import USER_AGENT, DownloadFailed, Downloads, File, Trouble
from railyard.flatcar.feeds import Feeds, NoFeed
from railyard.flatcar.sources import Place, Source

BODY = b'{"amis": [{"name": "us-east-1", "hvm": "ami-0f1a7ca96f2b9cbce"}]}'
Serve = Callable[[BaseHTTPRequestHandler], None]


def answer(status: int = 200, body: bytes = b"", **headers: str) -> Serve:
    def serve(to: BaseHTTPRequestHandler) -> None:
        to.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            to.send_header(name.replace("_", "-"), value)
        to.end_headers()
        to.wfile.write(body)

    return serve


def dripping_headers(to: BaseHTTPRequestHandler) -> None:
    """A status, and then a header without end."""
    to.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    drip(to)


def dripping(to: BaseHTTPRequestHandler) -> None:
    """Never silent for long, and never done."""
    to.send_response(200)
    to.send_header("Content-Length", "100000")
    to.end_headers()
    drip(to)


def drip(to: BaseHTTPRequestHandler) -> None:
    until = time.monotonic() + 1
    while time.monotonic() < until:
        to.wfile.write(b" ")
        time.sleep(0.02)


def silent(to: BaseHTTPRequestHandler) -> None:
    time.sleep(0.6)


def hang_up(to: BaseHTTPRequestHandler) -> None:
    to.connection.close()


@contextmanager
def serving(
    serve: Serve, timeout: float = 2.0, tls: SSLContext | None = None
) -> Iterator[tuple[Downloads, str, list[dict[str, str]]]]:
    """A host on loopback: what reads from it, its address, and the headers of each request that it got."""
    got: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            got.append({name.lower(): value for name, value in self.headers.items()})
            with suppress(OSError):  # the reader has had enough
                serve(self)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    downloads = Downloads(timeout=timedelta(seconds=timeout), max_bytes=5_000)
    try:
        yield downloads, f"http://127.0.0.1:{server.server_port}/file", got
    finally:
        downloads.close()
        server.shutdown()
        server.server_close()
        thread.join()


def read(serve: Serve, etag: str = "") -> File | None:
    with serving(serve) as (downloads, url, _):
        return downloads.read(url, etag)


def trouble(serve: Serve, timeout: float = 2.0) -> DownloadFailed:
    with serving(serve, timeout) as (downloads, url, _), pytest.raises(DownloadFailed) as raised:
        downloads.read(url)
    return raised.value


def test_a_file_is_read_whole_with_its_tag() -> None:
    assert read(answer(body=BODY, ETag='"one"')) == File(BODY, '"one"')
    assert read(answer(body=BODY)) == File(BODY, "")


def test_a_file_that_still_has_its_tag_is_not_sent_again() -> None:
    with serving(answer(304)) as (downloads, url, got):
        assert downloads.read(url, '"one"') is None
    assert got[0]["if-none-match"] == '"one"'


def test_an_answer_that_nothing_has_changed_to_a_question_without_a_tag_is_trouble() -> None:
    assert trouble(answer(304)).code == Trouble.REDIRECTED


def test_we_say_who_we_are_for_some_agents_are_turned_away() -> None:
    with serving(answer(body=BODY)) as (downloads, url, got):
        downloads.read(url)
    assert got[0]["user-agent"] == USER_AGENT
    assert "if-none-match" not in got[0]


SERVED = [
    (answer(404), Trouble.MISSING),
    (answer(410), Trouble.MISSING),
    (answer(403), Trouble.REFUSED),
    (answer(204), Trouble.REFUSED),
    (answer(429), Trouble.UNREACHABLE),
    (answer(500), Trouble.UNREACHABLE),
    (answer(503), Trouble.UNREACHABLE),
    (answer(301, Location="http://127.0.0.1:1/elsewhere"), Trouble.REDIRECTED),
    (answer(302), Trouble.REDIRECTED),
    (answer(body=BODY + b" " * 5_000), Trouble.TOO_LARGE),
    (answer(body=b"not gzip", Content_Encoding="gzip"), Trouble.UNREACHABLE),
    (hang_up, Trouble.UNREACHABLE),
]
NO_FEED = [
    b"<!DOCTYPE html><html>Not here</html>",
    b"",
    BODY[:-20],
    BODY.replace(b"us-east-1", b"\xff\xfe"),
    BODY.decode().encode("utf-16"),
]


@pytest.mark.parametrize(("served", "expected"), SERVED)
def test_whatever_is_served_instead_of_a_file_has_a_name(served: Serve, expected: Trouble) -> None:
    found = trouble(served)
    assert found.code == expected
    assert found.transient is (expected is Trouble.UNREACHABLE)


@pytest.mark.parametrize(
    ("served", "code"), [*SERVED, *((answer(body=body), "feed_malformed") for body in NO_FEED)]
)
def test_no_claim_comes_of_it_and_only_what_may_pass_is_asked_again(served: Serve, code: str) -> None:
    with serving(served) as (downloads, url, got):
        place = Place(source=Source.FEED, channel="stable", url=url)
        feeds = Feeds(downloads, sleep=lambda _: None)
        with pytest.raises(NoFeed) as nothing:
            feeds.first([place], "amd64")
    assert nothing.value.code == code
    assert len(got) == (3 if code == Trouble.UNREACHABLE else 1)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_file_that_is_cut_short_is_unreachable() -> None:
    assert trouble(answer(body=BODY[:-20], Content_Length=str(len(BODY)))).code == Trouble.UNREACHABLE
    gc.collect()  # urllib3 leaves the socket of a body cut short to the collector, which warns wherever it runs


@pytest.mark.parametrize("slow", [dripping, dripping_headers, silent])
def test_a_slow_file_is_left_within_the_bound(slow: Serve) -> None:  # surpassed: Toil waits without end
    with serving(slow) as (_, url, _):
        assert took(url) < 0.5


def test_a_reader_that_was_left_behind_ends_soon() -> None:
    with serving(dripping) as (_, url, _):
        took(url)
        for reader in (each for each in threading.enumerate() if each.name == url):
            reader.join(0.5)
            assert not reader.is_alive()


def test_a_name_that_is_not_resolved_is_left_within_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(0.6))
    assert took("http://feed.example.com/file") < 0.5


def test_a_name_that_is_gone_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:  # Toil 4382
    def gone(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", gone)
    took("http://feed.example.com/file")


def test_nobody_listening_is_unreachable() -> None:
    took("http://127.0.0.1:1/file")


def test_a_host_that_cannot_prove_its_name_is_unreachable() -> None:
    with serving(answer(body=BODY), tls=generate_adhoc_ssl_context()) as (downloads, url, got):
        with pytest.raises(DownloadFailed, match="CERTIFICATE_VERIFY_FAILED") as raised:
            downloads.read(url.replace("http:", "https:"))
        assert raised.value.code == Trouble.UNREACHABLE
        assert got == []


def took(url: str) -> float:
    """Return the seconds until *url* was given up as unreachable, with a bound of 0.2."""
    downloads = Downloads(timeout=timedelta(seconds=0.2), max_bytes=5_000)
    started = time.monotonic()
    with pytest.raises(DownloadFailed) as raised:
        downloads.read(url)
    assert (raised.value.code, raised.value.transient) == (Trouble.UNREACHABLE, True)
    return time.monotonic() - started


def test_a_compressed_file_is_bounded_by_what_it_becomes() -> None:
    bomb = gzip.compress(b" " * 1_000_000)
    assert len(bomb) < 5_000
    assert trouble(answer(body=bomb, Content_Encoding="gzip")).code == Trouble.TOO_LARGE


def test_a_compressed_file_is_read() -> None:
    assert read(answer(body=gzip.compress(BODY), Content_Encoding="gzip")) == File(BODY)
