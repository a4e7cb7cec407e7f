"""What launches are made of, remembered for a while: the catalogue, and images.

A pool launches what its deployment names, else the images of its own document, else what the channel has published.
The parameter ``candidate`` holds the release that is tried in the canary pool, and otherwise the same as ``image``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from functools import partial

from railyard.aws.catalogues import CatalogueObject
from railyard.aws.images import Ec2Images
from railyard.aws.parameters import Parameters
from railyard.errors import RailyardError
from railyard.model.ami_sets import Deployment
from railyard.model.answers import stamp
from railyard.model.catalogue import Catalogue
from railyard.model.images import LAUNCHED, image_defects, parameter_name
from railyard.model.pools import Pool

_Images = Mapping[str, str]
"""Architecture -> image id."""


class Supplies:
    """The catalogue and the images, each read once per *memory*."""

    def __init__(
        self,
        catalogue: CatalogueObject,
        parameters: Parameters,
        ec2: Ec2Images,
        *,
        prefix: str,
        region: str,
        memory: timedelta,
        trust: timedelta,
        canary_pool: str,
    ) -> None:
        """*trust*: how long EC2's word on an image counts that a deployment or a pool names."""
        self._catalogue, self._parameters, self._ec2 = catalogue, parameters, ec2
        self._prefix, self._region, self._memory = prefix, region, memory
        self._trust = trust
        self._canary_pool = canary_pool
        self._confirmed: dict[str, tuple[datetime, bool]] = {}
        """When EC2 was asked about an image that a deployment or a pool names, and whether it was sound."""
        self._images: tuple[datetime, _Images, _Images] | None = None
        """When they were read, those of the canary pool, those of every other."""
        self._types: tuple[datetime, Catalogue] | None = None

    def catalogue(self, now: datetime) -> Catalogue | None:
        """Return the catalogue, ``None`` before its first refresh."""
        if self._types is None or now - self._types[0] >= self._memory:
            found = self._catalogue.read()
            self._types = (now, found) if found else None
        return self._types[1] if self._types else None

    def images(
        self, pools: Collection[Pool], deployments: Mapping[str, Deployment], now: datetime
    ) -> Mapping[str, Mapping[str, str]]:
        """Return what each of *pools* launches in this region, by architecture; absent images are absent."""
        chosen = {pool.name: self._sound(pool.image_ids, now) for pool in pools if pool.image_ids}
        chosen |= {
            pool.name: self._deployed(deployments[pool.name], now)
            for pool in pools
            if pool.name in deployments
        }
        wanted = {a for pool in pools if pool.name not in chosen for a in pool.architectures}
        held = self._images
        if wanted and (held is None or now - held[0] >= self._memory or not wanted <= held[2].keys()):
            held = self._images = (now, *self._published(wanted))
        _, canary, current = held or (now, {}, {})
        published = {pool.name: canary if pool.name == self._canary_pool else current for pool in pools}
        return published | chosen

    def _deployed(self, deployed: Deployment, now: datetime) -> _Images:
        images = {a: image for a, image in deployed.images.items() if a not in deployed.defects}
        return images if now - deployed.checked_at < self._trust else self._sound(images, now)

    def _sound(self, images: _Images, now: datetime) -> _Images:
        """Return those of *images* that EC2 has confirmed of late.

        If it does not answer, what it said last counts on.
        """
        never = (datetime.min.replace(tzinfo=now.tzinfo), True)
        old = {a: i for a, i in images.items() if now - self._confirmed.get(i, never)[0] >= self._trust}
        if old:
            self._ask(old, now)
        return {a: image for a, image in images.items() if self._confirmed.get(image, never)[1]}

    def _ask(self, images: _Images, now: datetime) -> None:
        try:
            shown = self._ec2.look(self._region, sorted(images.values()))
        except RailyardError:
            return
        for architecture, image_id in images.items():
            defects = image_defects(shown.get(image_id), architecture=architecture, now=stamp(now))
            self._confirmed[image_id] = (now, not defects)

    def forget_images(self) -> None:
        """Read the images again when they are asked for next: EC2 says that one is not there."""
        self._images = None
        self._confirmed.clear()

    def _published(self, architectures: Collection[str]) -> tuple[_Images, _Images]:
        """Return the images of the canary pool, and the current ones: it has those where nothing is tried."""
        name = partial(parameter_name, self._prefix, LAUNCHED)
        kinds = ("image", "candidate" if self._canary_pool else "image")
        names = {name(each, kind) for each in architectures for kind in kinds}
        found = self._parameters.read(self._region, sorted(names))
        current, tried = (
            {each: found[name(each, kind)] for each in architectures if name(each, kind) in found}
            for kind in kinds
        )
        return current | tried, current
