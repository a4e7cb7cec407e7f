"""Claims: from the first place that gives one, signed where there is a key, in bounded time."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache

import pytest
from pysequoia import SignatureMode, Tsk, sign

from railyard.errors import RailyardError
from railyard.flatcar.claims import Signature
from railyard.flatcar.download import DownloadFailed, File, Trouble
from railyard.flatcar.feeds import Feeds, NoFeed
from railyard.flatcar.forms import Malformed
from railyard.flatcar.signature import BadSignature, SigningKey
from railyard.flatcar.sources import Source, official

IMAGES = {"us-east-1": "ami-0604fd4b5a31a9e9f"}
FEED = json.dumps({"amis": [{"name": r, "hvm": i} for r, i in IMAGES.items()]}).encode()
VERSION = b"FLATCAR_VERSION=4593.2.5\n"
PLACES = tuple(official("stable", "amd64"))
FIRST, TEXT, ORIGIN, MAP = PLACES


@cache
def publisher() -> Tsk:
    return Tsk.generate("Buildbot <b@example.com>")


@cache
def key() -> SigningKey:
    certificate = publisher().extract_certificate()
    return SigningKey(bytes(certificate), certificate.fingerprint)


def signed(body: bytes = FEED) -> bytes:
    return sign(publisher().signer(), body, mode=SignatureMode.DETACHED, armor=False)


@dataclass
class Host:
    """Files by address; what is not there is missing, and an exception is raised as often as it is listed."""

    files: dict[str, bytes] = field(default_factory=dict)
    failing: dict[str, list[RailyardError]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    now: float = 0.0

    def read(self, url: str, etag: str = "") -> File | None:
        self.asked.append((url, etag))
        if self.failing.get(url):
            raise self.failing[url].pop(0)
        if url not in self.files:
            raise DownloadFailed(f"{url}: HTTP 404", code=Trouble.MISSING)
        body = self.files[url]
        tag = f'"{len(body)}"'
        return None if etag == tag else File(body, tag)

    def feeds(self, *, with_key: bool = False, patience: float = 60) -> Feeds:
        return Feeds(
            self,
            key=key() if with_key else None,
            patience=timedelta(seconds=patience),
            sleep=self.sleep,
            clock=lambda: self.now,
        )

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def host(**more: bytes) -> Host:
    """Return a host on which the channel's feed is whole."""
    return Host({FIRST.url: FEED, FIRST.version_url: VERSION, f"{FIRST.url}.sig": signed(), **more})


def unreachable() -> DownloadFailed:
    return DownloadFailed("no answer", code=Trouble.UNREACHABLE)


def test_the_first_place_that_answers_is_asked_alone() -> None:
    at = host()
    claim = at.feeds().first(PLACES, "amd64")
    assert claim is not None
    assert (claim.place.source, claim.version, claim.images) == (Source.FEED, "4593.2.5", IMAGES)
    assert (claim.signature, claim.etag) == (Signature.UNAVAILABLE, f'"{len(FEED)}"')
    assert [url for url, _ in at.asked] == [FIRST.url, FIRST.version_url]


def test_a_feed_that_has_not_changed_costs_one_conditional_request() -> None:
    at = host()
    assert at.feeds(with_key=True).first(PLACES, "amd64", f'"{len(FEED)}"') is None
    assert at.asked == [(FIRST.url, f'"{len(FEED)}"')]


def test_with_a_key_the_signature_is_read_and_says_who_signed() -> None:
    claim = host().feeds(with_key=True).first(PLACES, "amd64")
    assert claim is not None
    assert claim.signature is Signature.VERIFIED
    assert len(claim.signer) == 40


@pytest.mark.parametrize("trouble", [Trouble.MISSING, Trouble.REFUSED, Trouble.REDIRECTED, Trouble.TOO_LARGE])
def test_trouble_that_stays_moves_on_at_once_to_the_next_copy(trouble: Trouble) -> None:
    at = host(**{TEXT.url: b"us-east-1=ami-0604fd4b5a31a9e9f\n"})
    at.failing[FIRST.url] = [DownloadFailed("no", code=trouble)]
    claim = at.feeds().first(PLACES, "amd64", "old tag")
    assert claim is not None
    assert claim.place.source is Source.TEXT
    assert at.slept == []
    assert ("old tag" in {tag for _, tag in at.asked[1:]}) is False


def test_trouble_that_may_pass_is_tried_three_times() -> None:
    at = host()
    at.failing[FIRST.url] = [unreachable(), unreachable()]
    claim = at.feeds().first(PLACES, "amd64")
    assert claim is not None
    assert claim.place.source is Source.FEED
    assert at.slept == [1.0, 2.0]


def test_what_never_answers_is_left_after_three_tries_and_the_next_is_asked() -> None:
    at = host(**{ORIGIN.url: FEED, ORIGIN.version_url: VERSION})
    at.failing = {place.url: [unreachable()] * 9 for place in (FIRST, TEXT)}
    claim = at.feeds().first(PLACES, "amd64")
    assert claim is not None
    assert claim.place.source is Source.ORIGIN
    assert len([url for url, _ in at.asked if url == FIRST.url]) == 3


def test_no_time_is_spent_on_waiting_beyond_the_patience() -> None:
    at = Host(failing={place.url: [unreachable()] * 9 for place in PLACES})
    with pytest.raises(NoFeed):
        at.feeds(patience=4).first(PLACES, "amd64")
    assert sum(at.slept) <= 4


def test_once_the_patience_is_over_no_further_place_is_asked() -> None:
    at = Host(failing={place.url: [unreachable()] * 9 for place in PLACES})
    read = at.read

    def slowly(url: str, etag: str = "") -> File | None:
        at.now += 10
        return read(url, etag)

    at.read = slowly  # type: ignore[method-assign]
    with pytest.raises(NoFeed, match="origin: not asked, time is up"):
        at.feeds(patience=10.5).first(PLACES, "amd64")
    assert {url for url, _ in at.asked} == {FIRST.url, TEXT.url}


def test_when_nobody_has_a_feed_the_last_word_is_what_everybody_said() -> None:
    with pytest.raises(NoFeed) as none:
        Host().feeds().first(PLACES, "amd64")
    assert all(f"{place.source}: feed_missing" in str(none.value) for place in PLACES)
    assert none.value.code == "feed_missing"


def broken(change: Callable[[Host], None]) -> Host:
    at = host()
    change(at)
    return at


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda at: at.files.pop(f"{FIRST.url}.sig"), DownloadFailed),
        (lambda at: at.files.update({f"{FIRST.url}.sig": signed(FEED + b" ")}), BadSignature),
        (lambda at: at.files.update({FIRST.url: FEED.replace(b"0604", b"0605")}), BadSignature),
        (lambda at: at.files.update({FIRST.url: b"<html>"}), BadSignature),
        (lambda at: at.files.pop(FIRST.version_url), DownloadFailed),
        (lambda at: at.files.update({FIRST.version_url: b"nothing"}), Malformed),
    ],
    ids=["no signature", "of other bytes", "feed changed", "a page", "no version", "no version in it"],
)
def test_what_is_not_whole_is_no_claim(change: Callable[[Host], None], kind: type[RailyardError]) -> None:
    with pytest.raises(kind):
        broken(change).feeds(with_key=True).read(FIRST, "amd64")


def test_with_a_key_a_place_without_signatures_is_no_way_around_it() -> None:
    template = json.dumps({"Mappings": {"RegionMap": {"us-east-1": {"AMI": "ami-00000bad"}}}}).encode()
    at = Host({MAP.url: template})
    assert at.feeds().first(PLACES, "amd64") is not None
    with pytest.raises(NoFeed, match="signature_not_published"):
        at.feeds(with_key=True).first(PLACES, "amd64")


def test_a_place_that_names_no_version_leaves_it_to_ec2() -> None:
    template = json.dumps({"Mappings": {"RegionMap": {"us-east-1": {"AMI": "ami-01234567"}}}}).encode()
    claim = Host({MAP.url: template}).feeds().read(replace(MAP), "amd64")
    assert claim is not None
    assert (claim.version, claim.signature) == ("", Signature.NOT_PUBLISHED)
