"""What people may say of an AMI set and its deployments, and how these look to them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from msgspec import Meta, Struct

from railyard.errors import InvalidRequest
from railyard.model.ami_sets import AmiSet, Audit, Check, Content, Deployment, Status, Version
from railyard.model.answers import stamp
from railyard.model.validation import UNKNOWN
from railyard.wire.ami_sets import Region, read_ami_set
from railyard.wire.decoding import check, defects, read_object
from railyard.wire.pools import Architecture
from serve_api.calls import Answer, Asked, plain
from serve_api.moves import Wish
from serve_api.plan import Route

W = TypeVar("W", bound=Struct)
Number = Annotated[int, Meta(ge=1, le=99_999_999)]


class RollBackWish(Wish, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of a rollback."""

    version: Number


class DeployWish(Wish, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of a deployment."""

    version: Number | Literal["latest"]
    follow: Literal["now", "after-bake", "never"] = "never"


class ImageQuestion(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The query of a translation; EC2's word for ``pv`` is understood."""

    region: Region
    architecture: Architecture
    virtualization: Literal["hvm", "pv", "paravirtual"] = "hvm"

    @property
    def key(self) -> tuple[str, str, str]:
        """What is asked for, in our words."""
        kind = "pv" if self.virtualization == "paravirtual" else self.virtualization
        return self.region, self.architecture, kind


class WriteOptions(Wish, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The query of a write: the body of some is the document."""

    allow_invalid: Literal["true", "false"] = "false"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetWish:
    """A change of a set: the *content* that it shall have, or the version *back* to which it shall go."""

    content: Content | None = None
    back: int = 0
    reason: str
    allow_invalid: bool


def set_wish(act: Route, name: str, asked: Asked) -> SetWish:
    """Return what a write wants of the set *name*; raises InvalidRequest with every defect."""
    options = _fitting(WriteOptions, asked.query)
    allow = options.allow_invalid == "true"
    document = read_object(asked.body)
    if act is Route.ROLL_BACK_SET:
        wish = _fitting(RollBackWish, document)
        return SetWish(back=wish.version, reason=wish.reason or options.reason, allow_invalid=allow)
    return SetWish(content=read_ami_set(name, document), reason=options.reason, allow_invalid=allow)


def deploy_wish(asked: Asked) -> DeployWish:
    """Return what a deployment wants; raises InvalidRequest with every defect."""
    return _fitting(DeployWish, read_object(asked.body))


def image_question(asked: Asked) -> tuple[str, str, str]:
    """Return the region, architecture and virtualization that are asked for; raises InvalidRequest."""
    return _fitting(ImageQuestion, asked.query).key


def _fitting(kind: type[W], value: Mapping[str, Any]) -> W:
    said = read_object(json.dumps(dict(value)))
    wrong = list(defects(said, kind, ""))
    if wrong:
        raise InvalidRequest("; ".join(wrong), path=wrong[0].partition(":")[0] or None)
    return check(kind, said)


def tag(head: AmiSet) -> str:
    """Return what a change of *head* may be bound to: how often people have changed it, not how often EC2 was asked."""
    return f'"{head.audited}"'


def set_view(head: AmiSet) -> dict[str, Any]:
    """Return *head* for its reader."""
    known = head.checks.get(str(head.number))
    return {
        "id": head.ami_set,
        **content_view(head.content),
        "version": head.number,
        "status": head.status(head.number),
        "last_good": head.last_good or None,
        "reasons": {key: list(each) for key, each in known.reasons.items()} if known else {},
        "checked_at": plain(known.at) if known else None,
        "deployed": dict(sorted(head.deployed.items())),
        "changed_at": plain(head.changed_at),
    }


def summary_view(head: AmiSet) -> dict[str, Any]:
    """Return *head* as a list shows it."""
    shown = set_view(head)
    return {name: shown[name] for name in ("id", "version", "status", "tracks", "deployed")}


def content_view(content: Content) -> dict[str, Any]:
    """Return *content* as its manager would write it."""
    return {
        "description": content.description,
        "tracks": {"channel": content.tracks} if content.tracks else None,
        "images": [plain(image) for image in content.images],
    }


def version_view(version: Version) -> dict[str, Any]:
    """Return *version* for its reader."""
    about = {"id": version.ami_set, "version": version.number, **content_view(version.content)}
    return about | {"hash": version.content.hash, "made_at": plain(version.made_at), "by": version.by}


def entry_view(entry: Audit) -> dict[str, Any]:
    """Return *entry* whole: whoever hashes what he reads, as ``docs/ami-sets.md`` says, finds its ``hash``."""
    said: dict[str, Any] = plain(entry)
    return said | {"at": stamp(entry.at)}


def deployment_view(deployed: Deployment) -> dict[str, Any]:
    """Return *deployed* for its reader."""
    said = plain(deployed)
    names = ("ami_set", "pool", "follow", "images", "defects", "by", "at", "checked_at")
    return {"version": deployed.number} | {name: said[name] for name in names}


def validation_view(head: AmiSet, versions: Iterable[Version]) -> dict[str, Any]:
    """Return what is known of the latest version of *head* and of those that pools launch, newest first."""
    newest_first = sorted(versions, key=lambda each: -each.number)
    return {
        "id": head.ami_set,
        "version": head.number,
        "status": head.status(head.number),
        "versions": [_judged(head, version) for version in newest_first],
    }


def _judged(head: AmiSet, version: Version) -> dict[str, Any]:
    known = head.checks.get(str(version.number))
    return {
        "version": version.number,
        "status": head.status(version.number),
        "checked_at": plain(known.at) if known else None,
        "valid_since": plain(known.valid_since) if known else None,
        "pools": sorted(pool for pool, number in head.deployed.items() if number == version.number),
        "images": list(_with_reasons(version.content, known)),
    }


def _with_reasons(content: Content, known: Check | None) -> Iterator[dict[str, Any]]:
    for image in content.images:
        reasons = known.reasons.get(image.key, ()) if known else UNKNOWN
        yield plain(image) | {"reasons": list(reasons)}


def refusal(code: str, message: str, content: Content, known: Check) -> Answer:
    """Return the 422 that names every image of *content* that EC2 has something against, or is silent about."""
    bad = [each for each in _with_reasons(content, known) if each["reasons"]]
    path = "version" if code == "not_validated" else "images"
    return Answer(status=422, body={"error": {"code": code, "message": message, "path": path}, "images": bad})


def invalid(content: Content, known: Check) -> Answer:
    """Return the refusal of *content* for what EC2 has against it."""
    wrong = (f"{key}: {', '.join(each)}" for key, each in sorted(known.reasons.items()))
    return refusal("invalid_images", "; ".join(wrong), content, known)


def despite(known: Check | None) -> tuple[str, ...]:
    """Return what the history says of bad images that are let in."""
    if known is None or known.status is not Status.INVALID:
        return ()
    return tuple(f"{key}={reason}" for key, each in sorted(known.reasons.items()) for reason in each)
