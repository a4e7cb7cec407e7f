"""Knobs of refresh_amis."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

FLATCAR_OWNER = "075585003325"
"""Account that publishes Flatcar's images. Source: flatcar/mantle, platform/api/aws (August 2026)."""

FLATCAR_FEED = "https://{channel}.release.flatcar-linux.net/{board}/current"
"""Folder of a channel's newest release; ``{board}`` is ``amd64-usr`` or ``arm64-usr``. Source: flatcar.org."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What to refresh, from where, to where."""

    releases_table: str
    bus_name: str
    parameter_prefix: str = "/railyard"
    feed_url: str = FLATCAR_FEED
    owner: str = FLATCAR_OWNER
    channels: tuple[str, ...] = ("stable",)
    architectures: tuple[str, ...] = ("amd64", "arm64")
    fetch_timeout: timedelta = timedelta(seconds=10)
    max_feed_bytes: int = 1_048_576
