"""Where images are named: addresses exactly as Flatcar and Toil have them, and no address for what does not exist."""

from __future__ import annotations

import pytest

from railyard.errors import InvalidRequest
from railyard.flatcar.sources import (
    Form,
    Source,
    check,
    folder,
    is_flatcars,
    mirror,
    official,
    stand_ins,
)

STABLE = "https://stable.release.flatcar-linux.net/amd64-usr/current"


def test_the_channel_s_own_feed_comes_first_and_the_other_official_copies_after_it() -> None:
    places = list(official("stable", "amd64"))
    assert [place.source for place in places] == [
        Source.FEED,
        Source.TEXT,
        Source.ORIGIN,
        Source.REGION_MAP,
    ]
    assert places[0].url == f"{STABLE}/flatcar_production_ami_all.json"
    assert places[0].version_url == f"{STABLE}/version.txt"
    assert places[1].url == f"{STABLE}/flatcar_production_ami_all.txt"
    assert places[2].url.startswith("https://origin.release.flatcar-linux.net/stable/amd64-usr/current/")
    assert places[3].url.endswith("/dist/aws/flatcar-stable-hvm.template")
    assert [place.form for place in places] == [Form.JSON, Form.LINE, Form.JSON, Form.REGION_MAP]


def test_an_arm64_template_has_its_own_name() -> None:
    assert list(official("beta", "arm64"))[-1].url.endswith("/flatcar-beta-arm64-hvm.template")


@pytest.mark.parametrize(
    ("channel", "at"),
    [
        ("alpha", "https://alpha.release.flatcar-linux.net/arm64-usr/current"),
        ("lts", "https://lts.release.flatcar-linux.net/arm64-usr/current"),
        ("lts-2024", "https://lts.release.flatcar-linux.net/arm64-usr/current-2024"),
    ],
)
def test_a_channel_has_a_host_and_a_year_a_folder(channel: str, at: str) -> None:
    assert next(official(channel, "arm64")).url == f"{at}/flatcar_production_ami_all.json"


def test_a_long_term_year_has_no_template() -> None:
    assert Source.REGION_MAP not in {place.source for place in official("lts-2024", "amd64")}


def test_a_mirror_and_another_feed_are_where_the_operator_says() -> None:
    url = "https://mirror.example.com/{channel}/{board}/current"
    assert mirror(url, "stable", "arm64").url.startswith(
        "https://mirror.example.com/stable/arm64-usr/current/"
    )
    assert next(official("beta", "amd64", url)).url.startswith("https://mirror.example.com/beta/amd64-usr/")


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
    beta, archive = stand_ins("amd64")
    assert (beta.source, beta.channel) == (Source.BETA, "beta")
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
