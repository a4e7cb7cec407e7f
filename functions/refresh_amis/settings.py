"""Knobs of refresh_amis."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from railyard.flatcar.sources import FEED_URL


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What to refresh, from where, to where.

    *feed_url* holds ``{channel}``, ``{board}`` and, for channels of a year, ``{folder}``. Flatcar's other copies are
    asked only while it is Flatcar's own host. *mirror_url*, of the same form, is asked first.

    *regions_required*: without any, one region whose image is bad holds the whole release. With some, only these do;
    another region whose image is bad keeps its last image until it is sound.

    *signing_key* is a file beside the function's folder; *fingerprint* is empty for Flatcar's.
    """

    releases_table: str
    bus_name: str
    parameter_prefix: str = "/railyard"
    feed_url: str = FEED_URL
    mirror_url: str = ""
    channels: tuple[str, ...] = ("stable",)
    architectures: tuple[str, ...] = ("amd64", "arm64")
    regions_required: tuple[str, ...] = ()
    signing_key: str = ""
    fingerprint: str = ""
    fetch_timeout: timedelta = timedelta(seconds=10)
    patience: timedelta = timedelta(seconds=60)
    """For the searches of all lines together; each gets its share."""
    max_feed_bytes: int = 1_048_576
