"""What a set becomes when its channel moves, when EC2 has spoken about its images, and when a pool follows it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from railyard.model.ami_sets import (
    Action,
    AmiSet,
    Change,
    Check,
    Content,
    Deployment,
    Follow,
    Status,
    Version,
    Word,
    checked,
    deploy,
    track,
)
from railyard.model.releases import Line, line_of
from railyard.model.validation import channel_images, confirmed, translated

ACTOR = "validate_ami_sets"


def lines_of(sets: Iterable[AmiSet], architectures: Iterable[str]) -> list[str]:
    """Return the release lines that *sets* track."""
    channels = {each.content.tracks for each in sets if each.content.tracks}
    return sorted(line_of(channel, architecture) for channel in channels for architecture in architectures)


def tracked(head: AmiSet, lines: Mapping[str, Line], check: Check | None, now: datetime) -> Change | None:
    """Return the next version of *head* if its channel has something else now; *check* is EC2's word on that."""
    if not head.content.tracks:
        return None
    word = Word(by=ACTOR, at=now, reason=f"channel {head.content.tracks}")
    return track(head, channel_images(head.content.tracks, lines.values()), check, word)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A set and the deployments of it after EC2 has spoken: each as it was and as it shall be."""

    before: AmiSet
    after: AmiSet
    deployments: tuple[tuple[Deployment, Deployment], ...] = ()

    @property
    def turned_invalid(self) -> bool:
        """Whether the latest version was not known to be invalid."""
        number = self.after.number
        was, now = self.before.status(number), self.after.status(number)
        return now is Status.INVALID and was is not Status.INVALID


def seen(head: AmiSet, deployments: Iterable[Deployment], checks: Mapping[int, Check], region: str) -> Seen:
    """Return *head* and what pools launch of it, with what EC2 said of its versions."""
    after = checked(head, checks)
    after = replace(after, sequence=head.sequence + 1) if after != head else head
    changed = [
        (each, shall)
        for each in deployments
        if each.number in checks and (shall := confirmed(each, checks[each.number], region)) != each
    ]
    return Seen(before=head, after=after, deployments=tuple(changed))


def follows(head: AmiSet, deployed: Deployment, bake: timedelta, now: datetime) -> bool:
    """Tell whether the pool of *deployed* takes the latest version now, as its deployer agreed; a valid one alone."""
    check = head.checks.get(str(head.number))
    if deployed.follow is Follow.NEVER or deployed.number == head.number or check is None:
        return False
    if check.status is not Status.VALID or check.valid_since is None:
        return False
    return deployed.follow is Follow.NOW or check.valid_since + bake <= now


def followed(
    head: AmiSet, deployed: Deployment, latest: Version, region: str, now: datetime
) -> Change | None:
    """Return the deployment of *latest* to the pool of *deployed*; None if it has no image for what the pool runs."""
    images = translated(latest.content, region, deployed.images)
    if images.keys() != deployed.images.keys():
        return None
    check = head.checks[str(head.number)]
    word = Word(by=ACTOR, at=now, reason=f"follows {deployed.follow}, as {deployed.by} agreed")
    change = deploy(
        head,
        deployed,
        latest,
        pool=deployed.pool,
        images=images,
        follow=deployed.follow,
        check=check,
        word=word,
        action=Action.FOLLOWED,
    )
    if change is None:
        return None
    was, shall = change.deployment
    return replace(change, deployment=(was, replace(shall, by=deployed.by) if shall else None))


def published(content: Content, prefix: str, name: str) -> dict[str, dict[str, str]]:
    """Return the parameters of a set's version: region -> name -> image."""
    values: dict[str, dict[str, str]] = {}
    for each in content.images:
        key = f"{prefix}/ami-sets/{name}/{each.architecture}-{each.virtualization}"
        values.setdefault(each.region, {})[key] = each.image_id
    return values
