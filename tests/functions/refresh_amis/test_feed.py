"""Feeds over HTTP, as badly as they have been served."""

from __future__ import annotations

import gc
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refresh_amis.feed import FEED_FILE, VERSION_FILE, Feeds, FeedTrouble, Trouble, parse

VERSION = b"FLATCAR_BUILD=4593\nFLATCAR_VERSION=4593.2.5\nFLATCAR_VERSION_ID=4593.2.5\n"
FEED = b'{"amis": [{"name": "us-east-1", "hvm": "ami-0f1a7ca96f2b9cbce"}, {"name": "us-gov-west-1", "hvm": "ami-01234567"}]}'
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
def serving(feed: Serve, version: Serve, timeout: float = 2.0) -> Iterator[tuple[Feeds, list[str]]]:
    """A host on loopback that serves *feed* and *version*, and the paths that it was asked for."""
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            with suppress(OSError):  # the reader has had enough
                (version if self.path.endswith(VERSION_FILE) else feed)(self)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}/{{channel}}/{{board}}/current"
    feeds = Feeds(url, timeout=timedelta(seconds=timeout), max_bytes=5_000)
    try:
        yield feeds, paths
    finally:
        feeds._session.close()
        server.shutdown()
        server.server_close()
        thread.join()


GOOD_FEED, GOOD_VERSION = answer(body=FEED), answer(body=VERSION)


def trouble(feed: Serve = GOOD_FEED, version: Serve = GOOD_VERSION, timeout: float = 2.0) -> str:
    with serving(feed, version, timeout) as (feeds, _), pytest.raises(FeedTrouble) as raised:
        feeds.release("stable", "amd64")
    return Trouble(raised.value.code)


def test_a_release_is_read_from_the_folder_of_its_channel_and_board() -> None:
    with serving(answer(body=FEED), answer(body=VERSION)) as (feeds, paths):
        found = feeds.release("beta", "arm64")
    assert paths == [f"/beta/arm64-usr/current/{VERSION_FILE}", f"/beta/arm64-usr/current/{FEED_FILE}"]
    assert (found.channel, found.architecture, found.version) == ("beta", "arm64", "4593.2.5")
    assert found.images == {"us-east-1": "ami-0f1a7ca96f2b9cbce", "us-gov-west-1": "ami-01234567"}
    assert found.source.endswith("/beta/arm64-usr/current")


@pytest.mark.parametrize(
    ("served", "expected"),
    [
        (answer(404), Trouble.MISSING),
        (answer(410), Trouble.MISSING),
        (answer(403), Trouble.REFUSED),
        (answer(429), Trouble.REFUSED),
        (answer(500), Trouble.UNREACHABLE),
        (answer(503), Trouble.UNREACHABLE),
        (answer(204), Trouble.REFUSED),
        (answer(301, Location="http://127.0.0.1:1/elsewhere"), Trouble.REDIRECTED),
        (answer(302), Trouble.REDIRECTED),
        (answer(body=b"<!DOCTYPE html><html>Not here</html>"), Trouble.MALFORMED),
        (answer(body=b""), Trouble.MALFORMED),
        (answer(body=FEED[:-20]), Trouble.MALFORMED),
        (answer(body=FEED.replace(b"us-east-1", b"\xff\xfe")), Trouble.MALFORMED),
        (answer(body=FEED.decode().encode("utf-16")), Trouble.MALFORMED),
        (answer(body=FEED + b" " * 5_000), Trouble.TOO_LARGE),
        (answer(body=b"not gzip", Content_Encoding="gzip"), Trouble.UNREACHABLE),
        (hang_up, Trouble.UNREACHABLE),
    ],
)
def test_whatever_is_served_instead_of_a_feed_has_a_name(served: Serve, expected: Trouble) -> None:
    assert trouble(feed=served) is expected


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_feed_that_is_cut_short_is_unreachable() -> None:
    assert trouble(feed=answer(body=FEED[:-20], Content_Length=str(len(FEED)))) is Trouble.UNREACHABLE
    gc.collect()  # urllib3 leaves the socket of a body cut short to the collector, which warns wherever it runs


@pytest.mark.parametrize(
    ("served", "expected"),
    [
        (answer(404), Trouble.MISSING),
        (answer(body=b""), Trouble.NO_VERSION),
        (answer(body=b"FLATCAR_VERSION=\n"), Trouble.NO_VERSION),
        (answer(body=b"FLATCAR_VERSION=4593.2\n"), Trouble.NO_VERSION),
        (answer(body=b"FLATCAR_VERSION_ID=4593.2.5\n"), Trouble.NO_VERSION),
        (answer(body=b"# FLATCAR_VERSION=4593.2.5\n"), Trouble.NO_VERSION),
        (answer(body=b"<html>"), Trouble.NO_VERSION),
    ],
)
def test_without_a_version_there_is_no_release(served: Serve, expected: Trouble) -> None:
    assert trouble(version=served) is expected


@pytest.mark.parametrize("slow", [dripping, silent])
def test_a_slow_feed_is_left_within_the_bound(slow: Serve) -> None:
    started = time.monotonic()
    assert trouble(feed=slow, timeout=0.2) is Trouble.UNREACHABLE
    assert time.monotonic() - started < 2


def test_nobody_listening_is_unreachable() -> None:
    feeds = Feeds("http://127.0.0.1:1/{channel}/{board}", timeout=timedelta(seconds=1), max_bytes=1)
    with pytest.raises(FeedTrouble) as raised:
        feeds.release("stable", "amd64")
    assert raised.value.code == Trouble.UNREACHABLE


def test_a_compressed_feed_is_bounded_by_what_it_becomes() -> None:
    import gzip

    bomb = gzip.compress(b" " * 1_000_000)
    assert len(bomb) < 5_000
    assert trouble(feed=answer(body=bomb, Content_Encoding="gzip")) is Trouble.TOO_LARGE


ENTRY = {"name": "us-east-1", "hvm": "ami-01234567"}


@pytest.mark.parametrize(
    "feed",
    [
        [],
        "text",
        None,
        {},
        {"amis": None},
        {"amis": []},
        {"amis": {}},
        {"amis": ["us-east-1"]},
        {"amis": [ENTRY, ENTRY]},
        {"amis": [ENTRY | {"hvm": "ami-0123456"}]},
        {"amis": [ENTRY | {"hvm": "ami-0123456789abcdef"}]},
        {"amis": [ENTRY | {"hvm": "ami-0123456G"}]},
        {"amis": [ENTRY | {"hvm": "ami-01234567\n"}]},
        {"amis": [ENTRY | {"hvm": None}]},
        {"amis": [ENTRY | {"name": "us-east-1a"}]},
        {"amis": [ENTRY | {"name": "US-EAST-1"}]},
        {"amis": [ENTRY | {"name": "us-east-1/../x"}]},
        {"amis": [{"name": "us-east-1"}]},
        {"amis": [{"hvm": "ami-01234567"}]},
    ],
    ids=str,
)
def test_anything_but_the_exact_form_is_malformed(feed: object) -> None:
    with pytest.raises(FeedTrouble) as raised:
        parse(json.dumps(feed))
    assert raised.value.code == Trouble.MALFORMED


@pytest.mark.parametrize("text", ['{"x": ' + "[" * 100_000, '{"amis": ' + "[" * 100_000])
def test_a_feed_nested_without_end_is_malformed(text: str) -> None:
    with pytest.raises(FeedTrouble):
        parse(text)


def test_an_old_feed_with_paravirtual_images_is_read() -> None:
    assert parse(json.dumps({"amis": [ENTRY | {"pv": "ami-76543210"}]})) == {"us-east-1": "ami-01234567"}


@given(
    text=st.text()
    | st.recursive(st.none() | st.text(), lambda i: st.lists(i) | st.just({"amis": [i]})).map(str)
)
def test_any_text_is_images_or_trouble(text: str) -> None:
    with suppress(FeedTrouble):
        assert parse(text)
