"""Who may use which image: shares, subscriptions and the Allowed AMIs settings of each region."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from local.ec2.filters import pattern

Image = dict[str, Any]
ALIAS = "resolve:ssm:"
"""Before the name of an SSM parameter, which may have ``:version`` or ``:label`` behind it."""

Place = tuple[str, str]
"""A region and the id of an image in it."""


@dataclass(slots=True, kw_only=True)
class AllowedImages:
    """The Allowed AMIs settings of one region."""

    state: str = "disabled"
    criteria: Sequence[Mapping[str, Any]] = ()

    def allow(self, image: Image, now: datetime) -> bool:
        """Tell whether another account's *image* meets one of the criteria."""
        return any(_meets(image, criterion, now) for criterion in self.criteria)


def _meets(image: Image, criterion: Mapping[str, Any], now: datetime) -> bool:
    """Tell whether *image* meets every part of *criterion*."""
    makers = {image["OwnerId"], image.get("ImageOwnerAlias")}
    codes = {code["ProductCodeId"] for code in image.get("ProductCodes", ())}
    providers, products = criterion.get("ImageProviders"), criterion.get("MarketplaceProductCodes")
    names = [pattern(name) for name in criterion.get("ImageNames") or ()]
    oldest = (criterion.get("CreationDateCondition") or {}).get("MaximumDaysSinceCreated")
    longest = (criterion.get("DeprecationTimeCondition") or {}).get("MaximumDaysSinceDeprecated")
    return (
        (not providers or bool(makers & set(providers)))
        and (not products or bool(codes & set(products)))
        and (not names or any(name.fullmatch(image.get("Name", "")) for name in names))
        and (oldest is None or not _past(image.get("CreationDate"), oldest, now))
        and (longest is None or not _past(image.get("DeprecationTime"), longest, now))
    )


def _past(moment: str | None, days: int, now: datetime) -> bool:
    return moment is not None and datetime.fromisoformat(moment) + timedelta(days=days) < now


def snapshots_of(image: Image) -> set[str]:
    """Return the snapshots behind the disks of an image."""
    disks = image.get("BlockDeviceMappings", ())
    return {disk["Ebs"]["SnapshotId"] for disk in disks if "SnapshotId" in disk.get("Ebs", {})}


@dataclass(slots=True, kw_only=True)
class ImageRules:
    """What the account may use, and what it has shared."""

    parameters: Callable[[str, str], str | None] = lambda _region, _name: None
    shares: dict[Place, set[str]] = field(default_factory=dict)
    subscriptions: set[str] = field(default_factory=set)
    deregistered: set[Place] = field(default_factory=set)
    allowed: dict[str, AllowedImages] = field(default_factory=dict)

    def aliases(self, region: str, asked: object) -> dict[str, str | None]:
        """Return what every alias in a request stands for now: a token is bound to that, too."""
        if isinstance(asked, str):
            name = asked.removeprefix(ALIAS)
            return {} if name == asked else {asked: self.parameters(region, name)}
        inner = asked.values() if isinstance(asked, Mapping) else asked if isinstance(asked, list) else ()
        return {alias: value for one in inner for alias, value in self.aliases(region, one).items()}

    def settings(self, region: str) -> AllowedImages:
        """Return the Allowed AMIs settings of *region*."""
        return self.allowed.setdefault(region, AllowedImages())

    def shared_with(self, region: str, image_id: str) -> set[str]:
        """Return the accounts that have an explicit launch permission."""
        return self.shares.setdefault((region, image_id), set())

    def knows(self, account: str, region: str, image: Image, now: datetime) -> bool:
        """Tell whether *account* can find *image*: its own, public or shared, and not forbidden."""
        if image["OwnerId"] == account:
            return True
        permitted = image.get("Public") or account in self.shares.get((region, image["ImageId"]), ())
        settings = self.settings(region)
        return bool(permitted) and (settings.state != "enabled" or settings.allow(image, now))
