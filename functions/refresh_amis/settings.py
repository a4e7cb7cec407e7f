"""Knobs of refresh_amis."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from railyard.flatcar.sources import FEED_URL
from railyard.model.images import LAUNCHED

MARKETPLACE = "marketplace"
CANARY_SLACK = timedelta(hours=2)
"""How much longer than the bake time a canary's machine is held: until the run after next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What to refresh, from where, to where.

    *feed_url* holds ``{channel}``, ``{board}`` and, for channels of a year, ``{folder}``. Flatcar's other copies are
    asked only while it is Flatcar's own host. *mirror_url*, of the same form, is asked first.

    *regions_required*: without any, one region whose image is bad holds the whole release. With some, only these do;
    another region whose image is bad keeps its last image until it is sound.

    *signing_key* is a file beside the function's folder; *fingerprint* is empty for Flatcar's. *canary_pool*, if there
    is one, runs each release that pools launch from before the others do. *overrides* is ``off``, ``validated`` or
    ``verbatim``: what becomes of the parameters in which the operator puts an image in a region's place. With
    *own_copies* only images that the account has copied are tried and published. An unchanged feed is taken at its word
    for *recheck*; then EC2 is asked again about every image.
    """

    stack: str
    releases_table: str
    requests_table: str
    instances_table: str
    ami_sets_table: str
    bus_name: str
    request_queue_url: str
    lease_queue_url: str
    parameter_prefix: str = "/railyard"
    feed_url: str = FEED_URL
    mirror_url: str = ""
    channels: tuple[str, ...] = ("stable",)
    architectures: tuple[str, ...] = ("amd64", "arm64")
    regions_required: tuple[str, ...] = ()
    signing_key: str = ""
    fingerprint: str = ""
    allow_fallback: tuple[str, ...] = ()
    overrides: str = "off"
    dry_run: bool = False
    own_copies: bool = False
    canary_pool: str = ""
    bake: timedelta = timedelta(minutes=30)
    recheck: timedelta = timedelta(hours=24)
    fetch_timeout: timedelta = timedelta(seconds=10)
    patience: timedelta = timedelta(seconds=60)
    """For the searches of all lines together; each gets its share."""
    max_feed_bytes: int = 1_048_576

    def tries(self, channel: str) -> bool:
        """Tell whether the releases of *channel* go through the canary pool: those that pools launch from."""
        return bool(self.canary_pool) and channel == LAUNCHED
