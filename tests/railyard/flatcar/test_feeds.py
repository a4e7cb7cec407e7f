"""Claims: from the first place that gives one, signed where there is a key, in bounded time."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from random import Random

import pytest

from railyard.errors import RailyardError
from railyard.flatcar.claims import Signature
from railyard.flatcar.download import DownloadFailed, File, Trouble
from railyard.flatcar.feeds import Feeds, NoFeed
from railyard.flatcar.signature import BadSignature, SigningKey
from railyard.flatcar.sources import CHINA, Source, official
from tests.railyard.flatcar.test_signature import FEED, fingerprint, mutated, public, publisher, signed

IMAGES = {"us-east-1": "ami-0604fd4b5a31a9e9f"}
VERSION = b"FLATCAR_VERSION=4593.2.5\n"
TIMEOUT = 10.0
PLACES = tuple(official("stable", "amd64"))
FIRST, TEXT, ORIGIN, CACHE, MAP = PLACES


@cache
def key() -> SigningKey:
    return SigningKey(public(publisher()), fingerprint(publisher()))


@dataclass
class Host:
    """Files by address; what is not there is missing, and an exception is raised as often as it is listed."""

    files: dict[str, bytes] = field(default_factory=dict)
    failing: dict[str, list[RailyardError]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    began: list[float] = field(default_factory=list)
    takes: float = 0.0
    now: float = 0.0

    def read(self, url: str, etag: str = "") -> File | None:
        self.asked.append((url, etag))
        self.began.append(self.now)
        self.now += self.takes
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


def test_a_host_that_hangs_leaves_time_for_the_next_copy() -> None:
    at = Host({ORIGIN.url: FEED, ORIGIN.version_url: VERSION}, takes=TIMEOUT)
    at.failing = {place.url: [unreachable()] * 9 for place in (FIRST, TEXT)}
    claim = at.feeds(patience=30).first(PLACES, "amd64")
    assert claim is not None
    assert claim.place.source is Source.ORIGIN
    assert [url for url, _ in at.asked].count(FIRST.url) == 1


@pytest.mark.parametrize("patience", [0, 4, 15, 35, 60])
@pytest.mark.parametrize("answer", [unreachable(), DownloadFailed("404", code=Trouble.MISSING)])
def test_a_search_is_over_after_its_patience_and_one_file_s_timeout(
    patience: float, answer: DownloadFailed
) -> None:  # surpassed: Toil's reads have no end, and its sleeps alone take up to 74 s
    at = Host(files={FIRST.url: FEED, CACHE.version_url: VERSION}, takes=TIMEOUT)
    at.failing = {url: [answer] * 99 for place in PLACES for url in (place.url, f"{place.url}.sig")}
    with pytest.raises(NoFeed):
        at.feeds(patience=patience).first(PLACES, "amd64")
    assert at.now <= patience + TIMEOUT
    assert all(began <= patience for began in at.began)


def test_several_searches_may_share_one_patience() -> None:
    at = Host(takes=TIMEOUT)
    feeds = at.feeds(patience=15)
    until = feeds.deadline()
    for _ in range(3):
        with pytest.raises(NoFeed) as none:
            feeds.first(PLACES, "amd64", until=until)
    assert at.now <= 15 + TIMEOUT
    assert [url for url, _ in at.asked] == [FIRST.url, TEXT.url]
    assert none.value.code == "feed_unreachable"
    assert "origin: feed_unreachable" in str(none.value)


def test_when_nobody_has_a_feed_the_last_word_is_what_everybody_said() -> None:
    with pytest.raises(NoFeed) as none:
        Host().feeds().first(PLACES, "amd64")
    assert all(f"{place.source}: feed_missing" in str(none.value) for place in PLACES)
    assert none.value.code == "feed_missing"


def test_the_build_cache_is_asked_with_the_version_of_a_channel_that_has_lost_its_feed() -> None:
    # As in February 2023 and, for arm64, in November 2025: version.txt was there, the feed was not.
    url = CACHE.url.replace("{version}", "4593.2.5")
    at = Host({CACHE.version_url: VERSION, url: FEED, f"{url}.sig": signed()})
    claim = at.feeds(with_key=True).first(PLACES, "amd64")
    assert claim is not None
    assert (claim.place.source, claim.place.url) == (Source.BUILD_CACHE, url)
    assert (claim.version, claim.images, claim.signature) == ("4593.2.5", IMAGES, Signature.VERIFIED)
    assert [url for url, _ in at.asked].count(CACHE.version_url) == 1


@pytest.mark.parametrize(
    ("version", "code"),
    [
        (None, "feed_missing"),
        (b"<html>", "version_missing"),
        (b"FLATCAR_VERSION=../../x\n", "version_missing"),
    ],
)
def test_without_a_version_the_build_cache_is_not_asked(version: bytes | None, code: str) -> None:
    at = Host({CACHE.version_url: version} if version else {})
    with pytest.raises(NoFeed, match=f"build-cache: {code}"):
        at.feeds().first(PLACES, "amd64")
    assert not any("bincache" in url for url, _ in at.asked)


def test_china_s_feed_is_read_without_a_key_and_passed_over_with_one() -> None:
    images = {"cn-north-1": "ami-0c7b08804d0c9a264", "cn-northwest-1": "ami-0986a8a64d94ee322"}
    feed = json.dumps({"amis": [{"name": region, "hvm": image} for region, image in images.items()]})
    at = Host({CHINA.url: feed.encode(), CHINA.version_url: b"FLATCAR_VERSION=3139.2.3\n"})
    claim = at.feeds().first([CHINA], "amd64")
    assert claim is not None
    assert (claim.version, claim.signature) == ("3139.2.3", Signature.NOT_PUBLISHED)
    assert claim.images == images
    at.asked.clear()
    with pytest.raises(NoFeed, match=r"china: signature_not_published: .* with a key only"):
        at.feeds(with_key=True).first([CHINA], "amd64")
    assert at.asked == []


TWICE = b'{"amis": [%s]}' % b", ".join([b'{"name": "us-east-1", "hvm": "ami-0604fd4b5a31a9e9f"}'] * 2)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({f"{FIRST.url}.sig": None}, "feed_missing"),
        ({f"{FIRST.url}.sig": signed(FEED + b" ")}, "bad_signature"),
        ({f"{FIRST.url}.sig": signed(by=publisher("Mallory"))}, "bad_signature"),
        ({FIRST.url: FEED.replace(b"0604", b"0605")}, "bad_signature"),
        ({FIRST.url: b"<html>"}, "bad_signature"),
        ({FIRST.version_url: None}, "feed_missing"),
        ({FIRST.version_url: b"nothing"}, "version_missing"),
        *(
            ({FIRST.url: body, f"{FIRST.url}.sig": signed(body)}, "feed_malformed")
            for body in (b"", b"<html>", FEED[:-9], b"\xff", b"[]", b'{"amis": null}', TWICE)
        ),
    ],
)
def test_what_is_not_whole_is_no_claim(change: dict[str, bytes | None], code: str) -> None:
    at = host()
    files = {**at.files, **change}
    at.files = {url: body for url, body in files.items() if body is not None}
    with pytest.raises(RailyardError) as refused:
        at.feeds(with_key=True).read(FIRST, "amd64")
    assert refused.value.code == code


def test_ten_thousand_mutations_of_a_feed_are_all_refused() -> None:
    # Surpassed: Toil believes what it is sent.
    dice, at = Random(4), host()
    feeds = at.feeds(with_key=True)
    for _ in range(10_000):
        at.files[FIRST.url] = mutated(FEED, dice)
        if at.files[FIRST.url] != FEED:
            with pytest.raises(BadSignature):
                feeds.read(FIRST, "amd64")


def test_with_a_key_a_place_without_signatures_is_no_way_around_it() -> None:
    template = json.dumps({"Mappings": {"RegionMap": {"us-east-1": {"AMI": "ami-00000bad"}}}}).encode()
    at = Host({MAP.url: template})
    assert at.feeds().first(PLACES, "amd64") is not None
    with pytest.raises(NoFeed, match="signature_not_published"):
        at.feeds(with_key=True).first(PLACES, "amd64")


def test_a_place_that_names_no_version_leaves_it_to_ec2() -> None:
    template = json.dumps({"Mappings": {"RegionMap": {"us-east-1": {"AMI": "ami-01234567"}}}}).encode()
    claim = Host({MAP.url: template}).feeds().read(MAP, "amd64")
    assert claim is not None
    assert (claim.version, claim.signature) == ("", Signature.NOT_PUBLISHED)
