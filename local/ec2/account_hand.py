"""The hand of the world on images, quotas and volumes: what publishers, sellers and AWS do, not the account."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from local.ec2 import image_copies
from local.ec2.hand import Hand
from local.ec2.quotas import CODES, Quota
from local.ec2.volume import Volume
from local.ec2.volume_limits import REFUSALS, limits_of
from local.ec2.volume_store import Allowance


class AccountHand(Hand):
    """The part of the hand that changes images, quotas and what EBS does."""

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
        image_copies.fail(self._state, region, image_id, message)

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
            name: Quota(limit=limit, used=state.quotas.used(name, state.now))
            for name, limit in state.quotas.limits.items()
            if "/" in name
        }

    def volume(self, volume_id: str) -> Volume:
        """Return the truth about a volume, visible or not; KeyError if there is none."""
        self.advance()
        return self._state.volumes[volume_id]

    def volumes_of(self, instance_id: str) -> tuple[Volume, ...]:
        """Return the truth about what is at an instance, first attached first; nothing at an unknown one."""
        self.advance()
        return tuple(self._state.volumes.at(instance_id))

    def set_volume_quota(self, volume_type: str, tib: float) -> None:
        """Say how many TiB all volumes of a type may have; what launches beyond dies at birth."""
        limits_of(volume_type)
        self._state.ebs.storage_tib[volume_type] = tib

    def set_modification_quota(self, volume_type: str, tib: float) -> None:
        """Say how many TiB of a type may be under modification at once."""
        limits_of(volume_type)
        self._state.ebs.modification_tib[volume_type] = tib

    def set_modification_allowance(self, count: int, window: timedelta) -> None:
        """Say how many modifications of a volume may begin in *window*: (1, 6 h) is the rule before 2026."""
        if count < 1:
            raise ValueError(f"no allowance of {count}")
        self._state.ebs.allowance = Allowance(count, window)

    def refuse_volumes(self, volume_type: str, zone: str, code: str | None) -> None:
        """Let a zone refuse new volumes of a type with one of ``REFUSALS``; None lets them in again."""
        limits_of(volume_type)
        if code is None:
            self._state.ebs.refusals.pop((volume_type, zone), None)
        elif code in REFUSALS:
            self._state.ebs.refusals[volume_type, zone] = code
        else:
            raise ValueError(f"no volume is refused with {code!r}")

    def fail_modification(self, volume_id: str) -> None:
        """Let the modification that is ``modifying``, or else the next one, fail."""
        self._state.ebs.failing.add(self.volume(volume_id).volume_id)
