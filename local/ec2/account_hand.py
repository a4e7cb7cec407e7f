"""The hand of the world on images and quotas: what publishers, sellers and AWS do, not the account."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from local.ec2 import image_copies
from local.ec2.quotas import CODES, Quota
from local.ec2.state import State


class AccountHand(ABC):
    """The part of Ec2 that changes images and quotas."""

    _state: State

    @abstractmethod
    def advance(self) -> datetime | None:
        """Apply every effect due by now."""

    def add_image(self, region: str, image: Mapping[str, Any]) -> None:
        """Add an image in boto3's shape, or replace it; a State other than "available" bars its launch.

        An image of another account is public unless it says otherwise.
        """
        public = image["OwnerId"] != self._state.account
        known = {"State": "available", "Public": public, **image}
        self._state.images.setdefault(region, {})[image["ImageId"]] = known

    def remove_image(self, region: str, image_id: str) -> None:
        """Take an image away, as its publisher may at any time."""
        self._state.images.get(region, {}).pop(image_id, None)

    def share_image(self, region: str, image_id: str, *, shared: bool = True) -> None:
        """Let the owner of a private image share it with this account, or take that back."""
        accounts = self._state.image_rules.shared_with(region, image_id)
        (accounts.add if shared else accounts.discard)(self._state.account)

    def fail_image(self, region: str, image_id: str, message: str = "Internal error") -> None:
        """Let a copy that is pending fail; ValueError if it is not."""
        self.advance()
        image_copies.fail(self._state, region, image_id, self._state.agenda.now, message)

    def subscribe(self, product_code: str, *, subscribed: bool = True) -> None:
        """Accept the terms of a Marketplace product, or end the subscription."""
        products = self._state.image_rules.subscriptions
        (products.add if subscribed else products.discard)(product_code)

    def set_quota(self, name: str, limit: int) -> None:
        """Change a quota, named like "spot/standard", "fleets", or by its Service Quotas code."""
        name = CODES.get(name, name)
        if name not in self._state.quotas.limits or limit < 0:
            raise ValueError(f"no quota {name!r}, or no limit {limit}")
        self._state.quotas.limits[name] = limit

    def quotas(self) -> Mapping[str, Quota]:
        """Return every quota of vCPUs with what counts against it now."""
        self.advance()
        state = self._state
        return {
            name: Quota(limit=limit, used=state.quotas.used(name, state.agenda.now))
            for name, limit in state.quotas.limits.items()
            if "/" in name
        }
