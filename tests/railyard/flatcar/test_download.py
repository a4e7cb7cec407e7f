"""Files over HTTP, as badly as feeds have been served."""

from __future__ import annotations

import gc
import gzip
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from railyard.flatcar.download import USER_AGENT, DownloadFailed, Downloads, File, Trouble
from railyard.flatcar.forms import Malformed, images
from railyard.flatcar.sources import Form

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


def dripping(to: BaseHTTPRequestHandler) -> None:
    """Never silent for long, and never done."""
    to.send_response(200)
    to.send_header("Content-Length", "100000")
    to.end_headers()
    until = time.monotonic() + 5
    while time.monotonic() < until:
        to.wfile.write(b" ")
        time.sleep(0.02)


def silent(to: BaseHTTPRequestHandler) -> None:
    time.sleep(0.6)


def hang_up(to: BaseHTTPRequestHandler) -> None:
    to.connection.close()


@contextmanager
def serving(serve: Serve, timeout: float = 2.0) -> Iterator[tuple[Downloads, str, list[dict[str, str]]]]:
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


@pytest.mark.parametrize(
    ("served", "expected"),
    [
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
    ],
)
def test_whatever_is_served_instead_of_a_file_has_a_name(served: Serve, expected: Trouble) -> None:
    found = trouble(served)
    assert found.code == expected
    assert found.transient is (expected is Trouble.UNREACHABLE)


@pytest.mark.parametrize(
    "body",
    [
        b"<!DOCTYPE html><html>Not here</html>",
        b"",
        BODY[:-20],
        BODY.replace(b"us-east-1", b"\xff\xfe"),
        BODY.decode().encode("utf-16"),
    ],
    ids=["a page with status 200", "nothing", "cut", "not UTF-8", "UTF-16"],
)
def test_what_arrives_whole_and_is_no_feed_is_seen_by_its_form(body: bytes) -> None:
    file = read(answer(body=body))
    assert file is not None
    with pytest.raises(Malformed) as refused:
        images(file.body, Form.JSON)
    assert refused.value.code == "feed_malformed"


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_file_that_is_cut_short_is_unreachable() -> None:
    assert trouble(answer(body=BODY[:-20], Content_Length=str(len(BODY)))).code == Trouble.UNREACHABLE
    gc.collect()  # urllib3 leaves the socket of a body cut short to the collector, which warns wherever it runs


@pytest.mark.parametrize("slow", [dripping, silent])
def test_a_slow_file_is_left_within_the_bound(slow: Serve) -> None:
    started = time.monotonic()
    assert trouble(slow, timeout=0.2).code == Trouble.UNREACHABLE
    assert time.monotonic() - started < 2


def test_nobody_listening_is_unreachable() -> None:
    downloads = Downloads(timeout=timedelta(seconds=1), max_bytes=1)
    with pytest.raises(DownloadFailed) as raised:
        downloads.read("http://127.0.0.1:1/file")
    assert raised.value.code == Trouble.UNREACHABLE


def test_a_compressed_file_is_bounded_by_what_it_becomes() -> None:
    bomb = gzip.compress(b" " * 1_000_000)
    assert len(bomb) < 5_000
    assert trouble(answer(body=bomb, Content_Encoding="gzip")).code == Trouble.TOO_LARGE


def test_a_compressed_file_is_read() -> None:
    assert read(answer(body=gzip.compress(BODY), Content_Encoding="gzip")) == File(BODY)
