"""Where images are named: addresses exactly as Flatcar and Toil have them, and no address for what does not exist."""

from __future__ import annotations

from itertools import product

import pytest

from railyard.errors import InvalidRequest
from railyard.flatcar.sources import (
    ARCHITECTURES,
    CHINA,
    Form,
    Source,
    check,
    folder,
    is_flatcars,
    marketplace_name,
    marketplace_version,
    mirror,
    official,
    places,
    stand_ins,
)

STABLE = "https://stable.release.flatcar-linux.net/amd64-usr/current"


def test_the_channel_s_own_feed_comes_first_and_the_other_official_copies_after_it() -> None:
    feed, text, origin, cache, region_map = official("stable", "amd64")
    assert [each.source for each in (feed, text, origin, cache, region_map)] == [
        Source.FEED,
        Source.TEXT,
        Source.ORIGIN,
        Source.BUILD_CACHE,
        Source.REGION_MAP,
    ]
    assert feed.url == f"{STABLE}/flatcar_production_ami_all.json"
    assert text.url == f"{STABLE}/flatcar_production_ami_all.txt"
    assert {feed.version_url, text.version_url, cache.version_url} == {f"{STABLE}/version.txt"}
    assert origin.url.startswith("https://origin.release.flatcar-linux.net/stable/amd64-usr/current/")
    assert region_map.url.endswith("/dist/aws/flatcar-stable-hvm.template")
    assert (text.form, region_map.form) == (Form.LINE, Form.REGION_MAP)
    assert {each.form for each in (feed, origin, cache)} == {Form.JSON}
    assert [each.signed for each in (feed, text, origin, cache, region_map)] == [True] * 4 + [False]


def test_the_build_cache_is_asked_for_the_version_that_the_channel_names() -> None:
    cache = {each.source: each for each in official("lts-2024", "arm64")}[Source.BUILD_CACHE]
    at = "https://bincache.flatcar-linux.net/images/arm64/{version}"
    assert cache.url == f"{at}/flatcar_production_ami_all.json"
    assert cache.version_url == "https://lts.release.flatcar-linux.net/arm64-usr/current-2024/version.txt"


def test_an_arm64_template_has_its_own_name() -> None:
    assert list(official("beta", "arm64"))[-1].url.endswith("/flatcar-beta-arm64-hvm.template")


@pytest.mark.parametrize(
    ("channel", "at"),
    [
        ("stable", "https://stable.release.flatcar-linux.net/arm64-usr/current"),
        ("beta", "https://beta.release.flatcar-linux.net/arm64-usr/current"),
        ("alpha", "https://alpha.release.flatcar-linux.net/arm64-usr/current"),
        ("lts", "https://lts.release.flatcar-linux.net/arm64-usr/current"),
        ("lts-2024", "https://lts.release.flatcar-linux.net/arm64-usr/current-2024"),
    ],
)
def test_a_channel_has_a_host_and_a_year_a_folder(channel: str, at: str) -> None:  # kept; lts: surpassed
    assert next(official(channel, "arm64")).url == f"{at}/flatcar_production_ami_all.json"


def test_a_long_term_year_has_no_template() -> None:
    assert Source.REGION_MAP not in {place.source for place in official("lts-2024", "amd64")}


def test_a_mirror_and_another_feed_are_where_the_operator_says() -> None:
    url = "https://mirror.example.com/{channel}/{board}/current"
    assert mirror(url, "stable", "arm64").url.startswith(
        "https://mirror.example.com/stable/arm64-usr/current/"
    )
    assert next(official("beta", "amd64", url)).url.startswith("https://mirror.example.com/beta/amd64-usr/")


def test_a_mirror_comes_before_everything_official() -> None:
    own = mirror("https://mirror.example.com/{channel}", "stable", "amd64")
    assert places("stable", "amd64", region="eu-west-1") == list(official("stable", "amd64"))
    assert places("stable", "amd64", mirror_url="https://mirror.example.com/{channel}") == [
        own,
        *official("stable", "amd64"),
    ]


def test_china_has_a_feed_and_an_owner_of_its_own() -> None:  # surpassed: no feed of Toil's names China
    at = "https://flatcar-prod-ami-import-cn-north-1.s3.cn-north-1.amazonaws.com.cn"
    assert places("stable", "amd64", region="cn-northwest-1") == [CHINA]
    assert (CHINA.url, CHINA.version_url) == (f"{at}/stable-amd64-usr.json", f"{at}/version.txt")
    assert (CHINA.source, CHINA.owner, CHINA.signed) == (Source.CHINA, "306934455918", False)


def test_in_china_too_an_operator_may_name_a_mirror_or_another_feed() -> None:
    own = {"mirror_url": "https://mirror.example.com", "feed_url": "https://feed.example.com"}
    found = places("stable", "amd64", region="cn-north-1", **own)
    assert [place.source for place in found] == [Source.MIRROR, Source.FEED, Source.TEXT]
    assert {place.owner for place in found} == {CHINA.owner}


@pytest.mark.parametrize(
    ("channel", "architecture"),
    [each for each in product(("stable", "beta", "lts-2024"), ARCHITECTURES) if each != ("stable", "amd64")],
)
def test_what_china_does_not_have_is_refused_with_what_it_has(channel: str, architecture: str) -> None:
    with pytest.raises(InvalidRequest, match=f"in cn-north-1 there is stable for amd64 alone, not {channel}"):
        places(channel, architecture, region="cn-north-1")


@pytest.mark.parametrize(
    ("channel", "pattern"), [("stable", "Flatcar-stable-*"), ("lts", "Flatcar-lts-*"), ("lts-2024", "")]
)
def test_the_marketplace_is_searched_by_name_which_says_no_year(channel: str, pattern: str) -> None:  # kept
    assert marketplace_name(channel) == pattern


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("Flatcar-stable-4593.2.5-hvm", "4593.2.5"),
        ("Flatcar-stable-4593.2.5-arm64-hvm-0f6e0d8a-9a1c-4f5b-8c57-1d2e3f405162", "4593.2.5"),
        ("Flatcar-stable-4593.2.5", "4593.2.5"),
        ("Flatcar-stable-4593.2.5.1-hvm", ""),
        ("Flatcar-stable-pro-4593.2.5-hvm", ""),
        ("Flatcar-beta-4593.2.5-hvm", ""),
        ("", ""),
    ],
)
def test_a_marketplace_image_says_its_version_first(name: str, version: str) -> None:
    assert marketplace_version(name, "stable") == version


def test_a_feed_that_is_not_flatcar_s_has_no_copies_but_the_text_beside_it() -> None:
    places = list(official("stable", "amd64", "http://127.0.0.1:1/feed/{channel}/{board}/current"))
    assert [place.source for place in places] == [Source.FEED, Source.TEXT]
    assert all(
        url.startswith("http://127.0.0.1:1/feed/") for each in places for url in (each.url, each.version_url)
    )


@pytest.mark.parametrize(
    ("url", "own"),
    [
        ("https://{channel}.release.flatcar-linux.net/{board}/{folder}", True),
        ("https://{channel}.release.flatcar-linux.net/{board}/current", True),
        ("https://mirror.example.com/.release.flatcar-linux.net/{board}", False),
        ("https://release.flatcar-linux.net.example.com/", False),
        ("", False),
    ],
)
def test_flatcar_s_own_host_is_known_by_its_name(url: str, own: bool) -> None:
    assert is_flatcars(url) is own


def test_a_long_term_year_is_never_read_from_an_address_that_cannot_name_it() -> None:
    with pytest.raises(InvalidRequest, match=r"lts-2024 needs \{folder\}"):
        folder("https://mirror.example.com/{channel}/{board}/current", "lts-2024", "amd64")


def test_what_stands_in_is_toil_s_beta_feed_and_then_its_archived_one() -> None:
    # kept
    beta, archive = stand_ins("amd64")
    assert (beta.source, beta.channel) == (Source.BETA, "beta")
    assert beta.url == next(official("beta", "amd64")).url
    assert archive.url == (
        f"https://web.archive.org/web/20220625112618if_/{STABLE}/flatcar_production_ami_all.json"
    )
    assert (archive.signed, archive.version_url) == (False, "")


@pytest.mark.parametrize(
    ("channel", "architecture"),
    [("nightly", "amd64"), ("lts-24", "amd64"), ("stable", "x86_64"), ("", "amd64"), ("stable\n", "amd64")],
)
def test_what_flatcar_does_not_have_is_refused_before_anything_is_asked(
    channel: str, architecture: str
) -> None:
    with pytest.raises(InvalidRequest):
        check(channel, architecture)
    with pytest.raises(InvalidRequest):
        list(official(channel, architecture))


def test_an_address_without_placeholders_stays_as_it_is() -> None:
    assert folder("https://example.com/images/", "stable", "amd64") == "https://example.com/images"
