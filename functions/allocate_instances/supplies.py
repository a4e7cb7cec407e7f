"""What launches are made of, remembered for a while: the catalogue and published images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from railyard.aws.catalogues import CatalogueObject
from railyard.aws.parameters import Parameters
from railyard.model.catalogue import Catalogue
from railyard.model.images import parameter_name
from railyard.model.pools import Pool

CHANNEL = "stable"
"""The channel that pools launch from, until a pool deploys an AMI set."""


class Supplies:
    """The catalogue and the images, each read once per *memory*."""

    def __init__(
        self,
        catalogue: CatalogueObject,
        parameters: Parameters,
        *,
        prefix: str,
        region: str,
        memory: timedelta,
    ) -> None:
        self._catalogue, self._parameters = catalogue, parameters
        self._prefix, self._region, self._memory = prefix, region, memory
        self._images: tuple[datetime, Mapping[str, str]] | None = None
        self._types: tuple[datetime, Catalogue] | None = None

    def catalogue(self, now: datetime) -> Catalogue | None:
        """Return the catalogue, ``None`` before its first refresh."""
        if self._types is None or now - self._types[0] >= self._memory:
            found = self._catalogue.read()
            self._types = (now, found) if found else None
        return self._types[1] if self._types else None

    def images(self, pools: Iterable[Pool], now: datetime) -> Mapping[str, str]:
        """Return the published image of each architecture in this region; absent ones are absent."""
        wanted = sorted({architecture for pool in pools for architecture in pool.architectures})
        held = self._images
        if held and now - held[0] < self._memory and set(wanted) <= set(held[1]):
            return held[1]
        names = {parameter_name(self._prefix, CHANNEL, each, "image"): each for each in wanted}
        found = self._parameters.read(self._region, sorted(names)) if names else {}
        images = {names[name]: value for name, value in found.items()}
        self._images = (now, images)
        return images
