"""What launches are made of, remembered for a while: the catalogue and published images.

The parameter ``candidate`` holds the release that is tried in the canary pool, and otherwise the same as ``image``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from functools import partial

from railyard.aws.catalogues import CatalogueObject
from railyard.aws.parameters import Parameters
from railyard.model.catalogue import Catalogue
from railyard.model.images import parameter_name
from railyard.model.pools import Pool

CHANNEL = "stable"
"""The channel that pools launch from, until a pool deploys an AMI set."""
_Images = Mapping[str, str]
"""Architecture -> image id."""


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
        canary_pool: str,
    ) -> None:
        self._catalogue, self._parameters = catalogue, parameters
        self._prefix, self._region, self._memory = prefix, region, memory
        self._canary_pool = canary_pool
        self._images: tuple[datetime, _Images, _Images] | None = None
        """When they were read, those of the canary pool, those of every other."""
        self._types: tuple[datetime, Catalogue] | None = None

    def catalogue(self, now: datetime) -> Catalogue | None:
        """Return the catalogue, ``None`` before its first refresh."""
        if self._types is None or now - self._types[0] >= self._memory:
            found = self._catalogue.read()
            self._types = (now, found) if found else None
        return self._types[1] if self._types else None

    def images(self, pools: Collection[Pool], now: datetime) -> Mapping[str, Mapping[str, str]]:
        """Return what each of *pools* launches in this region, by architecture; absent images are absent."""
        wanted = {architecture for pool in pools for architecture in pool.architectures}
        held = self._images
        if held is None or now - held[0] >= self._memory or not wanted <= held[2].keys():
            held = self._images = (now, *self._published(wanted))
        _, canary, current = held
        return {pool.name: canary if pool.name == self._canary_pool else current for pool in pools}

    def forget_images(self) -> None:
        """Read the images again when they are asked for next: EC2 says that one is not there."""
        self._images = None

    def _published(self, architectures: Collection[str]) -> tuple[_Images, _Images]:
        """Return the images of the canary pool, and the current ones: it has those where nothing is tried."""
        name = partial(parameter_name, self._prefix, CHANNEL)
        kinds = ("image", "candidate" if self._canary_pool else "image")
        names = {name(each, kind) for each in architectures for kind in kinds}
        found = self._parameters.read(self._region, sorted(names))
        current, tried = (
            {each: found[name(each, kind)] for each in architectures if name(each, kind) in found}
            for kind in kinds
        )
        return current | tried, current
