"""Where Flatcar's images are named: the channel's own feed, the other official copies of it, and what may stand in.

A place is a file that names one image a region, in one of three forms, with or without a version beside it and a
signature behind it. Places are claims; EC2 decides. Source of hosts and forms: flatcar/mantle and
flatcar/flatcar-website (August 2026); Toil's order: toil/lib/aws/ami.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from urllib.parse import urlsplit

from railyard.errors import InvalidRequest

ARCHITECTURES = ("amd64", "arm64")
CHANNEL = re.compile(r"stable|beta|alpha|lts(-20[0-9]{2})?")
OWNER, CHINA_OWNER = "075585003325", "306934455918"
"""Accounts that publish Flatcar's images. Sources: flatcar/mantle, platform/api/aws; Giant Swarm for China."""
MARKETPLACE_OWNER = "aws-marketplace"
"""EC2's alias of the account that shows what is sold on the AWS Marketplace."""

FEED_FILE, VERSION_FILE, TEXT_FILE = (
    "flatcar_production_ami_all.json",
    "version.txt",
    "flatcar_production_ami_all.txt",
)
ARCHIVED = "https://web.archive.org/web/20220625112618if_/"
"""Toil's capture of the stable feed; its images have been gone since 2023, so it never launches anything today."""


class Source(StrEnum):
    """Where an image id came from; the words of provenance."""

    OVERRIDE = "override"
    MIRROR = "mirror"
    FEED = "feed"
    TEXT = "text"
    ORIGIN = "origin"
    BUILD_CACHE = "build-cache"
    REGION_MAP = "region-map"
    CHINA = "china"
    MARKETPLACE = "marketplace"
    BETA = "beta"
    ARCHIVE = "archive"


class Form(StrEnum):
    """How a file says which image is where."""

    JSON = "json"
    LINE = "line"
    REGION_MAP = "region-map"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One file to read. *version_url* is empty where none is published: EC2's image names must agree then.

    A *url* that holds ``{version}`` is filled in with what *version_url* says.
    """

    source: Source
    channel: str
    url: str
    version_url: str = ""
    form: Form = Form.JSON
    signed: bool = False
    owner: str = OWNER


VERSION = "{version}"
FLATCAR_HOSTS = ".release.flatcar-linux.net"
FEED_URL = "https://{channel}.release.flatcar-linux.net/{board}/{folder}"
ORIGIN_URL = "https://origin.release.flatcar-linux.net/{channel}/{board}/{folder}"
BUILD_CACHE_URL = "https://bincache.flatcar-linux.net/images/{architecture}/{version}"
REGION_MAP_URL = "https://flatcar-prod-ami-import-eu-central-1.s3.amazonaws.com/dist/aws/flatcar-{channel}{suffix}-hvm.template"
CHINA_URL = "https://flatcar-prod-ami-import-cn-north-1.s3.cn-north-1.amazonaws.com.cn"
"""Giant Swarm's import, which may lag behind. Source: flatcar-archive/flatcar-docs, booting-on-ec2."""


def check(channel: str, architecture: str) -> None:
    """Refuse a channel or an architecture that Flatcar does not have; raises InvalidRequest."""
    if architecture not in ARCHITECTURES:
        raise InvalidRequest(f"architecture: one of {', '.join(ARCHITECTURES)}, not {architecture!r}")
    if not CHANNEL.fullmatch(channel):
        raise InvalidRequest(f"channel: stable, beta, alpha, lts or lts-YEAR, not {channel!r}")


def is_flatcars(feed_url: str) -> bool:
    """Whether *feed_url* is a host of Flatcar's own, of which other official copies exist."""
    return (urlsplit(feed_url).hostname or "").endswith(FLATCAR_HOSTS)


def folder(url: str, channel: str, architecture: str) -> str:
    """Return the address of a channel's newest release below *url*, which holds ``{channel}`` and ``{board}``.

    A long-term channel of a year, ``lts-2024``, is the folder ``current-2024`` of channel ``lts``: without
    ``{folder}`` in *url* another year's release would be read, so InvalidRequest is raised.
    """
    name, _, year = channel.partition("-")
    if year and "{folder}" not in url:
        raise InvalidRequest(f"{channel} needs {{folder}} in {url}")
    current = f"current-{year}" if year else "current"
    filled = url.replace("{channel}", name).replace("{board}", f"{architecture}-usr")
    return filled.replace("{folder}", current).rstrip("/")


def places(
    channel: str, architecture: str, *, region: str = "", feed_url: str = FEED_URL, mirror_url: str = ""
) -> list[Place]:
    """Return where *region*'s images are named, in the order in which to ask: your mirror, then what is official.

    The regions of China are a world of their own: no other official place names them, theirs names no other, and
    what it names has another owner. Raises InvalidRequest for what Flatcar does not have there.
    """
    own = [mirror(mirror_url, channel, architecture)] if mirror_url else []
    if not region.startswith("cn-"):
        return [*own, *official(channel, architecture, feed_url)]
    check(channel, architecture)
    if (channel, architecture) != ("stable", "amd64"):
        raise InvalidRequest(f"in {region} there is stable for amd64 alone, not {channel} for {architecture}")
    named = [CHINA] if is_flatcars(feed_url) else official(channel, architecture, feed_url)
    return [replace(place, owner=CHINA_OWNER) for place in (*own, *named)]


def official(channel: str, architecture: str, feed_url: str = FEED_URL) -> Iterator[Place]:
    """Yield the channel's feed and the other official copies of it, in the order in which they are asked.

    Of a feed that is not on Flatcar's own host only the text form beside it is a copy: whoever names another host
    does not want Flatcar's asked.
    """
    check(channel, architecture)
    at = folder(feed_url, channel, architecture)
    feed = _json(Source.FEED, channel, at)
    yield feed
    yield replace(feed, source=Source.TEXT, url=f"{at}/{TEXT_FILE}", form=Form.LINE)
    if is_flatcars(feed_url):
        yield _json(Source.ORIGIN, channel, folder(ORIGIN_URL, channel, architecture))
        built = BUILD_CACHE_URL.replace("{architecture}", architecture)
        yield replace(feed, source=Source.BUILD_CACHE, url=f"{built}/{FEED_FILE}")
        if "-" not in channel:
            suffix = "-arm64" if architecture == "arm64" else ""
            url = REGION_MAP_URL.replace("{channel}", channel).replace("{suffix}", suffix)
            yield Place(source=Source.REGION_MAP, channel=channel, url=url, form=Form.REGION_MAP)


def mirror(mirror_url: str, channel: str, architecture: str) -> Place:
    """Return the operator's own copy of the feed: Toil's source ``toil``."""
    check(channel, architecture)
    return _json(Source.MIRROR, channel, folder(mirror_url, channel, architecture))


def stand_ins(architecture: str, feed_url: str = FEED_URL) -> tuple[Place, Place]:
    """Return what Toil asks when stable gives nothing, after the Marketplace: the beta feed, the archived feed."""
    check("stable", architecture)
    archived = f"{ARCHIVED}{folder(FEED_URL, 'stable', architecture)}"
    return (
        _json(Source.BETA, "beta", folder(feed_url, "beta", architecture)),
        Place(source=Source.ARCHIVE, channel="stable", url=f"{archived}/{FEED_FILE}"),
    )


def marketplace_name(channel: str) -> str:
    """Return the pattern of the names that a channel's images have on the Marketplace, Toil's for stable.

    Empty for a long-term channel of a year: no name says the year, and the newest may be another one's.
    """
    return "" if "-" in channel else f"Flatcar-{channel}-*"


def marketplace_version(name: str, channel: str) -> str:
    """Return the version that a Marketplace image's *name* says, whatever the Marketplace has put behind it."""
    found = re.match(rf"Flatcar-{channel}-([0-9]+\.[0-9]+\.[0-9]+)(?![.0-9])", name)
    return found[1] if found else ""


def _json(source: Source, channel: str, at: str) -> Place:
    return Place(
        source=source,
        channel=channel,
        url=f"{at}/{FEED_FILE}",
        version_url=f"{at}/{VERSION_FILE}",
        signed=True,
    )


CHINA = Place(
    source=Source.CHINA,
    channel="stable",
    url=f"{CHINA_URL}/stable-amd64-usr.json",
    version_url=f"{CHINA_URL}/{VERSION_FILE}",
    owner=CHINA_OWNER,
)
