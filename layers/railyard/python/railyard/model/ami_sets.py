"""AMI sets: named images by region, architecture and virtualization; immutable versions, and which pool launches which.

One record a set, its ``head``; beside it each version, written once, and each word of whoever changed it, chained by
hashes. A pool's deployment is a record of the pool. What belongs together is one ``Change`` and one transaction.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from hashlib import sha256

from railyard.errors import Conflict
from railyard.model.answers import stamp

HEAD, DEPLOYMENT = "head", "deployment"


class Status(StrEnum):
    """What EC2 said of a version's images. ``unknown``: it did not answer about some, and found nothing wrong."""

    VALID = "valid"
    INVALID = "invalid"
    UNKNOWN = "unknown"


class Follow(StrEnum):
    """When a deployment takes a later version by itself: the deployer's consent."""

    NOW = "now"
    AFTER_BAKE = "after-bake"
    NEVER = "never"


class Action(StrEnum):
    """What a set's history tells."""

    CREATED = "created"
    UPDATED = "updated"
    ROLLED_BACK = "rolled_back"
    TRACKED = "tracked"
    REMOVED = "removed"
    DEPLOYED = "deployed"
    FOLLOWED = "followed"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class SetImage:
    """One image of a set. ``virtualization`` is ``hvm`` or ``pv``."""

    region: str
    architecture: str
    virtualization: str = "hvm"
    image_id: str

    @property
    def key(self) -> str:
        """What it stands for, as reasons name it."""
        return image_key(self.region, self.architecture, self.virtualization)


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a set says, in no order. *tracks* is the channel that it follows, empty for none."""

    images: tuple[SetImage, ...]
    description: str = ""
    tracks: str = ""

    @property
    def hash(self) -> str:
        """The same for equal images and tracking, whatever the order."""
        said = {"images": [asdict(each) for each in sorted(self.images)], "tracks": self.tracks}
        return _hashed({**said, "description": self.description})

    @property
    def choice(self) -> str:
        """The same for equal images, whatever is said about them."""
        return _hashed([asdict(each) for each in sorted(self.images)])

    def image(self, region: str, architecture: str, virtualization: str = "hvm") -> str:
        """Translate: return the image for a machine of that architecture there, empty if the set has none."""
        wanted = image_key(region, architecture, virtualization)
        return next((each.image_id for each in self.images if each.key == wanted), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version of a set; it never changes."""

    ami_set: str
    part: str
    schema: int = 1
    number: int
    content: Content
    made_at: datetime
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What EC2 said of a version, and when. *reasons* are the defects of each bad image, by its key."""

    status: Status
    at: datetime
    reasons: dict[str, tuple[str, ...]] = field(default_factory=dict)
    valid_since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AmiSet:
    """The head of a set. *checks* are of its latest version and of those deployed, by number.

    *declined* is the choice of images that a rollback left: a channel that still has it makes no version of it.
    *last_good* is the newest version that EC2 has ever found valid.
    """

    ami_set: str
    part: str = HEAD
    schema: int = 1
    sequence: int = 0
    number: int = 0
    content: Content = Content(images=())
    changed_at: datetime | None = None
    removed: bool = True
    deployed: dict[str, int] = field(default_factory=dict)
    """Pool -> version."""
    checks: dict[str, Check] = field(default_factory=dict)
    last_good: int = 0
    published: int = 0
    """The version that SSM holds."""
    declined: str = ""
    audited: int = 0
    chain: str = ""
    """How many entries the history has, and the hash of the last."""

    def status(self, number: int) -> Status:
        """Return what is known of a version."""
        check = self.checks.get(str(number))
        return check.status if check else Status.UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What a pool launches: a version of a set, translated for the pool's region, by architecture."""

    pool: str
    part: str = DEPLOYMENT
    schema: int = 1
    sequence: int = 0
    ami_set: str
    number: int
    follow: Follow
    images: dict[str, str]
    by: str
    at: datetime
    checked_at: datetime
    """When EC2 last confirmed *images*."""
    defects: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """What EC2 found wrong with the image of an architecture since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """An entry of a set's history. *hash* covers it and the hash of the entry before: none can be taken out."""

    ami_set: str
    part: str
    schema: int = 1
    action: Action
    at: datetime
    by: str
    reason: str = ""
    number: int
    pool: str = ""
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    """Images that came and went, as ``<key>=<image>``."""
    before: str = ""
    after: str = ""
    """Hashes of the contents."""
    despite: tuple[str, ...] = ()
    """What EC2 had against images that were let in all the same, as ``<key>=<reason>``."""
    previous: str
    hash: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is written together: the head over the one that was read, and what comes with it."""

    before: AmiSet
    after: AmiSet
    audit: Audit | None = None
    version: Version | None = None
    deployment: tuple[Deployment | None, Deployment | None] = (None, None)
    """As read, and as it shall be; None where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """Who changes a set, when and why, and *despite* which bad images."""

    by: str
    at: datetime
    reason: str = ""
    despite: tuple[str, ...] = ()


def image_key(region: str, architecture: str, virtualization: str = "hvm") -> str:
    """Return the name of a slot of a set."""
    return f"{region}/{architecture}/{virtualization}"


def version_part(number: int) -> str:
    """Return the sort key of a version."""
    return f"v#{number:08d}"


def audit_part(number: int) -> str:
    """Return the sort key of an entry of the history."""
    return f"audit#{number:08d}"


def create(head: AmiSet, content: Content, check: Check | None, word: Word) -> Change | None:
    """Make the set, or make it anew after it was removed; None if it is so already.

    Raises Conflict (``exists``) for other content under the same name.
    """
    if not head.removed:
        if head.content.hash == content.hash:
            return None
        raise Conflict(f"{head.ami_set} exists with other content: update it", code="exists")
    return _versioned(replace(head, removed=False), head, content, check, Action.CREATED, word)


def update(head: AmiSet, content: Content, check: Check | None, word: Word) -> Change | None:
    """Make the next version; None if the content is the same. Other images end what a rollback declined."""
    if head.content.hash == content.hash:
        return None
    same = content.choice == head.content.choice
    going_on = head if same else replace(head, declined="")
    return _versioned(going_on, head, content, check, Action.UPDATED, word)


def roll_back(head: AmiSet, to: Version, check: Check | None, word: Word) -> Change | None:
    """Make a new version of old content, and decline the present one; None if the content is the same.

    The set goes on tracking its channel, but makes no version of what was declined.
    """
    content = replace(to.content, tracks=head.content.tracks)
    if content.hash == head.content.hash:
        return None
    declining = replace(head, declined=head.content.choice)
    return _versioned(declining, head, content, check, Action.ROLLED_BACK, word)


def track(head: AmiSet, images: Iterable[SetImage], check: Check | None, word: Word) -> Change | None:
    """Make the next version of what the channel has now; None if that is so already, or was declined."""
    content = replace(head.content, images=tuple(sorted(images)))
    if content.choice in (head.content.choice, head.declined) or not content.images:
        return None
    return _versioned(replace(head, declined=""), head, content, check, Action.TRACKED, word)


def remove(head: AmiSet, word: Word) -> Change | None:
    """Remove the set; its versions and history stay. None if there is none. Raises Conflict (``deployed``)."""
    if head.removed:
        return None
    if head.deployed:
        pools = ", ".join(sorted(head.deployed))
        raise Conflict(f"{head.ami_set} is deployed to {pools}: withdraw it there first", code="deployed")
    after = replace(
        head,
        removed=True,
        content=Content(images=()),
        checks={},
        last_good=0,
        declined="",
        changed_at=word.at,
    )
    return _changed(head, after, Action.REMOVED, word, number=head.number)


def deploy(
    head: AmiSet,
    was: Deployment | None,
    version: Version,
    *,
    pool: str,
    images: Mapping[str, str],
    follow: Follow,
    check: Check,
    word: Word,
    action: Action = Action.DEPLOYED,
) -> Change | None:
    """Let *pool* launch *version*, translated to *images*; None if it does so already.

    Raises Conflict (``deployed``) if the pool has another set: that is withdrawn first, by whoever may.
    """
    if was and was.ami_set != head.ami_set:
        raise Conflict(f"{pool} launches {was.ami_set}: withdraw that first", code="deployed")
    shall = Deployment(
        pool=pool,
        sequence=was.sequence + 1 if was else 1,
        ami_set=head.ami_set,
        number=version.number,
        follow=follow,
        images=dict(images),
        by=word.by,
        at=word.at,
        checked_at=check.at,
    )
    if was and (was.number, was.follow, was.images) == (shall.number, shall.follow, shall.images):
        return None
    after = checked(replace(head, deployed=head.deployed | {pool: version.number}), {version.number: check})
    change = _changed(head, after, action, word, number=version.number, pool=pool)
    return replace(change, deployment=(was, shall))


def withdraw(head: AmiSet, was: Deployment | None, pool: str, word: Word) -> Change | None:
    """End the deployment to *pool*, which launches the channel's release again; None if there is none.

    A pool that lost its record is let go of too: it must not keep the set from being removed.
    """
    ours = was if was and was.ami_set == head.ami_set else None
    if ours is None and pool not in head.deployed:
        return None
    number = ours.number if ours else head.deployed[pool]
    deployed = {name: number for name, number in head.deployed.items() if name != pool}
    after = _tidy(replace(head, deployed=deployed))
    change = _changed(head, after, Action.WITHDRAWN, word, number=number, pool=pool)
    return replace(change, deployment=(ours, None))


def checked(head: AmiSet, checks: Mapping[int, Check]) -> AmiSet:
    """Return *head* with what EC2 says now; where it does not answer, what it said before counts on."""
    found = dict(head.checks)
    for number, check in checks.items():
        last = found.get(str(number))
        if check.status is Status.UNKNOWN and last:
            continue
        since = last.valid_since if last and last.status is Status.VALID else check.at
        valid = check.status is Status.VALID
        found[str(number)] = replace(check, valid_since=since if valid else None)
    after = _tidy(replace(head, checks=found))
    good = [int(number) for number, check in after.checks.items() if check.status is Status.VALID]
    return replace(after, last_good=max([head.last_good, *good]))


def _versioned(
    head: AmiSet, before: AmiSet, content: Content, check: Check | None, action: Action, word: Word
) -> Change:
    content = replace(content, images=tuple(sorted(content.images)))
    number = before.number + 1
    after = replace(head, number=number, content=content, changed_at=word.at)
    if check:
        after = checked(after, {number: check})
    change = _changed(before, after, action, word, number=number)
    version = Version(
        ami_set=head.ami_set,
        part=version_part(number),
        number=number,
        content=content,
        made_at=word.at,
        by=word.by,
    )
    return replace(change, version=version)


def _changed(
    before: AmiSet, after: AmiSet, action: Action, word: Word, *, number: int, pool: str = ""
) -> Change:
    """Return the change with its entry, chained to the one before."""
    came, went = (
        _named(after.content) - _named(before.content),
        _named(before.content) - _named(after.content),
    )
    told = Audit(
        ami_set=before.ami_set,
        part=audit_part(before.audited + 1),
        action=action,
        at=word.at,
        by=word.by,
        reason=word.reason,
        number=number,
        pool=pool,
        added=tuple(sorted(came)),
        removed=tuple(sorted(went)),
        before=before.content.hash,
        after=after.content.hash,
        despite=word.despite,
        previous=before.chain,
    )
    told = replace(told, hash=audit_hash(told))
    head = replace(after, sequence=before.sequence + 1, audited=before.audited + 1, chain=told.hash)
    return Change(before=before, after=head, audit=told)


def audit_hash(entry: Audit) -> str:
    """Return the hash that *entry* has to have."""
    said = asdict(replace(entry, hash=""))
    return _hashed(said | {"at": stamp(entry.at)})


def _tidy(head: AmiSet) -> AmiSet:
    """Keep what EC2 said of the versions that matter: the latest, and those deployed."""
    matters = {str(number) for number in (head.number, *head.deployed.values())}
    return replace(head, checks={number: each for number, each in head.checks.items() if number in matters})


def _named(content: Content) -> set[str]:
    return {f"{each.key}={each.image_id}" for each in content.images}


def _hashed(value: object) -> str:
    return sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
